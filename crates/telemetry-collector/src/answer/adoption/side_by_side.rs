//! Versions side by side: is a release better or worse than the one before?

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::answer::Scope;
use crate::answer::calls::{Calls, most_first, name};
use crate::answer::datum::Quotient;
use crate::answer::summary::Ends;
use crate::answer::table::{Table, TableSpec, rows};
use crate::store::StoreError;
use crate::store::question::{Key, Subject, View};

rows! {
    /// A version.
    struct Compared[1] {
        /// The version.
        version: Arc<str>,
        /// Distinct installations in the range.
        installs: u64,
        /// How often commands ran.
        commands: u64,
        /// How often they failed.
        command_failures: u64,
        /// The share of commands that failed.
        command_failure_rate: Quotient,
        /// Half of the commands were faster.
        command_p50_ms: Option<u64>,
        /// 95 of 100 commands were faster.
        command_p95_ms: Option<u64>,
        /// How often tools were called.
        tool_calls: u64,
        /// How often a call failed.
        tool_failures: u64,
        /// The share of tool calls that failed.
        tool_failure_rate: Quotient,
        /// Half of the tool calls were faster.
        tool_p50_ms: Option<u64>,
        /// 95 of 100 tool calls were faster.
        tool_p95_ms: Option<u64>,
        /// Sessions that started.
        sessions_started: u64,
        /// Sessions that ended with an error.
        sessions_failed: u64,
        /// The share of ended sessions that ended with an error.
        session_failure_rate: Quotient,
        /// Sessions started less ended, at least 0.
        sessions_never_ended: u64,
    }

    /// A command of a version.
    struct ComparedCommand[2] {
        /// The command.
        action: Arc<str>,
        /// The version.
        version: Arc<str>,
        /// How often it ran.
        calls: u64,
        /// How often it failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Half of the runs were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 runs were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 runs were faster.
        p99_ms: Option<u64>,
    }

    /// A tool of a version.
    struct ComparedTool[2] {
        /// The tool.
        tool_name: Arc<str>,
        /// The version.
        version: Arc<str>,
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

type ByVersion<T> = HashMap<Arc<str>, T>;

/// The tables for the versions that were asked for, in the order in which they were.
pub(super) fn tables(
    view: &mut dyn View,
    scope: &Scope,
    installs: &[(Arc<str>, Vec<u64>)],
    specs: &'static [TableSpec],
) -> Result<Vec<Table>, StoreError> {
    let [compared_spec, commands_spec, tools_spec] = specs else { return Ok(Vec::new()) };
    let (commands, mut by_command) = commands(view, scope)?;
    let (tools, mut by_tool) = tools(view, scope)?;
    let sessions = sessions(view, scope)?;
    let row = |version: &String| {
        let version: Arc<str> = version.as_str().into();
        let installs =
            installs.iter().find(|(known, _)| *known == version).map_or(0, |(_, counts)| counts[0]);
        let of = |calls: &ByVersion<Calls>| calls.get(&version).cloned().unwrap_or_default();
        let sessions = sessions.get(&version).copied().unwrap_or_default();
        Compared::new(version.clone(), installs, &of(&commands), &of(&tools), sessions)
    };
    let compared: Vec<Compared> = scope.filtered(Key::Version).iter().map(row).collect();
    most_first(&mut by_command, |row| (0, (Arc::clone(&row.action), Arc::clone(&row.version))));
    most_first(&mut by_tool, |row| (0, (Arc::clone(&row.tool_name), Arc::clone(&row.version))));
    Ok(vec![compared_spec.fill(&compared), commands_spec.fill(&by_command), tools_spec.fill(&by_tool)])
}

fn commands(
    view: &mut dyn View,
    scope: &Scope,
) -> Result<(ByVersion<Calls>, Vec<ComparedCommand>), StoreError> {
    let question = scope.of(Subject::Command).by([Key::Version, Key::Action, Key::Success]).with_durations();
    let mut all: ByVersion<Calls> = HashMap::new();
    let mut each: BTreeMap<(Arc<str>, Arc<str>), Calls> = BTreeMap::new();
    for group in view.groups(&question)? {
        let (version, action) = (name(&group.keys[0]), name(&group.keys[1]));
        all.entry(Arc::clone(&version)).or_default().add_command(&group.keys[2], &group);
        each.entry((action, version)).or_default().add_command(&group.keys[2], &group);
    }
    let row = |((action, version), of): (_, Calls)| {
        let [p50_ms, p95_ms, p99_ms] = of.percentiles();
        let Calls { calls, failures, .. } = of;
        let failure_rate = Quotient::of(failures, calls);
        ComparedCommand { action, version, calls, failures, failure_rate, p50_ms, p95_ms, p99_ms }
    };
    Ok((all, each.into_iter().map(row).collect()))
}

fn tools(view: &mut dyn View, scope: &Scope) -> Result<(ByVersion<Calls>, Vec<ComparedTool>), StoreError> {
    let keys = [Key::Version, Key::Tool, Key::Outcome, Key::Success];
    let mut all: ByVersion<Calls> = HashMap::new();
    let mut each: BTreeMap<(Arc<str>, Arc<str>), Calls> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Tool).by(keys).with_durations())? {
        let (version, tool) = (name(&group.keys[0]), name(&group.keys[1]));
        all.entry(Arc::clone(&version)).or_default().add_tool(&group.keys[2], &group.keys[3], &group);
        each.entry((tool, version)).or_default().add_tool(&group.keys[2], &group.keys[3], &group);
    }
    let row = |((tool_name, version), of): (_, Calls)| {
        let [p50_ms, p95_ms, p99_ms] = of.percentiles();
        let Calls { calls, failures, .. } = of;
        let failure_rate = Quotient::of(failures, calls);
        ComparedTool { tool_name, version, calls, failures, failure_rate, p50_ms, p95_ms, p99_ms }
    };
    Ok((all, each.into_iter().map(row).collect()))
}

/// Sessions that started, and how sessions ended.
fn sessions(view: &mut dyn View, scope: &Scope) -> Result<ByVersion<(u64, Ends)>, StoreError> {
    let mut sessions: ByVersion<(u64, Ends)> = HashMap::new();
    for group in view.groups(&scope.of(Subject::SessionStart).by([Key::Version]))? {
        sessions.entry(name(&group.keys[0])).or_default().0 += group.count;
    }
    for group in view.groups(&scope.of(Subject::SessionEnd).by([Key::Version, Key::Outcome]))? {
        sessions.entry(name(&group.keys[0])).or_default().1.add(group.keys[1].text(), group.count);
    }
    Ok(sessions)
}

impl Compared {
    fn new(
        version: Arc<str>,
        installs: u64,
        commands: &Calls,
        tools: &Calls,
        (started, ends): (u64, Ends),
    ) -> Self {
        let [command_p50_ms, command_p95_ms, _] = commands.percentiles();
        let [tool_p50_ms, tool_p95_ms, _] = tools.percentiles();
        Self {
            version,
            installs,
            commands: commands.calls,
            command_failures: commands.failures,
            command_failure_rate: Quotient::of(commands.failures, commands.calls),
            command_p50_ms,
            command_p95_ms,
            tool_calls: tools.calls,
            tool_failures: tools.failures,
            tool_failure_rate: Quotient::of(tools.failures, tools.calls),
            tool_p50_ms,
            tool_p95_ms,
            sessions_started: started,
            sessions_failed: ends.failed,
            session_failure_rate: Quotient::of(ends.failed, ends.all),
            sessions_never_ended: started.saturating_sub(ends.all),
        }
    }
}
