//! The journal: where a recorded event survives the death of its process.
//!
//! A folder of append-only segments, each written by one process.
//! A segment is text: a header line, then one line per record (the bytes that are sent), and mark lines that say how
//! many records are resolved (delivered, or given up and counted).
//!
//! Invariants:
//! - A segment is created locked under a temporary name and then renamed, so no other process can see it unlocked while
//!   its writer lives. Whoever holds a segment's lock owns it.
//! - A record is one `write(2)`. There is no fsync: the journal survives a killed process, not a power cut.
//! - Bounds hold by dropping whole oldest segments, counted; never by what an event says.
//! - A segment that is finished goes through the ledger first, which counts it once, and is unlinked then.

mod folder;
mod ledger;
mod segment;

pub(crate) use folder::{Folder, Pending};
pub(crate) use ledger::{Ledger, read as read_ledger};
pub(crate) use segment::{Adopted, Batch, Owned};

/// A new segment is begun after this many bytes.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024;
/// The most bytes a folder holds.
pub(crate) const FOLDER_BYTES: u64 = 8 * 1024 * 1024;
/// The most events a folder holds.
pub(crate) const FOLDER_EVENTS: u64 = 20_000;
/// How long an event is kept, in milliseconds: 30 days.
pub(crate) const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1000;
