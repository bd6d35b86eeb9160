//! What the collector keeps, in the terms of its domain: events in, rows and groups out.
//!
//! Handlers and answers speak these types and never SQL.
//! There are two: `sqlite`, in the collector's own folder, and `clickhouse`, which collectors share and ship to
//! ([`shipping`]). Each is the only module that names its driver. Both answer the same [`question`]s, so that every
//! number is computed by the same code.
//!
//! Invariants: an event id is stored at most once, a stored event never changes, and row ids only grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use self::clickhouse::ClickHouse;
use self::question::View;
use self::sqlite::Reader;
use crate::catalogue::{CheckedValue, ClientCounters};

pub(crate) mod clickhouse;
pub(crate) mod keys;
pub(crate) mod question;
pub(crate) mod shipment;
pub(crate) mod shipping;
pub(crate) mod sqlite;
pub(crate) mod summing;
#[cfg(test)]
mod tests;
pub(crate) mod totals;

/// A point in time in Unix milliseconds.
pub(crate) type UnixMs = i64;
/// A day in UTC, as days since 1970-01-01.
pub(crate) type Day = i64;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// The UTC day that a point in time belongs to.
pub(crate) fn day_of(ms: UnixMs) -> Day {
    ms.div_euclid(DAY_MS)
}

/// One valid event on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) event_id: Uuid,
    pub(crate) source: String,
    pub(crate) event: String,
    pub(crate) action: Option<String>,
    pub(crate) timestamp_ms: u64,
    /// All properties but `action`.
    pub(crate) properties: BTreeMap<String, CheckedValue>,
    /// How many properties, set elements and map keys the catalogue does not know; their values are gone already.
    pub(crate) dropped: usize,
    /// The names of those properties.
    pub(crate) unknown: Vec<String>,
    /// The client's clock was far from ours when it sent the request.
    pub(crate) clock_off: bool,
}

/// What a refused record leaves behind: no content.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    /// Identifiers only.
    pub(crate) properties: Vec<String>,
    /// `unknown` when it is not one.
    pub(crate) version: String,
}

/// One request's worth of work for the writer; stored completely or not at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) received_ms: UnixMs,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) client: Option<ClientCounters>,
}

/// What became of a [`Batch`], known once its commit is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) accepted: u64,
    /// Ids that were there already, [`Stored::conflicts`] included.
    pub(crate) duplicates: u64,
    /// Duplicates whose content differs from what is stored.
    pub(crate) conflicts: u64,
    /// Everything of the batch, known before or not, is at this row or an earlier one.
    pub(crate) last_row: i64,
}

/// A stored event, in the form in which it was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EventRow {
    pub(crate) row: i64,
    pub(crate) event_id: Uuid,
    pub(crate) event: String,
    pub(crate) event_timestamp: UnixMs,
    pub(crate) source: String,
    pub(crate) properties: serde_json::Map<String, Value>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Events of the installation.
    pub events: u64,
    /// Sessions that only its events named.
    pub sessions: u64,
    /// Counters that it sent about itself.
    pub counters: u64,
}

/// How large a store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StoreSize {
    pub(crate) database_bytes: u64,
    pub(crate) wal_bytes: u64,
    /// What is left on its disk.
    pub(crate) free_bytes: u64,
}

/// Which events to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The newest ones.
    Last { limit: u32 },
    /// The oldest ones after a row.
    After { row: i64, limit: u32 },
}

/// Where questions are answered.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// In the collector's own folder.
    Embedded(Arc<Reader>),
    /// In a database that collectors share.
    Shared(ClickHouse),
}

impl Store {
    /// Runs `read` on one state of the store.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Embedded(reader) => reader.snapshot(|snapshot| read(snapshot)),
            Self::Shared(store) => store.read(read),
        }
    }
}

/// Why the store could not be opened; texts are for the person who started the collector.
#[derive(Debug, thiserror::Error)]
#[error("{message}\n  {hint}")]
pub struct OpenError {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("free disk space is below the limit of {min_free} bytes")]
    DiskLow { min_free: u64 },
    #[error("the spool has reached its limit of {max} bytes")]
    SpoolFull { max: u64 },
    #[error("the shared store does not have the events yet")]
    NotShipped,
    #[error("the query took longer than {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("{0}")]
    Failed(String),
}
