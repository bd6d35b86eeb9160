//! What travels from a data folder to a store elsewhere, and how far it has come.
//!
//! Every part may arrive any number of times: events have ids, names and presences are sets, counters are cumulative
//! per folder and only their highest value counts. So whoever ships never has to know whether an attempt whose answer
//! was lost has succeeded.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Day, EventRow};

/// Columns that say where an event comes from, in the order of [`Fact::env`].
pub(crate) const ENV_COLUMNS: [&str; 6] = ["source", "version", "os", "arch", "caller", "language"];
/// Columns of names, in the order of [`Fact::names`].
pub(crate) const NAME_COLUMNS: [&str; 8] =
    ["agent", "provider", "model", "tool", "tool_kind", "purpose", "outcome", "error"];
/// Columns of numbers, in the order of [`Fact::numbers`].
pub(crate) const NUMBER_COLUMNS: [&str; 14] = [
    "is_success",
    "exit_code",
    "duration_ms",
    "duration_bucket",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "turns",
    "tool_calls",
    "tool_errors",
    "error_count",
];

/// A stored event together with everything that it can be asked by; an absent name is empty.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) event: EventRow,
    pub(crate) action: Arc<str>,
    /// The installation and the first day that this folder knows of it.
    pub(crate) install: Option<(Uuid, Day)>,
    pub(crate) env: [Arc<str>; ENV_COLUMNS.len()],
    pub(crate) names: [Arc<str>; NAME_COLUMNS.len()],
    pub(crate) numbers: [Option<i64>; NUMBER_COLUMNS.len()],
    pub(crate) flags: Vec<Arc<str>>,
    pub(crate) errors: Vec<(Arc<str>, u64)>,
}

/// A name that some event or counter used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Grows with every new name of the folder.
    pub(crate) number: i64,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// What one installation says of one journal folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientLoss {
    pub(crate) epoch: Uuid,
    /// Nil when it could not be attributed.
    pub(crate) install: Uuid,
    /// `sent_at_ms`, `recorded`, `evicted`, `expired`, `rejected`, `too_big`.
    pub(crate) counters: [u64; 6],
}

/// What a folder is to the store that it ships to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// It holds events until they have arrived elsewhere.
    Spool,
    /// It is a store of its own and keeps them.
    Store,
}

/// How far a folder's events have come; kept in the folder, in one transaction with what it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shipment {
    /// This folder, for counters that are kept apart by folder.
    pub(crate) node: Uuid,
    pub(crate) role: Role,
    /// Where to; another place starts from the beginning.
    pub(crate) target: String,
    /// Everything up to this row has arrived.
    pub(crate) shipped: i64,
    /// Everything up to this name has arrived.
    pub(crate) names: i64,
    /// The batch that is on its way or will be next: it is the same one however often it is tried.
    pub(crate) planned: Option<Planned>,
    /// No batch so far has a place at or after this one.
    pub(crate) next_place: i64,
}

/// A batch whose content is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// Its last row; its first follows [`Shipment::shipped`].
    pub(crate) to: i64,
    /// The place of its first row among the events of all collectors.
    pub(crate) place: i64,
}

impl Shipment {
    /// Nothing has been shipped there yet.
    pub(crate) fn new(role: Role, target: &str) -> Self {
        Self {
            node: Uuid::new_v4(),
            role,
            target: target.to_owned(),
            shipped: 0,
            names: 0,
            planned: None,
            next_place: 0,
        }
    }

    /// The same folder, for a target: what is known of another one does not count.
    pub(crate) fn towards(self, target: &str) -> Self {
        match self.target == target {
            true => self,
            false => Self { node: self.node, ..Self::new(self.role, target) },
        }
    }

    /// The same folder, for a target that takes the place of the one before: what is under way goes on, and only names,
    /// which may not be there, are told again.
    pub(crate) fn moved_to(self, target: &str) -> Self {
        Self { target: target.to_owned(), names: 0, ..self }
    }

    /// Settles the next batch: `rows` events, the last of them at row `to`, at a time.
    ///
    /// Places leave room for 4,096 events a millisecond; a batch that needs more pushes the next one back.
    pub(crate) fn plan(&mut self, to: i64, rows: i64, now_ms: i64) -> Planned {
        let place = (now_ms << 12).max(self.next_place);
        self.next_place = place + rows;
        *self.planned.insert(Planned { to, place })
    }

    /// The planned batch has arrived.
    pub(crate) fn arrived(&mut self) {
        if let Some(planned) = self.planned.take() {
            self.shipped = planned.to;
        }
    }

    /// What a store tells a repetition of the planned batch by.
    pub(crate) fn token(&self, planned: Planned) -> String {
        format!("{}-{}-{}", self.node, self.shipped, planned.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_its_token_and_places_until_it_has_arrived() {
        let mut shipment = Shipment::new(Role::Spool, "a");
        let first = shipment.plan(10, 10, 1_000);
        assert_eq!(shipment.token(first), shipment.clone().token(shipment.planned.unwrap()));
        shipment.arrived();
        assert_eq!((shipment.shipped, shipment.planned), (10, None));
        // The clock went back: places do not.
        let second = shipment.plan(20, 10, 5);
        assert_eq!(second.place, first.place + 10);
        assert_ne!(shipment.token(second), shipment.token(first));
    }

    #[test]
    fn another_target_is_shipped_to_from_the_beginning() {
        let mut shipment = Shipment::new(Role::Store, "a");
        shipment.plan(10, 10, 1_000);
        shipment.arrived();
        assert_eq!(shipment.clone().towards("a"), shipment);
        let other = shipment.clone().towards("b");
        assert_eq!((other.node, other.shipped, other.next_place), (shipment.node, 0, 0));
        let moved = shipment.clone().moved_to("b");
        assert_eq!((moved.node, moved.shipped, moved.next_place), (shipment.node, 10, shipment.next_place));
        assert_eq!((moved.target.as_str(), moved.names), ("b", 0));
    }
}
