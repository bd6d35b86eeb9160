//! Adoption: which versions, platforms and languages are in use, how that changes, and whether a release is worse.
//!
//! Shares are of the installations that were active in the same days, whatever their version; one that upgraded
//! within them counts under both versions and once in the whole.

mod side_by_side;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;

use super::calls::{most_first, name};
use super::datum::{Date, Quotient};
use super::range::Range;
use super::table::{Shape, Table, TableSpec, rows};
use super::{ORIGIN, Scope, ViewSpec};
use crate::store::question::{Filters, Key, View, week_of};
use crate::store::{Day, StoreError};
use side_by_side::{Compared, ComparedCommand, ComparedTool};
pub(crate) use verdict::ENOUGH;
use verdict::{Measure, Verdict};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "adoption",
    about: "Active installations, versions over time and whether the newest is worse than the one before it, \
            platforms and languages; with `version=A&version=B`, versions side by side.",
    tables: &TABLES,
    main: "versions",
    serves: ORIGIN,
    limit: "installations are not tied to an agent, a model, a tool or a command",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 14] = [
    TableSpec::new::<Totals>(
        "totals",
        Shape::Object,
        "Distinct installations. \
         Week and month end with the range, the day is over; they may reach back beyond the range's beginning.",
    ),
    TableSpec::new::<Version>("versions", Shape::List, "Versions, those with the most installations first."),
    TableSpec::new::<Verdict>(
        "verdicts",
        Shape::Plain,
        "Whether the newest version is worse than the one before it, for each tool, the most used first. \
         If the newest has too few calls, the newest version that has enough is judged as well. \
         Of several versions in `version`, only those.",
    ),
    TableSpec::new::<Measure>(
        "verdict_measures",
        Shape::Plain,
        "What the verdicts rest on: how often commands and tool calls fail and how long they take. \
         Worse or better is what chance does not explain, and what is more than half a percentage point of failures, \
         or more than percentiles may be off.",
    ),
    TableSpec::new::<Active>(
        "active",
        Shape::Series,
        "Active installations on each day, and in the 7 and 30 days that end with it.",
    ),
    TableSpec::new::<Share>("days", Shape::Plain, "Installations by day and version, where there are any."),
    TableSpec::new::<Share>(
        "weeks",
        Shape::Plain,
        "Installations by week and version; `date` is the Monday, or the first day of the range.",
    ),
    TableSpec::new::<Part>("os", Shape::List, "Installations by operating system."),
    TableSpec::new::<Part>("arch", Shape::List, "Installations by processor architecture."),
    TableSpec::new::<Part>("languages", Shape::List, "Installations by language."),
    TableSpec::new::<Part>("callers", Shape::List, "Installations by who runs the commands."),
    TableSpec::new::<Compared>("compared", Shape::List, "Versions side by side.").only("with `version`"),
    TableSpec::new::<ComparedCommand>("compared_commands", Shape::List, "Commands by version.")
        .only("with `version`"),
    TableSpec::new::<ComparedTool>("compared_tools", Shape::List, "Tools by version.").only("with `version`"),
];

rows! {
    /// Distinct installations.
    struct Totals[0] {
        /// On the last day of the range that is over: not today, which has just begun.
        day: u64,
        /// In the last 7 days.
        week: u64,
        /// In the last 30 days.
        month: u64,
        /// In the whole range.
        range: u64,
        /// Whose first event ever is in the range.
        new: u64,
    }

    /// A version.
    struct Version[1] {
        /// The version.
        version: Arc<str>,
        /// Distinct installations in the range.
        installs: u64,
        /// Their share of all installations in the range.
        share: Quotient,
        /// Its share of the installations on the last day of the range that is over.
        last_day_share: Quotient,
        /// The first day in the range on which it was seen.
        first_day: Option<Date>,
        /// Days from `first_day` to the first day on which at least half of the installations used it, of those that are over.
        /// Null when that did not happen, or when it was seen on the first day of the range already.
        days_to_half: Option<u64>,
    }

    /// Active installations.
    struct Active[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// Distinct installations on this day.
        day: u64,
        /// In the 7 days that end with it.
        week: u64,
        /// In the 30 days that end with it.
        month: u64,
        /// Whose first event ever is on this day.
        new: u64,
    }

    /// Installations of a version in a time.
    struct Share[2] {
        /// The first day of the time.
        date: Date,
        /// The version.
        version: Arc<str>,
        /// Distinct installations.
        installs: u64,
        /// Their share of all installations in this time.
        share: Quotient,
    }

    /// Installations by a property.
    struct Part[1] {
        /// The value; empty when it is not known.
        name: Arc<str>,
        /// Distinct installations in the range.
        installs: u64,
        /// Their share of all installations in the range.
        share: Quotient,
    }
}

/// The times that versions are counted in: the range, its days, its weeks, and the last day that is over.
struct Times {
    windows: Vec<Range>,
    days: usize,
    /// Of the days, how many are over.
    whole_days: usize,
}

impl Times {
    fn of(scope: &Scope) -> Self {
        let range = scope.range;
        let mut windows = vec![range];
        windows.extend(range.days().map(Range::day));
        let days = windows.len() - 1;
        let mondays = (week_of(range.from)..=range.to).step_by(7);
        windows.extend(mondays.map(|monday| Range {
            from: monday.max(range.from),
            to: range.to.min(monday.saturating_add(6)),
        }));
        let last = scope.last_whole_day();
        windows.push(Range::day(last));
        let whole_days = usize::try_from(last - range.from + 1).unwrap_or_default();
        Self { windows, days, whole_days }
    }

    fn weeks(&self) -> std::ops::Range<usize> {
        self.days + 1..self.last_whole_day()
    }

    fn last_whole_day(&self) -> usize {
        self.windows.len() - 1
    }
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let range = scope.range;
    let times = Times::of(scope);
    let mut windows = times.windows.clone();
    for until in range.days().map(Range::day) {
        windows.extend([until.window(7), until.window(30)]);
    }
    let counts = in_all(view, &windows, &scope.filters)?;
    let (own, sliding) = counts.split_at(times.windows.len());
    let versions = view.active(&times.windows, Some(Key::Version), &scope.filters)?;
    let versions: Vec<(Arc<str>, Vec<u64>)> =
        versions.into_iter().map(|active| (name(&active.key), active.installs)).collect();
    // Of all versions, also when some were asked for.
    let whole = match scope.filtered(Key::Version) {
        [] => own.to_vec(),
        _ => in_all(view, &times.windows, &without_version(&scope.filters))?,
    };
    let new: HashMap<Day, u64> = view.new_installs(range, &scope.filters)?.into_iter().collect();
    let active: Vec<Active> = active_days(range, own, sliding, &new);
    let [
        totals_spec,
        versions_spec,
        verdicts_spec,
        measures_spec,
        active_spec,
        days_spec,
        weeks_spec,
        parts @ ..,
    ] = &TABLES;
    let last = active.last();
    let totals = Totals {
        day: own[times.last_whole_day()],
        week: last.map_or(0, |last| last.week),
        month: last.map_or(0, |last| last.month),
        range: own[0],
        new: new.values().sum(),
    };
    let [verdicts, measures] = verdict::tables(view, scope, (verdicts_spec, measures_spec))?;
    let mut tables = vec![
        totals_spec.fill([&totals]),
        versions_spec.fill(&version_rows(range, &times, &versions, &whole)),
        verdicts,
        measures,
        active_spec.fill(&active),
        days_spec.fill(&shares(&times.windows, 1..times.days + 1, &versions, &whole)),
        weeks_spec.fill(&shares(&times.windows, times.weeks(), &versions, &whole)),
    ];
    let keys = [Key::Os, Key::Arch, Key::Language, Key::Caller];
    for (spec, key) in parts.iter().zip(keys) {
        tables.push(spec.fill(&part_rows(view, scope, key, own[0])?));
    }
    if !scope.filtered(Key::Version).is_empty() {
        tables.extend(side_by_side::tables(view, scope, &versions, &parts[keys.len()..])?);
    }
    Ok(tables)
}

fn in_all(view: &mut dyn View, windows: &[Range], filters: &Filters) -> Result<Vec<u64>, StoreError> {
    let mut counts = view.active(windows, None, filters)?.pop().map(|all| all.installs).unwrap_or_default();
    counts.resize(windows.len(), 0);
    Ok(counts)
}

fn without_version(filters: &Filters) -> Filters {
    let others = filters.iter().filter(|(key, _)| *key != Key::Version);
    others.fold(Filters::default(), |kept, (key, values)| kept.with(key, values.to_vec()))
}

fn active_days(range: Range, own: &[u64], sliding: &[u64], new: &HashMap<Day, u64>) -> Vec<Active> {
    let sliding = sliding.chunks_exact(2);
    let days = range.days().zip(&own[1..]).zip(sliding);
    let row = |((date, day), sliding): ((Day, &u64), &[u64])| Active {
        date: Date(date),
        day: *day,
        week: sliding[0],
        month: sliding[1],
        new: new.get(&date).copied().unwrap_or_default(),
    };
    days.map(row).collect()
}

fn version_rows(
    range: Range,
    times: &Times,
    versions: &[(Arc<str>, Vec<u64>)],
    whole: &[u64],
) -> Vec<Version> {
    let last = times.last_whole_day();
    let row = |(version, counts): &(Arc<str>, Vec<u64>)| {
        let own = &counts[1..=times.days];
        let first = own.iter().position(|installs| *installs > 0);
        let mut over = own.iter().zip(&whole[1..]).take(times.whole_days);
        let half = over.position(|(own, all)| *own > 0 && own * 2 >= *all);
        Version {
            version: Arc::clone(version),
            installs: counts[0],
            share: Quotient::of(counts[0], whole[0]),
            last_day_share: Quotient::of(counts[last], whole[last]),
            first_day: first.map(|at| Date(range.from + at as i64)),
            days_to_half: first.filter(|at| *at > 0).zip(half).map(|(first, half)| (half - first) as u64),
        }
    };
    let mut rows: Vec<Version> = versions.iter().filter(|(_, counts)| counts[0] > 0).map(row).collect();
    most_first(&mut rows, |row| (row.installs, Arc::clone(&row.version)));
    rows
}

fn shares(
    windows: &[Range],
    which: std::ops::Range<usize>,
    versions: &[(Arc<str>, Vec<u64>)],
    whole: &[u64],
) -> Vec<Share> {
    let mut rows = Vec::new();
    for at in which {
        let used = versions.iter().filter(|(_, counts)| counts[at] > 0);
        rows.extend(used.map(|(version, counts)| Share {
            date: Date(windows[at].from),
            version: Arc::clone(version),
            installs: counts[at],
            share: Quotient::of(counts[at], whole[at]),
        }));
    }
    rows
}

fn part_rows(view: &mut dyn View, scope: &Scope, key: Key, whole: u64) -> Result<Vec<Part>, StoreError> {
    let active = view.active(&[scope.range], Some(key), &scope.filters)?;
    let row = |active: crate::store::question::Active| {
        let installs = active.installs.first().copied().unwrap_or_default();
        Part { name: name(&active.key), installs, share: Quotient::of(installs, whole) }
    };
    let mut rows: Vec<Part> = active.into_iter().map(row).collect();
    most_first(&mut rows, |row| (row.installs, Arc::clone(&row.name)));
    Ok(rows)
}
