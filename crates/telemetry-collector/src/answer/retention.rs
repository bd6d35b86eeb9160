//! Retention: of the installations that were new in a week, how many came back in the weeks after it.
//!
//! Weeks begin on Monday (UTC). The last week of the range may not be over; its numbers still rise.

use super::datum::{Date, Quotient};
use super::table::{Shape, Table, TableSpec, rows};
use super::{ORIGIN, Scope, ViewSpec};
use crate::store::question::{Cohort, View};
use crate::store::{Day, StoreError};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "retention",
    about: "Weekly cohorts: how many of the installations that were new in a week came back later.",
    tables: &TABLES,
    main: "cohorts",
    serves: ORIGIN,
    limit: "installations are not tied to an agent, a model, a tool or a command",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 2] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All installations of the range."),
    TableSpec::new::<Row>(
        "cohorts",
        Shape::Plain,
        "A row for each week that begins within the range, and each week from it to the end of the range.",
    ),
];

rows! {
    /// All installations.
    struct Totals[0] {
        /// Distinct installations with an event in the range.
        installs: u64,
        /// Whose first event ever is in the range.
        new: u64,
        /// Whose first event is older.
        returning: u64,
        /// Installations of cohorts that have a whole week after theirs within the range.
        week_1_eligible: u64,
        /// How many of them came back in that week.
        week_1_active: u64,
        /// Their share.
        week_1_share: Quotient,
    }

    /// A week of a cohort.
    struct Row[2] {
        /// The Monday of the week in which the installations were new.
        week: Date,
        /// How many weeks later; 0 is the same week.
        weeks_later: u64,
        /// Installations of the cohort.
        size: u64,
        /// How many of them had an event in this week.
        active: u64,
        /// Their share.
        share: Quotient,
    }
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let cohorts = view.cohorts(scope.range, &scope.filters)?;
    let new = view.new_installs(scope.range, &scope.filters)?.iter().map(|(_, n)| n).sum();
    let active = view.active(&[scope.range], None, &scope.filters)?;
    let installs = active.first().and_then(|all| all.installs.first()).copied().unwrap_or_default();
    let rows: Vec<Row> = cohorts.iter().flat_map(rows_of).collect();
    let [totals_spec, cohorts_spec] = &TABLES;
    Ok(vec![
        totals_spec.fill([&Totals::new(installs, new, &cohorts, scope.last_whole_day())]),
        cohorts_spec.fill(&rows),
    ])
}

fn rows_of(cohort: &Cohort) -> impl Iterator<Item = Row> {
    let (week, size) = (cohort.week, cohort.size);
    cohort.active.iter().zip(0..).map(move |(active, weeks_later)| Row {
        week: Date(week),
        weeks_later,
        size,
        active: *active,
        share: Quotient::of(*active, size),
    })
}

impl Totals {
    fn new(installs: u64, new: u64, cohorts: &[Cohort], last_whole_day: Day) -> Self {
        // The week after the cohort's own must have ended within the range.
        let whole = cohorts.iter().filter(|cohort| cohort.week + 13 <= last_whole_day);
        let (eligible, active) = whole.fold((0, 0), |(eligible, active), cohort| {
            (eligible + cohort.size, active + cohort.active.get(1).copied().unwrap_or_default())
        });
        Self {
            installs,
            new,
            returning: installs.saturating_sub(new),
            week_1_eligible: eligible,
            week_1_active: active,
            week_1_share: Quotient::of(active, eligible),
        }
    }
}
