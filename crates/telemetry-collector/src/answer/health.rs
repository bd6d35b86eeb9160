//! Health: what became of the records that arrived, and what never did.
//!
//! Days are those of arrival: a refused record has no other that could be believed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::most_first;
use super::datum::{Date, Quotient};
use super::table::{Shape, Table, TableSpec, rows};
use super::{Scope, ViewSpec};
use crate::store::StoreError;
use crate::store::question::{Arrival, Losses, View};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "health",
    about: "Arrivals by fate, reason, property and version, and what clients say they lost.",
    tables: &TABLES,
    main: "arrivals",
    serves: &[],
    limit: "what was refused or sent twice is counted by reason only",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 6] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All arrivals of the range."),
    TableSpec::new::<Reason>("rejected", Shape::List, "Why records were refused, the most frequent first."),
    TableSpec::new::<Kind>(
        "arrivals",
        Shape::List,
        "What was counted, by fate, reason, property and version, the most frequent first.",
    ),
    TableSpec::new::<OnDay>("days", Shape::Series, "Each day of arrival."),
    TableSpec::new::<Clients>(
        "clients",
        Shape::Fact,
        "What installations say of themselves, over all time; the range does not apply.",
    ),
    TableSpec::new::<Kept>("kept", Shape::Fact, "The days that events are kept of."),
];

rows! {
    /// All arrivals.
    struct Totals[0] {
        /// Records stored for the first time.
        accepted: u64,
        /// Records that were stored already, conflicts included.
        duplicates: u64,
        /// Duplicates whose content differs from what is stored; the first stays.
        conflicts: u64,
        /// Records refused with a reason.
        rejected: u64,
        /// The share of the records that was refused.
        rejected_share: Quotient,
        /// Accepted records that arrived on a later day than they are of.
        late: u64,
        /// Accepted records of clients whose clock was more than 10 minutes off.
        clock_off: u64,
        /// Unknown properties, set elements and map keys that were dropped; the rest of the record was kept.
        dropped_properties: u64,
        /// New names beyond the daily limit, stored as `other`.
        capped_names: u64,
    }

    /// A reason.
    struct Reason[1] {
        /// The code that the client got.
        code: Arc<str>,
        /// How many records.
        records: u64,
    }

    /// What was counted.
    struct Kind[4] {
        /// `accepted`, `duplicate`, `conflict`, `late`, `clock_off`, `rejected`, `rejected_property` (a property of a
        /// refused record), `dropped`, `dropped_property` (an unknown property) or `capped_name`.
        fate: Arc<str>,
        /// Why: the code of a refusal, or the kind of a capped name.
        code: Arc<str>,
        /// The property's name.
        property: Arc<str>,
        /// The client's version, where it matters.
        version: Arc<str>,
        /// How many.
        n: u64,
    }

    /// A day.
    struct OnDay[1] {
        /// The UTC day of arrival.
        date: Date,
        /// Records stored for the first time.
        accepted: u64,
        /// Records that were stored already.
        duplicates: u64,
        /// Records refused with a reason.
        rejected: u64,
        /// Accepted records that arrived on a later day than they are of.
        late: u64,
    }

    /// What clients say.
    struct Clients[0] {
        /// Installations that sent counters.
        installs: u64,
        /// Events that they recorded.
        recorded: u64,
        /// Given up: the journal was full.
        evicted: u64,
        /// Given up: too old.
        expired: u64,
        /// Given up: refused here.
        rejected: u64,
        /// Given up: too big for a request.
        too_big: u64,
        /// Events of these installations that are stored.
        stored: u64,
        /// Recorded, not given up and not stored, at least 0: what is still on its way.
        outstanding: u64,
    }

    /// What is kept.
    struct Kept[0] {
        /// The day of the oldest event.
        first_day: Option<Date>,
        /// The day of the newest event.
        last_day: Option<Date>,
        /// The row of the newest event.
        last_row: u64,
    }
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let arrivals = view.arrivals(scope.range)?;
    let mut kinds: BTreeMap<[Arc<str>; 4], u64> = BTreeMap::new();
    let mut reasons: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let mut by_day: BTreeMap<i64, Vec<&Arrival>> = BTreeMap::new();
    for arrival in &arrivals {
        let code: Arc<str> = arrival.code.as_str().into();
        if arrival.fate == "rejected" {
            *reasons.entry(Arc::clone(&code)).or_default() += arrival.n;
        }
        let fate = arrival.fate.as_str().into();
        let kind = [fate, code, Arc::clone(&arrival.property), Arc::clone(&arrival.version)];
        *kinds.entry(kind).or_default() += arrival.n;
        by_day.entry(arrival.day).or_default().push(arrival);
    }
    let mut rejected: Vec<Reason> =
        reasons.into_iter().map(|(code, records)| Reason { code, records }).collect();
    most_first(&mut rejected, |row| (row.records, Arc::clone(&row.code)));
    let kind = |([fate, code, property, version], n): ([Arc<str>; 4], u64)| Kind {
        fate,
        code,
        property,
        version,
        n,
    };
    let mut kinds: Vec<Kind> = kinds.into_iter().map(kind).collect();
    most_first(&mut kinds, |row| {
        (row.n, [&row.fate, &row.code, &row.property, &row.version].map(Arc::clone))
    });
    let days: Vec<OnDay> = scope
        .range
        .days()
        .map(|day| OnDay::new(day, by_day.get(&day).map_or(&[], |arrivals| arrivals.as_slice())))
        .collect();
    let [totals_spec, rejected_spec, arrivals_spec, days_spec, clients_spec, kept_spec] = &TABLES;
    let span = view.span()?;
    let kept = Kept {
        first_day: span.map(|span| Date(span.from)),
        last_day: span.map(|span| Date(span.to)),
        last_row: u64::try_from(view.last_row()?).unwrap_or_default(),
    };
    Ok(vec![
        totals_spec.fill([&Totals::new(&arrivals)]),
        rejected_spec.fill(&rejected),
        arrivals_spec.fill(&kinds),
        days_spec.fill(&days),
        clients_spec.fill([&Clients::new(view.losses()?)]),
        kept_spec.fill([&kept]),
    ])
}

/// How much had this fate.
pub(super) fn count<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>, fate: &str) -> u64 {
    arrivals.into_iter().filter(|arrival| arrival.fate == fate).map(|arrival| arrival.n).sum()
}

impl Totals {
    fn new(arrivals: &[Arrival]) -> Self {
        let of = |fate| count(arrivals, fate);
        let (accepted, duplicates, rejected) = (of("accepted"), of("duplicate"), of("rejected"));
        Self {
            accepted,
            duplicates,
            conflicts: of("conflict"),
            rejected,
            rejected_share: Quotient::of(rejected, accepted + duplicates + rejected),
            late: of("late"),
            clock_off: of("clock_off"),
            dropped_properties: of("dropped"),
            capped_names: of("capped_name"),
        }
    }
}

impl OnDay {
    fn new(day: i64, arrivals: &[&Arrival]) -> Self {
        let of = |fate| count(arrivals.iter().copied(), fate);
        Self {
            date: Date(day),
            accepted: of("accepted"),
            duplicates: of("duplicate"),
            rejected: of("rejected"),
            late: of("late"),
        }
    }
}

impl Clients {
    fn new(losses: Losses) -> Self {
        let Losses { installs, recorded, evicted, expired, rejected, too_big, stored } = losses;
        let given_up = [evicted, expired, rejected, too_big].into_iter().fold(0, u64::saturating_add);
        let outstanding = recorded.saturating_sub(given_up).saturating_sub(stored);
        Self { installs, recorded, evicted, expired, rejected, too_big, stored, outstanding }
    }
}
