//! The request that carries records.
//!
//! `POST {endpoint}` with a JSON object: `records` (1 to 64, as journaled) and now and then `client`
//! (counters of the installation).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most records in a request.
pub const MAX_RECORDS: usize = 64;
/// The longest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 65_536;
/// The path that the Go client posts to as well.
pub const TRACK_PATH: &str = "/events/v1/track";

/// Counters of an installation, cumulative per epoch, so that the collector can say what is missing.
///
/// The collector keeps the maximum of each, so a repeated request cannot count twice, and one without them says nothing
/// new. They are in a process's first request and in those at its end, whenever something was lost, and otherwise once in
/// [`MAX_RECORDS`] records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCounters {
    /// One journal folder's life.
    pub epoch: Uuid,
    /// When the request was made: Unix time in milliseconds by the client's clock.
    pub sent_at: u64,
    /// Events recorded.
    pub recorded: u64,
    /// Events given up, by reason; absent when there were none.
    #[serde(default, skip_serializing_if = "Losses::is_empty")]
    pub losses: Losses,
}

impl ClientCounters {
    /// Whether a collector that has others should have these.
    #[cfg(feature = "client")]
    pub(crate) fn say_more_than(&self, others: &Self) -> bool {
        self.epoch != others.epoch
            || self.losses != others.losses
            || self.recorded.saturating_sub(others.recorded) >= MAX_RECORDS as u64
    }
}

/// Events that were given up, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Losses {
    /// Dropped because the journal was full.
    pub evicted: u64,
    /// Dropped because they were too old.
    pub expired: u64,
    /// Refused by the collector.
    pub rejected: u64,
    /// Longer than a record may be.
    pub too_big: u64,
}

impl Losses {
    /// Whether nothing was given up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.evicted.saturating_add(self.expired).saturating_add(self.rejected).saturating_add(self.too_big)
    }
}

/// The collector's answer to a request whose envelope it could read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Records stored now.
    pub accepted: u64,
    /// Records that had been stored before.
    pub duplicates: u64,
    /// Records that will never be stored.
    pub rejected: Vec<Rejected>,
}

/// A record that the collector refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rejected {
    /// Its position in `records`.
    pub index: usize,
    /// Why.
    pub code: String,
    /// Which property.
    pub detail: String,
}

/// Builds a request body around journaled records, byte for byte.
#[must_use]
pub fn body<'a>(records: impl IntoIterator<Item = &'a [u8]>, client: Option<&ClientCounters>) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"records\":[");
    for (at, record) in records.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(record);
    }
    out.push(b']');
    if let Some(client) = client {
        out.extend_from_slice(b",\"client\":");
        // Numbers and a UUID: serialising them cannot fail.
        out.extend_from_slice(&serde_json::to_vec(client).unwrap_or_default());
    }
    out.push(b'}');
    out
}
