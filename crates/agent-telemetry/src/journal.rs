//! The journal: where a recorded event survives the death of its process.
//!
//! A folder of append-only segments, each written by one process at a time.
//! A segment is text: a header line, then one line per record (the bytes that are sent), and mark lines that say how
//! many records are resolved (delivered, or given up and counted).
//!
//! Invariants:
//! - A segment is created locked under a temporary name and then renamed, so no other process can see it unlocked while
//!   its writer lives. Whoever holds a segment's lock owns it.
//! - All records of a segment name one installation and one generation, so all records of a request do.
//! - A record is in one `write(2)`, with the records of other threads that were ready at that moment. There is no fsync:
//!   the journal survives a killed process, not a power cut.
//! - Bounds hold by dropping whole oldest segments, counted; never by what an event says, and never one whose records
//!   are on their way.
//! - A segment that is finished goes through the ledger first, which counts it once, and is unlinked then.

mod adopted;
mod bounds;
mod folder;
mod format;
mod ledger;
mod owned;

pub(crate) use adopted::Adopted;
pub(crate) use bounds::{FOLDER_BYTES, Measured, Own};
pub(crate) use folder::Folder;
pub(crate) use ledger::{Ledger, Left};
pub(crate) use owned::{Batch, Owned};

/// A new segment is begun after this many bytes.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024;
/// How long an event is kept, in milliseconds: 30 days.
pub(crate) const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1000;
