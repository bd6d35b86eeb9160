//! Tools: calls, how they end, and how long they take; with `tool=NAME`, one of them by version and agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{Calls, day, most_first, name};
use super::datum::{Date, Quotient, Tally};
use super::summary::only;
use super::table::{Shape, Table, TableSpec, rows};
use super::{Scope, ViewSpec};
use crate::store::StoreError;
use crate::store::question::{Cell, Key, Subject, View};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "tools",
    about: "Tools: calls, failures and durations; with `tool=NAME`, one tool by version and by agent.",
    tables: &TABLES,
    main: "tools",
    serves: &[Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller, Key::Agent, Key::Tool],
    limit: "a tool call is tied to an agent, and not to a model or a command",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 7] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All tool calls together."),
    TableSpec::new::<Tool>("tools", Shape::List, "Tools, most used first."),
    TableSpec::new::<Part>("kinds", Shape::List, "The calls by kind of tool, most used first."),
    TableSpec::new::<Failure>("errors", Shape::List, "Why calls failed, the most frequent first."),
    TableSpec::new::<OnDay>("days", Shape::Series, "Each day of the range."),
    TableSpec::new::<Part>("versions", Shape::List, "The calls by version, most used first.")
        .only("with `tool`"),
    TableSpec::new::<Part>("agents", Shape::List, "The calls by agent, most used first.").only("with `tool`"),
];

rows! {
    /// All tool calls.
    struct Totals[0] {
        /// How often tools were called.
        calls: u64,
        /// How often a call failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Calls that the user did not allow.
        denied: u64,
        /// Calls that were interrupted.
        cancelled: u64,
        /// Distinct installations that called one.
        installs: u64,
        /// Half of the calls were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 calls were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 calls were faster.
        p99_ms: Option<u64>,
    }

    /// A tool.
    struct Tool[2] {
        /// The tool.
        tool_name: Arc<str>,
        /// Where it comes from: `builtin`, `mcp`, `script` or `agent`.
        tool_kind: Arc<str>,
        /// How often it was called.
        calls: u64,
        /// How often it failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Calls that the user did not allow.
        denied: u64,
        /// Calls that were interrupted.
        cancelled: u64,
        /// Distinct installations that called it.
        installs: u64,
        /// Half of the calls were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 calls were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 calls were faster.
        p99_ms: Option<u64>,
        /// Calls by error class; those without one are left out.
        errors: Tally,
    }

    /// An error class.
    struct Failure[1] {
        /// The error class.
        error: Arc<str>,
        /// How many calls ended with it.
        calls: u64,
    }

    /// A day.
    struct OnDay[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// How often tools were called.
        calls: u64,
        /// How often a call failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Calls that the user did not allow.
        denied: u64,
        /// Calls that were interrupted.
        cancelled: u64,
    }

    /// Calls of one kind, version or agent.
    struct Part[1] {
        /// The kind, the version or the agent.
        name: Arc<str>,
        /// How often it was called.
        calls: u64,
        /// How often it failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Half of the calls were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 calls were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 calls were faster.
        p99_ms: Option<u64>,
    }
}

type ToolKey = (Arc<str>, Arc<str>);

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let [totals_spec, tools_spec, kinds_spec, errors_spec, days_spec, versions_spec, agents_spec] = &TABLES;
    let mut by_tool = ends(view, scope)?;
    let whole = only(view.groups(&scope.of(Subject::Tool).with_installs())?);
    let (mut totals, mut errors, mut tools) = (Calls::default(), Tally::new(), Vec::new());
    let mut by_kind: BTreeMap<Arc<str>, Calls> = BTreeMap::new();
    let by_installs = scope.of(Subject::Tool).by([Key::Tool, Key::ToolKind]).with_installs().with_durations();
    for group in view.groups(&by_installs)? {
        let key = (name(&group.keys[0]), name(&group.keys[1]));
        let (mut calls, tool_errors) = by_tool.remove(&key).unwrap_or_default();
        calls.durations = group.durations;
        totals.merge(&calls);
        by_kind.entry(Arc::clone(&key.1)).or_default().merge(&calls);
        for (error, count) in &tool_errors {
            *errors.entry(Arc::clone(error)).or_default() += count;
        }
        tools.push(Tool::new(key, group.installs, &calls, tool_errors));
    }
    most_first(&mut tools, |row| (row.calls, (Arc::clone(&row.tool_name), Arc::clone(&row.tool_kind))));
    let mut errors: Vec<Failure> =
        errors.into_iter().map(|(error, calls)| Failure { error, calls }).collect();
    most_first(&mut errors, |row| (row.calls, Arc::clone(&row.error)));
    let mut tables = vec![
        totals_spec.fill([&Totals::new(whole.installs, &totals)]),
        tools_spec.fill(&tools),
        kinds_spec.fill(&Part::most_used(by_kind)),
        errors_spec.fill(&errors),
        days_spec.fill(&days(view, scope)?),
    ];
    if !scope.filtered(Key::Tool).is_empty() {
        tables.push(versions_spec.fill(&parts(view, scope, Key::Version)?));
        tables.push(agents_spec.fill(&parts(view, scope, Key::Agent)?));
    }
    Ok(tables)
}

fn ends(view: &mut dyn View, scope: &Scope) -> Result<BTreeMap<ToolKey, (Calls, Tally)>, StoreError> {
    let keys = [Key::Tool, Key::ToolKind, Key::Outcome, Key::Success, Key::Error];
    let mut by_tool: BTreeMap<ToolKey, (Calls, Tally)> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Tool).by(keys))? {
        let [tool, kind, outcome, success, error] = &group.keys[..] else { continue };
        let (calls, errors) = by_tool.entry((name(tool), name(kind))).or_default();
        calls.add_tool(outcome, success, &group);
        if *error != Cell::Absent {
            *errors.entry(name(error)).or_default() += group.count;
        }
    }
    Ok(by_tool)
}

fn days(view: &mut dyn View, scope: &Scope) -> Result<Vec<OnDay>, StoreError> {
    let mut by_day: BTreeMap<i64, Calls> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Tool).by([Key::Day, Key::Outcome, Key::Success]))? {
        by_day.entry(day(&group.keys[0])).or_default().add_tool(&group.keys[1], &group.keys[2], &group);
    }
    let row = |day| {
        let Calls { calls, failures, cancelled, denied, .. } = by_day.remove(&day).unwrap_or_default();
        let failure_rate = Quotient::of(failures, calls);
        OnDay { date: Date(day), calls, failures, failure_rate, denied, cancelled }
    };
    Ok(scope.range.days().map(row).collect())
}

fn parts(view: &mut dyn View, scope: &Scope, key: Key) -> Result<Vec<Part>, StoreError> {
    let mut by_part: BTreeMap<Arc<str>, Calls> = BTreeMap::new();
    let question = scope.of(Subject::Tool).by([key, Key::Outcome, Key::Success]).with_durations();
    for group in view.groups(&question)? {
        let calls = by_part.entry(name(&group.keys[0])).or_default();
        calls.add_tool(&group.keys[1], &group.keys[2], &group);
    }
    Ok(Part::most_used(by_part))
}

impl Part {
    fn most_used(parts: BTreeMap<Arc<str>, Calls>) -> Vec<Self> {
        let row = |(name, of): (Arc<str>, Calls)| {
            let [p50_ms, p95_ms, p99_ms] = of.percentiles();
            let Calls { calls, failures, .. } = of;
            let failure_rate = Quotient::of(failures, calls);
            Self { name, calls, failures, failure_rate, p50_ms, p95_ms, p99_ms }
        };
        let mut rows: Vec<Self> = parts.into_iter().map(row).collect();
        most_first(&mut rows, |row| (row.calls, Arc::clone(&row.name)));
        rows
    }
}

impl Totals {
    fn new(installs: u64, of: &Calls) -> Self {
        let [p50_ms, p95_ms, p99_ms] = of.percentiles();
        let Calls { calls, failures, cancelled, denied, .. } = *of;
        let failure_rate = Quotient::of(failures, calls);
        Self { calls, failures, failure_rate, denied, cancelled, installs, p50_ms, p95_ms, p99_ms }
    }
}

impl Tool {
    fn new((tool_name, tool_kind): ToolKey, installs: u64, of: &Calls, errors: Tally) -> Self {
        let Totals { calls, failures, failure_rate, denied, cancelled, p50_ms, p95_ms, p99_ms, .. } =
            Totals::new(installs, of);
        Self {
            tool_name,
            tool_kind,
            calls,
            failures,
            failure_rate,
            denied,
            cancelled,
            installs,
            p50_ms,
            p95_ms,
            p99_ms,
            errors,
        }
    }
}
