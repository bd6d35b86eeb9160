//! The summary: who used what, what failed, what it cost, in a range of days.

mod daily;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{Calls, day, most_first, name};
use super::datum::{Date, Dollars, Quotient};
use super::health::count;
use super::range::Range;
use super::table::{Shape, Table, TableSpec, rows};
use super::{ORIGIN, Scope, ViewSpec};
use crate::store::StoreError;
use crate::store::question::{Arrival, Group, Key, Subject, Sum, View};
use daily::{Days, OnDay, past};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "summary",
    about: "Who used what, what failed and what it cost.",
    tables: &TABLES,
    main: "days",
    serves: ORIGIN,
    limit: "commands and active installations belong to no agent, model, tool or command",
    ask: |view, scope| Summary::ask(view, scope).map(|summary| summary.tables()),
};

static TABLES: [TableSpec; 10] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "The whole range together."),
    TableSpec::new::<EventCounts>("events", Shape::Object, "Stored events by kind."),
    TableSpec::new::<Installs>(
        "installs",
        Shape::Object,
        "Distinct installations with an event. \
         Week and month end with the range, the day is over; they may reach back beyond the range's beginning.",
    ),
    TableSpec::new::<Command>("commands", Shape::List, "Commands, most used first."),
    TableSpec::new::<Tool>("tools", Shape::List, "Tools, most used first."),
    TableSpec::new::<Model>("models", Shape::List, "Models, those with the most tokens first."),
    TableSpec::new::<Sessions>("sessions", Shape::Object, "Sessions by how they ended."),
    TableSpec::new::<Ingest>(
        "ingest",
        Shape::Object,
        "Records received, by their day of arrival; filters do not apply.",
    ),
    TableSpec::new::<DayCounts>("days", Shape::Series, "Each day of the range."),
    TableSpec::new::<Other>("others", Shape::List, "Events of other names, from other tools' catalogues."),
];

rows! {
    /// The whole range.
    struct Totals[0] {
        /// Stored commands, sessions, tool calls and calls of models.
        events: u64,
        /// Commands that ended.
        commands: u64,
        /// Commands that failed.
        command_failures: u64,
        /// The share of commands that failed.
        command_failure_rate: Quotient,
        /// Tool calls.
        tool_calls: u64,
        /// Tool calls that failed.
        tool_failures: u64,
        /// The share of tool calls that failed.
        tool_failure_rate: Quotient,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Tokens read and written.
        tokens: u64,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// Calls of models whose price is not known; they are not in `cost`.
        unpriced_calls: u64,
    }

    /// Stored events.
    struct EventCounts[0] {
        /// Commands that ended.
        command: u64,
        /// Sessions that started or ended.
        session: u64,
        /// Tool calls.
        tool: u64,
        /// Calls of models.
        token: u64,
    }

    /// Events of another name.
    struct Other[1] {
        /// The event's name.
        event: Arc<str>,
        /// How many are stored.
        count: u64,
    }

    /// Distinct installations.
    struct Installs[0] {
        /// On the last day of the range that is over: not today, which has just begun.
        day: u64,
        /// In the last 7 days.
        week: u64,
        /// In the last 30 days.
        month: u64,
        /// In the whole range.
        range: u64,
    }

    /// A command.
    struct Command[1] {
        /// The command.
        action: Arc<str>,
        /// How often it ran.
        calls: u64,
        /// How often it failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
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
        /// Half of the calls were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 calls were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 calls were faster.
        p99_ms: Option<u64>,
    }

    /// A model.
    struct Model[2] {
        /// Who runs it.
        model_provider: Arc<str>,
        /// The model that answered.
        model_name: Arc<str>,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// Calls whose price is not known; they are not in `cost`.
        unpriced_calls: u64,
        /// How often it was called.
        calls: u64,
    }

    /// Sessions.
    struct Sessions[0] {
        /// Sessions that started in the range.
        started: u64,
        /// Ended as intended.
        completed: u64,
        /// Ended with an error.
        failed: u64,
        /// Ended by the user.
        cancelled: u64,
        /// Ended at a limit of turns or tokens.
        limit: u64,
        /// Started less ended, at least 0: what was killed, still runs, or has not reported yet.
        never_ended: u64,
    }

    /// Arrived records.
    struct Ingest[0] {
        /// Stored for the first time.
        accepted: u64,
        /// Sent again, stored once.
        duplicates: u64,
        /// Refused with a reason.
        rejected: u64,
    }

    /// A day.
    struct DayCounts[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// Distinct installations with an event on this day.
        installs: u64,
        /// Commands that ended.
        command: u64,
        /// Sessions that started or ended.
        session: u64,
        /// Tool calls.
        tool: u64,
        /// Calls of models.
        token: u64,
        /// Commands that failed.
        command_failures: u64,
        /// The share of commands that failed.
        command_failure_rate: Quotient,
        /// Sessions that started.
        sessions_started: u64,
        /// Tokens read and written.
        tokens: u64,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
    }
}

/// The answer of `GET /api/v1/summary`.
#[derive(Debug)]
struct Summary {
    totals: Totals,
    events: EventCounts,
    installs: Installs,
    commands: Vec<Command>,
    tools: Vec<Tool>,
    models: Vec<Model>,
    sessions: Sessions,
    ingest: Ingest,
    days: Vec<DayCounts>,
    others: Vec<Other>,
}

impl Summary {
    /// Asks a store.
    fn ask(view: &mut dyn View, scope: &Scope) -> Result<Self, StoreError> {
        let mut days = Days::new();
        let commands = commands(view, scope, &mut days)?;
        let tools = tools(view, scope, &mut days)?;
        let models = models(view, scope, &mut days)?;
        let (sessions, others) = sessions(view, scope, &mut days)?;
        let past = past(view, scope)?;
        days.extend(past.iter().map(|totals| (totals.day, OnDay::of(totals))));
        let all = days.values().fold(OnDay::default(), OnDay::merge);
        let events =
            EventCounts { command: all.command, session: all.session, tool: all.tool, token: all.token };
        let (mut installs, mut by_day) = installs(view, scope)?;
        for totals in &past {
            by_day[(totals.day - scope.range.from) as usize] = totals.active_day;
        }
        if let Some(last) = past.last().filter(|last| last.day == scope.range.to) {
            (installs.day, installs.week, installs.month) =
                (last.active_day, last.active_week, last.active_month);
        }
        let ingest = Ingest::of(&view.arrivals(scope.range)?);
        let day = |(date, installs)| {
            let on: OnDay = days.get(&date).copied().unwrap_or_default();
            DayCounts::new(date, installs, &on)
        };
        let days = scope.range.days().zip(by_day).map(day).collect();
        let totals = Totals::new(&all);
        Ok(Self { totals, events, installs, commands, tools, models, sessions, ingest, days, others })
    }

    fn tables(&self) -> Vec<Table> {
        let [totals, events, installs, commands, tools, models, sessions, ingest, days, others] = &TABLES;
        vec![
            totals.fill([&self.totals]),
            events.fill([&self.events]),
            installs.fill([&self.installs]),
            commands.fill(&self.commands),
            tools.fill(&self.tools),
            models.fill(&self.models),
            sessions.fill([&self.sessions]),
            ingest.fill([&self.ingest]),
            days.fill(&self.days),
            others.fill(&self.others),
        ]
    }
}

fn commands(view: &mut dyn View, scope: &Scope, days: &mut Days) -> Result<Vec<Command>, StoreError> {
    let mut by_action: BTreeMap<Arc<str>, Calls> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Command).by([Key::Day, Key::Action, Key::Success]))? {
        let mut calls = Calls::default();
        calls.add_command(&group.keys[2], &group);
        let on = days.entry(day(&group.keys[0])).or_default();
        on.command += calls.calls;
        on.command_failures += calls.failures;
        by_action.entry(name(&group.keys[1])).or_default().merge(&calls);
    }
    let row = |(action, Calls { calls, failures, .. }): (_, Calls)| {
        let failure_rate = Quotient::of(failures, calls);
        Command { action, calls, failures, failure_rate }
    };
    let mut rows: Vec<Command> = by_action.into_iter().map(row).collect();
    most_first(&mut rows, |row| (row.calls, Arc::clone(&row.action)));
    Ok(rows)
}

fn tools(view: &mut dyn View, scope: &Scope, days: &mut Days) -> Result<Vec<Tool>, StoreError> {
    for group in view.groups(&scope.of(Subject::Tool).by([Key::Day, Key::Outcome, Key::Success]))? {
        let mut calls = Calls::default();
        calls.add_tool(&group.keys[1], &group.keys[2], &group);
        let on = days.entry(day(&group.keys[0])).or_default();
        on.tool += calls.calls;
        on.tool_failures += calls.failures;
    }
    let keys = [Key::Tool, Key::ToolKind, Key::Outcome, Key::Success];
    let mut by_tool: BTreeMap<(Arc<str>, Arc<str>), Calls> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Tool).by(keys).with_durations())? {
        let [tool, kind, outcome, success] = &group.keys[..] else { continue };
        by_tool.entry((name(tool), name(kind))).or_default().add_tool(outcome, success, &group);
    }
    let row = |((tool_name, tool_kind), of): ((Arc<str>, Arc<str>), Calls)| {
        let [p50_ms, p95_ms, p99_ms] = of.percentiles();
        let Calls { calls, failures, .. } = of;
        let failure_rate = Quotient::of(failures, calls);
        Tool { tool_name, tool_kind, calls, failures, failure_rate, p50_ms, p95_ms, p99_ms }
    };
    let mut rows: Vec<Tool> = by_tool.into_iter().map(row).collect();
    most_first(&mut rows, |row| (row.calls, (Arc::clone(&row.tool_name), Arc::clone(&row.tool_kind))));
    Ok(rows)
}

/// What the calls of a model add up to.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    calls: u64,
    /// Input, output, cost, and how many calls have one.
    sums: [u64; 4],
}

fn models(view: &mut dyn View, scope: &Scope, days: &mut Days) -> Result<Vec<Model>, StoreError> {
    let sums = [Sum::InputTokens, Sum::OutputTokens, Sum::CostNano, Sum::Priced];
    let question = scope.of(Subject::Token).by([Key::Day, Key::Provider, Key::Model]).adding(sums);
    let mut by_model: BTreeMap<(Arc<str>, Arc<str>), Usage> = BTreeMap::new();
    for group in view.groups(&question)? {
        let on = days.entry(day(&group.keys[0])).or_default();
        on.token += group.count;
        on.input_tokens = on.input_tokens.saturating_add(group.sums[0]);
        on.output_tokens = on.output_tokens.saturating_add(group.sums[1]);
        on.cost_nano = on.cost_nano.saturating_add(group.sums[2]);
        on.priced += group.sums[3];
        let model = by_model.entry((name(&group.keys[1]), name(&group.keys[2]))).or_default();
        model.calls += group.count;
        model.sums.iter_mut().zip(&group.sums).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
    }
    let row = |((model_provider, model_name), usage): (_, Usage)| {
        let Usage { calls, sums: [input_tokens, output_tokens, cost, priced] } = usage;
        Model {
            model_provider,
            model_name,
            input_tokens,
            output_tokens,
            cost: Dollars((priced > 0).then_some(cost)),
            unpriced_calls: calls - priced,
            calls,
        }
    };
    let mut rows: Vec<Model> = by_model.into_iter().map(row).collect();
    most_first(&mut rows, |row| {
        let names = (Arc::clone(&row.model_provider), Arc::clone(&row.model_name));
        (row.input_tokens.saturating_add(row.output_tokens), names)
    });
    Ok(rows)
}

/// Sessions, and events of no kind that has a table of its own.
fn sessions(
    view: &mut dyn View,
    scope: &Scope,
    days: &mut Days,
) -> Result<(Sessions, Vec<Other>), StoreError> {
    let mut started = 0;
    for group in view.groups(&scope.of(Subject::SessionStart).by([Key::Day]))? {
        let on = days.entry(day(&group.keys[0])).or_default();
        on.started += group.count;
        on.session += group.count;
        started += group.count;
    }
    let mut ends = Ends::default();
    for group in view.groups(&scope.of(Subject::SessionEnd).by([Key::Day, Key::Outcome]))? {
        days.entry(day(&group.keys[0])).or_default().session += group.count;
        ends.add(group.keys[1].text(), group.count);
    }
    let mut others: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Other).by([Key::Day, Key::Event]))? {
        if group.keys[1].text() == "session" {
            days.entry(day(&group.keys[0])).or_default().session += group.count;
        } else {
            *others.entry(name(&group.keys[1])).or_default() += group.count;
        }
    }
    let mut others: Vec<Other> = others.into_iter().map(|(event, count)| Other { event, count }).collect();
    most_first(&mut others, |row| (row.count, Arc::clone(&row.event)));
    Ok((ends.with_started(started), others))
}

/// Ends of sessions by outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    pub(super) all: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    pub(super) limit: u64,
}

impl Ends {
    pub(super) fn add(&mut self, outcome: &str, count: u64) {
        self.all += count;
        match outcome {
            "completed" => self.completed += count,
            "failed" => self.failed += count,
            "cancelled" => self.cancelled += count,
            "limit" => self.limit += count,
            _ => {}
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.all += other.all;
        self.completed += other.completed;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.limit += other.limit;
    }

    fn with_started(self, started: u64) -> Sessions {
        let Self { all, completed, failed, cancelled, limit } = self;
        Sessions { started, completed, failed, cancelled, limit, never_ended: started.saturating_sub(all) }
    }
}

/// Distinct installations in the windows that are shown, and on each day.
fn installs(view: &mut dyn View, scope: &Scope) -> Result<(Installs, Vec<u64>), StoreError> {
    let range = scope.range;
    let mut windows = vec![Range::day(scope.last_whole_day()), range.window(7), range.window(30), range];
    let own = windows.len();
    windows.extend(range.days().map(Range::day));
    let counts = view.active(&windows, None, &scope.filters)?;
    let mut counts = counts.into_iter().next().map(|active| active.installs).unwrap_or_default();
    counts.resize(windows.len(), 0);
    let days = counts.split_off(own);
    let installs = Installs { day: counts[0], week: counts[1], month: counts[2], range: counts[3] };
    Ok((installs, days))
}

impl Ingest {
    fn of(arrivals: &[Arrival]) -> Self {
        let of = |fate| count(arrivals, fate);
        Self { accepted: of("accepted"), duplicates: of("duplicate"), rejected: of("rejected") }
    }
}

impl Totals {
    fn new(all: &OnDay) -> Self {
        Self {
            events: all.command + all.session + all.tool + all.token,
            commands: all.command,
            command_failures: all.command_failures,
            command_failure_rate: Quotient::of(all.command_failures, all.command),
            tool_calls: all.tool,
            tool_failures: all.tool_failures,
            tool_failure_rate: Quotient::of(all.tool_failures, all.tool),
            input_tokens: all.input_tokens,
            output_tokens: all.output_tokens,
            tokens: all.tokens(),
            cost: all.cost(),
            unpriced_calls: all.token - all.priced,
        }
    }
}

impl DayCounts {
    fn new(date: i64, installs: u64, on: &OnDay) -> Self {
        Self {
            date: Date(date),
            installs,
            command: on.command,
            session: on.session,
            tool: on.tool,
            token: on.token,
            command_failures: on.command_failures,
            command_failure_rate: Quotient::of(on.command_failures, on.command),
            sessions_started: on.started,
            tokens: on.tokens(),
            cost: on.cost(),
        }
    }
}

/// The facts of a question with no keys: one group, also when there are none.
pub(super) fn only(groups: Vec<Group>) -> Group {
    groups.into_iter().next().unwrap_or_default()
}
