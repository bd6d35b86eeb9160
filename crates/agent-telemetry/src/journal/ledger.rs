//! The ledger: what became of segments that are gone.
//!
//! One small file beside the segments, changed under the folder's lock.
//! It remembers the names of the segments it counted last, so that a process that dies between counting and unlinking
//! leaves a segment that is not counted again.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::segment::Mark;
use crate::files;
use crate::wire::Losses;

const NAME: &str = "ledger.json";
/// More than can be between counting and unlinking at once.
const REMEMBERED: usize = 256;

/// Counters of one journal folder's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// This folder's life.
    pub(crate) epoch: Uuid,
    /// Events recorded in segments that are gone.
    pub(crate) recorded: u64,
    /// Events given up in segments that are gone.
    pub(crate) losses: Losses,
    /// The segments counted last.
    counted: Vec<String>,
}

/// What happened to the unresolved records of a segment that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// There were none.
    Nothing,
    /// Dropped because the folder was full.
    Evicted(u64),
    /// Dropped because they were too old.
    Expired(u64),
}

/// Reads the ledger of a journal folder.
pub(crate) fn read(folder: &Path) -> Option<Ledger> {
    serde_json::from_slice(&std::fs::read(folder.join(NAME)).ok()?).ok()
}

/// The ledger of a journal folder; makes it when missing.
pub(crate) fn obtain(folder: &Path) -> io::Result<Ledger> {
    match read(folder) {
        Some(ledger) => Ok(ledger),
        None => files::with_folder_locked(folder, || locked(folder)),
    }
}

fn locked(folder: &Path) -> io::Result<Ledger> {
    if let Some(ledger) = read(folder) {
        return Ok(ledger);
    }
    let ledger =
        Ledger { epoch: Uuid::new_v4(), recorded: 0, losses: Losses::default(), counted: Vec::new() };
    files::replace(&folder.join(NAME), &serde_json::to_vec(&ledger)?)?;
    Ok(ledger)
}

/// Counts a segment that goes, once.
pub(crate) fn count(folder: &Path, name: &str, records: u64, mark: Mark, left: Left) -> io::Result<Ledger> {
    files::with_folder_locked(folder, || {
        let mut ledger = locked(folder)?;
        if ledger.counted.iter().any(|counted| counted == name) {
            return Ok(ledger);
        }
        ledger.recorded += records + mark.too_big;
        ledger.losses.rejected += mark.rejected;
        ledger.losses.too_big += mark.too_big;
        match left {
            Left::Nothing => {}
            Left::Evicted(events) => ledger.losses.evicted += events,
            Left::Expired(events) => ledger.losses.expired += events,
        }
        ledger.counted.push(name.to_owned());
        let surplus = ledger.counted.len().saturating_sub(REMEMBERED);
        ledger.counted.drain(..surplus);
        files::replace(&folder.join(NAME), &serde_json::to_vec(&ledger)?)?;
        Ok(ledger)
    })
}
