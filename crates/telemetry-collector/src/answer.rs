//! Answers: pure functions of one state of a store, whatever store it is.
//!
//! A [`ViewSpec`] is what can be asked; it says which tables come back, and how they are computed from questions.
//! JSON, CSV and NDJSON, the served schema and the reference page all come from these tables.
//!
//! Rules that hold in every view:
//! an installation is counted once in a number, however many events it sent;
//! failures are what the client called failures, a cancelled or denied tool call is none;
//! a price that nobody knows is null, never zero;
//! percentiles are merged from buckets and at most [`PERCENTILE_ERROR`] off (see [`crate::histogram`]).

pub(crate) mod adoption;
mod calls;
pub(crate) mod chance;
pub(crate) mod commands;
pub(crate) mod csv;
pub(crate) mod datum;
pub(crate) mod dictionary;
pub(crate) mod health;
pub(crate) mod models;
pub(crate) mod range;
pub(crate) mod retention;
pub(crate) mod sessions;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod tools;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::store::question::{Filters, Key, Question, Subject, View};
use crate::store::{Day, StoreError};
use range::{Range, show};
use table::{Table, TableSpec};

/// How far a percentile may be from the exact one, as a share of it.
pub(crate) const PERCENTILE_ERROR: f64 = 0.045;

/// A filter: the name of its parameter, what it filters by, and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterSpec {
    pub(crate) name: &'static str,
    pub(crate) key: Key,
    pub(crate) about: &'static str,
}

const fn filter(name: &'static str, key: Key, about: &'static str) -> FilterSpec {
    FilterSpec { name, key, about }
}

/// Every filter that there is; a view serves some of them.
pub(crate) const FILTERS: [FilterSpec; 9] = [
    filter("source", Key::Source, "Only events of this tool, for instance `docker-agent`."),
    filter("version", Key::Version, "Only events of this version of the tool."),
    filter("os", Key::Os, "Only events from this operating system."),
    filter("arch", Key::Arch, "Only events from this processor architecture."),
    filter(
        "caller",
        Key::Caller,
        "Only events of commands that a `human`, a `ci` service or an `agent` ran.",
    ),
    filter("agent", Key::Agent, "Only events of the agent with this name."),
    filter("model", Key::Model, "Only events of this model."),
    filter("tool", Key::Tool, "Only calls of this tool."),
    filter("action", Key::Action, "Only runs of this command."),
];

/// The filters that concern where an event comes from; nearly every view serves them.
pub(crate) const ORIGIN: &[Key] = &[Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller];

/// The days and filters that an answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) range: Range,
    pub(crate) filters: Filters,
    pub(crate) today: Day,
}

impl Scope {
    /// Counts the facts of a subject.
    fn of(&self, subject: Subject) -> Question {
        Question::count(subject, self.range, &self.filters)
    }

    /// The last day of the range that is over; with today alone in it, the day before.
    fn last_whole_day(&self) -> Day {
        self.range.to.min(self.today - 1)
    }

    /// The values that a filter lets pass; empty when there is no such filter.
    fn filtered(&self, key: Key) -> &[String] {
        self.filters.iter().find(|(known, _)| *known == key).map_or(&[], |(_, values)| values)
    }
}

/// Something that can be asked.
#[derive(Debug)]
pub(crate) struct ViewSpec {
    /// As in `/api/v1/NAME`.
    pub(crate) name: &'static str,
    /// A sentence.
    pub(crate) about: &'static str,
    /// In the order of the answer.
    pub(crate) tables: &'static [TableSpec],
    /// The table that CSV and NDJSON give when none is named.
    pub(crate) main: &'static str,
    pub(crate) serves: &'static [Key],
    /// Why other filters cannot be served; the end of a sentence.
    pub(crate) limit: &'static str,
    pub(crate) ask: fn(&mut dyn View, &Scope) -> Result<Vec<Table>, StoreError>,
}

/// Every view, in the order of the reference page.
pub(crate) static VIEWS: [&ViewSpec; 8] = [
    &summary::VIEW,
    &commands::VIEW,
    &tools::VIEW,
    &models::VIEW,
    &sessions::VIEW,
    &adoption::VIEW,
    &retention::VIEW,
    &health::VIEW,
];

impl ViewSpec {
    pub(crate) fn table(&self, name: &str) -> Option<&'static TableSpec> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Answers, and puts the previous range of the same length beside it if asked to.
    pub(crate) fn answer(
        &self,
        view: &mut dyn View,
        scope: &Scope,
        compare: bool,
    ) -> Result<Vec<Table>, StoreError> {
        let tables = (self.ask)(view, scope)?;
        if !compare {
            return Ok(tables);
        }
        let earlier = Scope { range: scope.range.previous(), ..scope.clone() };
        let mut earlier = (self.ask)(view, &earlier)?;
        let beside = |table: Table| match earlier.iter().position(|known| known.spec == table.spec) {
            Some(at) => table.compared_with(earlier.swap_remove(at)),
            None => table,
        };
        Ok(tables.into_iter().map(beside).collect())
    }
}

/// An answer as JSON: what it is about, then its tables.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) range: Range,
    pub(crate) previous: Option<Range>,
    pub(crate) today: i64,
    /// The filters that were used, by the name of their parameter.
    pub(crate) filters: Vec<(&'static str, Vec<String>)>,
    pub(crate) tables: Vec<Table>,
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("range", &ShownRange(self.range))?;
        if let Some(previous) = self.previous {
            map.serialize_entry("previous_range", &ShownRange(previous))?;
        }
        if self.range.contains(self.today) {
            map.serialize_entry("incomplete_day", &show(self.today))?;
        }
        let filters: std::collections::BTreeMap<_, _> = self.filters.iter().cloned().collect();
        map.serialize_entry("filters", &filters)?;
        map.serialize_entry("percentile_error", &PERCENTILE_ERROR)?;
        for table in &self.tables {
            map.serialize_entry(table.spec.name, table)?;
        }
        map.end()
    }
}

struct ShownRange(Range);

impl Serialize for ShownRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("from", &show(self.0.from))?;
        map.serialize_entry("to", &show(self.0.to))?;
        map.end()
    }
}
