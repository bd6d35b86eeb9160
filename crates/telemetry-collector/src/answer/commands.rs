//! Commands: how often they run, how they end, with which flags, and how long they take.

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
    name: "commands",
    about: "Commands: use, failures by exit code and error class, flags and durations.",
    tables: &TABLES,
    main: "commands",
    serves: &[Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller, Key::Action],
    limit: "a command is not tied to an agent, a model or a tool",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 5] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All commands together."),
    TableSpec::new::<Command>("commands", Shape::List, "Commands, most used first."),
    TableSpec::new::<Failure>("errors", Shape::List, "Why commands failed, the most frequent first."),
    TableSpec::new::<ExitCode>("exit_codes", Shape::List, "Exit codes, the most frequent first."),
    TableSpec::new::<OnDay>("days", Shape::Series, "Each day of the range."),
];

rows! {
    /// All commands.
    struct Totals[0] {
        /// How often commands ran.
        calls: u64,
        /// How often they failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// Distinct installations that ran one.
        installs: u64,
        /// Half of the runs were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 runs were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 runs were faster.
        p99_ms: Option<u64>,
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
        /// Distinct installations that ran it.
        installs: u64,
        /// Half of the runs were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 runs were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 runs were faster.
        p99_ms: Option<u64>,
        /// Runs by exit code.
        exit_codes: Tally,
        /// Runs by error class; those without one are left out.
        errors: Tally,
        /// Runs by flag; a run with several flags counts under each.
        flags: Tally,
    }

    /// An error class.
    struct Failure[1] {
        /// The error class.
        error: Arc<str>,
        /// How many runs ended with it.
        calls: u64,
    }

    /// An exit code.
    struct ExitCode[1] {
        /// The exit code; runs that report none are left out.
        exit_code: Arc<str>,
        /// How many runs ended with it.
        calls: u64,
    }

    /// A day.
    struct OnDay[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// How often commands ran.
        calls: u64,
        /// How often they failed.
        failures: u64,
        /// The share that failed.
        failure_rate: Quotient,
    }
}

#[derive(Debug, Default)]
struct Ends {
    calls: Calls,
    exit_codes: Tally,
    errors: Tally,
    flags: Tally,
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let mut by_action = ends(view, scope)?;
    for group in view.groups(&scope.of(Subject::Flag).by([Key::Action, Key::Flag]))? {
        let ends = by_action.entry(name(&group.keys[0])).or_default();
        *ends.flags.entry(name(&group.keys[1])).or_default() += group.count;
    }
    let whole = only(view.groups(&scope.of(Subject::Command).with_installs())?);
    let mut totals = Calls::default();
    let (mut errors, mut exit_codes) = (Tally::new(), Tally::new());
    let mut commands = Vec::new();
    let by_installs = scope.of(Subject::Command).by([Key::Action]).with_installs().with_durations();
    for group in view.groups(&by_installs)? {
        let action = name(&group.keys[0]);
        let mut ends = by_action.remove(&action).unwrap_or_default();
        ends.calls.durations = group.durations;
        totals.merge(&ends.calls);
        for (all, own) in [(&mut errors, &ends.errors), (&mut exit_codes, &ends.exit_codes)] {
            own.iter().for_each(|(name, count)| *all.entry(Arc::clone(name)).or_default() += count);
        }
        commands.push(Command::new(action, group.installs, ends));
    }
    most_first(&mut commands, |row| (row.calls, Arc::clone(&row.action)));
    let mut errors: Vec<Failure> =
        errors.into_iter().map(|(error, calls)| Failure { error, calls }).collect();
    most_first(&mut errors, |row| (row.calls, Arc::clone(&row.error)));
    let mut exit_codes: Vec<ExitCode> =
        exit_codes.into_iter().map(|(exit_code, calls)| ExitCode { exit_code, calls }).collect();
    most_first(&mut exit_codes, |row| (row.calls, Arc::clone(&row.exit_code)));
    let [totals_spec, commands_spec, errors_spec, exit_codes_spec, days_spec] = &TABLES;
    Ok(vec![
        totals_spec.fill([&Totals::new(whole.installs, &totals)]),
        commands_spec.fill(&commands),
        errors_spec.fill(&errors),
        exit_codes_spec.fill(&exit_codes),
        days_spec.fill(&days(view, scope)?),
    ])
}

fn ends(view: &mut dyn View, scope: &Scope) -> Result<BTreeMap<Arc<str>, Ends>, StoreError> {
    let keys = [Key::Action, Key::Success, Key::ExitCode, Key::Error];
    let mut by_action: BTreeMap<Arc<str>, Ends> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Command).by(keys))? {
        let [action, success, exit_code, error] = &group.keys[..] else { continue };
        let ends = by_action.entry(name(action)).or_default();
        ends.calls.add_command(success, &group);
        for (cell, tally) in [(exit_code, &mut ends.exit_codes), (error, &mut ends.errors)] {
            if *cell != Cell::Absent {
                *tally.entry(name(cell)).or_default() += group.count;
            }
        }
    }
    Ok(by_action)
}

fn days(view: &mut dyn View, scope: &Scope) -> Result<Vec<OnDay>, StoreError> {
    let mut by_day: BTreeMap<i64, Calls> = BTreeMap::new();
    for group in view.groups(&scope.of(Subject::Command).by([Key::Day, Key::Success]))? {
        by_day.entry(day(&group.keys[0])).or_default().add_command(&group.keys[1], &group);
    }
    let row = |day| {
        let Calls { calls, failures, .. } = by_day.remove(&day).unwrap_or_default();
        OnDay { date: Date(day), calls, failures, failure_rate: Quotient::of(failures, calls) }
    };
    Ok(scope.range.days().map(row).collect())
}

impl Totals {
    fn new(installs: u64, of: &Calls) -> Self {
        let [p50_ms, p95_ms, p99_ms] = of.percentiles();
        let Calls { calls, failures, .. } = *of;
        let failure_rate = Quotient::of(failures, calls);
        Self { calls, failures, failure_rate, installs, p50_ms, p95_ms, p99_ms }
    }
}

impl Command {
    fn new(action: Arc<str>, installs: u64, ends: Ends) -> Self {
        let Totals { calls, failures, failure_rate, p50_ms, p95_ms, p99_ms, .. } =
            Totals::new(installs, &ends.calls);
        let Ends { exit_codes, errors, flags, .. } = ends;
        Self {
            action,
            calls,
            failures,
            failure_rate,
            installs,
            p50_ms,
            p95_ms,
            p99_ms,
            exit_codes,
            errors,
            flags,
        }
    }
}
