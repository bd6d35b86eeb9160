//! Sessions: how many, how long, how they end. A session that was killed has a start and no end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{day, most_first, name};
use super::datum::{Date, Quotient};
use super::summary::{Ends, only};
use super::table::{Shape, Table, TableSpec, rows};
use super::{Scope, ViewSpec};
use crate::histogram::Histogram;
use crate::store::StoreError;
use crate::store::question::{Group, Key, Subject, Sum, View};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "sessions",
    about: "Sessions: how they end, how long they are, turns, tool calls and errors.",
    tables: &TABLES,
    main: "days",
    serves: &[Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller, Key::Agent, Key::Model],
    limit: "a session is not tied to one tool or to a command",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 4] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All sessions together, those of sub-agents included."),
    TableSpec::new::<Agent>("agents", Shape::List, "Sessions by agent, most used first."),
    TableSpec::new::<Failure>("errors", Shape::List, "Errors within sessions, the most frequent first."),
    TableSpec::new::<OnDay>(
        "days",
        Shape::Series,
        "Each day of the range; a session may start on one day and end on another.",
    ),
];

rows! {
    /// All sessions.
    struct Totals[0] {
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
        /// Distinct installations that started one.
        installs: u64,
        /// Half of the ended sessions were shorter.
        p50_ms: Option<u64>,
        /// 95 of 100 ended sessions were shorter.
        p95_ms: Option<u64>,
        /// 99 of 100 ended sessions were shorter.
        p99_ms: Option<u64>,
        /// Time of all ended sessions together.
        total_ms: u64,
        /// User messages that were answered, of ended sessions.
        turns: u64,
        /// Mean number of turns of an ended session.
        turns_per_session: Quotient,
        /// Tool calls of ended sessions.
        tool_calls: u64,
        /// Mean number of tool calls of an ended session.
        tool_calls_per_session: Quotient,
        /// Tool calls of ended sessions that failed.
        tool_errors: u64,
        /// Errors of ended sessions.
        errors: u64,
    }

    /// Sessions of an agent.
    struct Agent[1] {
        /// The agent.
        agent_name: Arc<str>,
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
        /// Started less ended, at least 0.
        never_ended: u64,
        /// Half of the ended sessions were shorter.
        p50_ms: Option<u64>,
        /// 95 of 100 ended sessions were shorter.
        p95_ms: Option<u64>,
        /// 99 of 100 ended sessions were shorter.
        p99_ms: Option<u64>,
        /// Mean number of turns of an ended session.
        turns_per_session: Quotient,
        /// Mean number of tool calls of an ended session.
        tool_calls_per_session: Quotient,
    }

    /// An error class.
    struct Failure[1] {
        /// The error class.
        error: Arc<str>,
        /// Ended sessions in which it occurred.
        sessions: u64,
        /// How often it occurred.
        errors: u64,
    }

    /// A day.
    struct OnDay[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// Sessions that started.
        started: u64,
        /// Ended as intended.
        completed: u64,
        /// Ended with an error.
        failed: u64,
        /// Ended by the user.
        cancelled: u64,
        /// Ended at a limit of turns or tokens.
        limit: u64,
    }
}

const SUMS: [Sum; 5] = [Sum::Turns, Sum::ToolCalls, Sum::ToolErrors, Sum::Errors, Sum::DurationMs];

/// Sessions, added up.
#[derive(Debug, Clone, Default)]
struct Tallied {
    started: u64,
    ends: Ends,
    /// In the order of [`SUMS`].
    sums: [u64; 5],
    durations: Histogram,
}

impl Tallied {
    fn add_ends(&mut self, outcome: &str, group: &Group) {
        self.ends.add(outcome, group.count);
        self.sums.iter_mut().zip(&group.sums).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        self.durations.merge(&group.durations);
    }

    fn merge(&mut self, other: &Self) {
        self.started += other.started;
        self.ends.merge(other.ends);
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        self.durations.merge(&other.durations);
    }
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let mut by_agent: BTreeMap<Arc<str>, Tallied> = BTreeMap::new();
    let mut by_day: BTreeMap<i64, Tallied> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::SessionStart).by([Key::Day, Key::Agent]))? {
        by_day.entry(day(&group.keys[0])).or_default().started += group.count;
        by_agent.entry(name(&group.keys[1])).or_default().started += group.count;
    }
    let ends = scope.of(Subject::SessionEnd);
    for group in view.groups(&ends.clone().by([Key::Agent, Key::Outcome]).adding(SUMS).with_durations())? {
        by_agent.entry(name(&group.keys[0])).or_default().add_ends(group.keys[1].text(), &group);
    }
    for group in view.groups(&ends.by([Key::Day, Key::Outcome]))? {
        by_day.entry(day(&group.keys[0])).or_default().add_ends(group.keys[1].text(), &group);
    }
    let installs = only(view.groups(&scope.of(Subject::SessionStart).with_installs())?).installs;
    let mut totals = Tallied::default();
    by_agent.values().for_each(|some| totals.merge(some));
    let mut agents: Vec<Agent> = by_agent.into_iter().map(Agent::new).collect();
    most_first(&mut agents, |row| (row.started, Arc::clone(&row.agent_name)));
    let days: Vec<OnDay> =
        scope.range.days().map(|day| OnDay::new(day, &by_day.remove(&day).unwrap_or_default())).collect();
    let [totals_spec, agents_spec, errors_spec, days_spec] = &TABLES;
    Ok(vec![
        totals_spec.fill([&Totals::new(&totals, installs)]),
        agents_spec.fill(&agents),
        errors_spec.fill(&failures(view, scope)?),
        days_spec.fill(&days),
    ])
}

fn failures(view: &mut dyn View, scope: &Scope) -> Result<Vec<Failure>, StoreError> {
    let question = scope.of(Subject::SessionError).by([Key::Error]).adding([Sum::Errors]);
    let row =
        |group: Group| Failure { error: name(&group.keys[0]), sessions: group.count, errors: group.sums[0] };
    let mut rows: Vec<Failure> = view.groups(&question)?.into_iter().map(row).collect();
    most_first(&mut rows, |row| (row.errors, Arc::clone(&row.error)));
    Ok(rows)
}

impl Totals {
    fn new(some: &Tallied, installs: u64) -> Self {
        let [turns, tool_calls, tool_errors, errors, total_ms] = some.sums;
        let [p50_ms, p95_ms, p99_ms] = [50, 95, 99].map(|percent| some.durations.percentile(percent));
        let Ends { all, completed, failed, cancelled, limit } = some.ends;
        Self {
            started: some.started,
            completed,
            failed,
            cancelled,
            limit,
            never_ended: some.started.saturating_sub(all),
            installs,
            p50_ms,
            p95_ms,
            p99_ms,
            total_ms,
            turns,
            turns_per_session: Quotient::of(turns, all),
            tool_calls,
            tool_calls_per_session: Quotient::of(tool_calls, all),
            tool_errors,
            errors,
        }
    }
}

impl Agent {
    fn new((agent_name, some): (Arc<str>, Tallied)) -> Self {
        let Totals {
            started,
            completed,
            failed,
            cancelled,
            limit,
            never_ended,
            p50_ms,
            p95_ms,
            p99_ms,
            turns_per_session,
            tool_calls_per_session,
            ..
        } = Totals::new(&some, 0);
        Self {
            agent_name,
            started,
            completed,
            failed,
            cancelled,
            limit,
            never_ended,
            p50_ms,
            p95_ms,
            p99_ms,
            turns_per_session,
            tool_calls_per_session,
        }
    }
}

impl OnDay {
    fn new(day: i64, some: &Tallied) -> Self {
        let Ends { completed, failed, cancelled, limit, .. } = some.ends;
        Self { date: Date(day), started: some.started, completed, failed, cancelled, limit }
    }
}
