//! What became of calls, added up: the same rules for commands and tools in every view.

use crate::histogram::Histogram;
use crate::store::question::{Cell, Group};

/// Calls of one thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) cancelled: u64,
    pub(super) denied: u64,
    pub(super) durations: Histogram,
}

impl Calls {
    /// Adds runs of a command that all said `success` of themselves.
    pub(super) fn add_command(&mut self, success: &Cell, group: &Group) {
        self.add(group);
        if success.number() == Some(0) {
            self.failures += group.count;
        }
    }

    /// Adds calls of a tool; the outcome decides, and without one the success.
    pub(super) fn add_tool(&mut self, outcome: &Cell, success: &Cell, group: &Group) {
        self.add(group);
        match (outcome.text(), success.number()) {
            ("error", _) | ("", Some(0)) => self.failures += group.count,
            ("cancelled", _) => self.cancelled += group.count,
            ("denied", _) => self.denied += group.count,
            _ => {}
        }
    }

    fn add(&mut self, group: &Group) {
        self.calls += group.count;
        self.durations.merge(&group.durations);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failures += other.failures;
        self.cancelled += other.cancelled;
        self.denied += other.denied;
        self.durations.merge(&other.durations);
    }

    /// The 50th, 95th and 99th percentile in milliseconds.
    pub(super) fn percentiles(&self) -> [Option<u64>; 3] {
        [50, 95, 99].map(|percent| self.durations.percentile(percent))
    }
}

/// The name in a cell, empty when absent.
pub(super) fn name(cell: &Cell) -> std::sync::Arc<str> {
    match cell {
        Cell::Text(text) => std::sync::Arc::clone(text),
        Cell::Number(number) => number.to_string().into(),
        Cell::Absent => "".into(),
    }
}

/// The day in a cell.
pub(super) fn day(cell: &Cell) -> crate::store::Day {
    cell.number().unwrap_or_default()
}

/// The most first, equals by name.
pub(super) fn most_first<T, K: Ord>(rows: &mut [T], of: impl Fn(&T) -> (u64, K)) {
    rows.sort_by(|a, b| {
        let ((a, a_name), (b, b_name)) = (of(a), of(b));
        b.cmp(&a).then(a_name.cmp(&b_name))
    });
}
