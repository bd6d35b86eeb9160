//! The ledger: what became of segments that are gone.
//!
//! Small files beside the segments, changed under the folder's lock: the counters, and a few entries since these were
//! written, because adding a line costs microseconds and replacing a file a millisecond.
//! It remembers the segments it counted last, so that a process that dies between counting and unlinking leaves a
//! segment that is neither counted nor sent again.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::format::Mark;
use crate::files;
use crate::wire::Losses;

const NAME: &str = "ledger.json";
/// What was counted since the ledger was written.
const LATEST: &str = "ledger.latest";
/// How many entries there are before they go into the ledger.
const ENTRIES: usize = 64;
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
    /// The segments counted last, by their stems.
    counted: Vec<String>,
    /// How many of them are entries behind the ledger.
    #[serde(skip)]
    entries: usize,
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

impl Ledger {
    /// Counters that begin.
    pub(crate) fn new() -> Self {
        Self {
            epoch: Uuid::new_v4(),
            recorded: 0,
            losses: Losses::default(),
            counted: Vec::new(),
            entries: 0,
        }
    }

    /// Adds the entries behind it; one that was being written when its process died was never made.
    fn replay(&mut self, entries: &[u8]) {
        for line in entries.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.entries += 1;
            if let Ok(entry) = serde_json::from_slice::<Self>(line)
                && !entry.counted.iter().any(|stem| self.has_counted(stem))
            {
                self.take(&entry);
            }
        }
    }

    fn take(&mut self, entry: &Self) {
        self.add_all(entry);
        self.counted.extend_from_slice(&entry.counted);
        let surplus = self.counted.len().saturating_sub(REMEMBERED);
        self.counted.drain(..surplus);
    }

    /// Whether a segment was counted, so that what is left of it is nothing but a file.
    pub(crate) fn has_counted(&self, stem: &str) -> bool {
        self.counted.iter().any(|counted| counted == stem)
    }

    /// Adds what a segment says of itself.
    pub(crate) fn add(&mut self, records: u64, mark: Mark) {
        let grow = |counter: &mut u64, by: u64| *counter = counter.saturating_add(by);
        grow(&mut self.recorded, records.saturating_add(mark.unwritten()));
        grow(&mut self.losses.rejected, mark.rejected);
        grow(&mut self.losses.too_big, mark.too_big);
        grow(&mut self.losses.evicted, mark.evicted);
    }

    /// Adds what another ledger says.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.recorded = self.recorded.saturating_add(other.recorded);
        let (own, other) = (&mut self.losses, other.losses);
        own.evicted = own.evicted.saturating_add(other.evicted);
        own.expired = own.expired.saturating_add(other.expired);
        own.rejected = own.rejected.saturating_add(other.rejected);
        own.too_big = own.too_big.saturating_add(other.too_big);
    }

    /// Adds what a segment says of itself, and what happens to the rest of it.
    pub(crate) fn add_gone(&mut self, records: u64, mark: Mark, left: Left) {
        self.add(records, mark);
        match left {
            Left::Nothing => {}
            Left::Evicted(events) => self.losses.evicted = self.losses.evicted.saturating_add(events),
            Left::Expired(events) => self.losses.expired = self.losses.expired.saturating_add(events),
        }
    }
}

/// Reads the ledger of a journal folder.
pub(crate) fn read(folder: &Path) -> Option<Ledger> {
    let mut ledger: Ledger = serde_json::from_slice(&fs::read(folder.join(NAME)).ok()?).ok()?;
    ledger.replay(&fs::read(folder.join(LATEST)).unwrap_or_default());
    Some(ledger)
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
    let ledger = Ledger::new();
    write(folder, &ledger)?;
    Ok(ledger)
}

/// Writes the whole ledger. A process that dies before the entries are gone leaves some that are known to be counted.
fn write(folder: &Path, ledger: &Ledger) -> io::Result<()> {
    files::replace(&folder.join(NAME), &serde_json::to_vec(ledger)?)?;
    match fs::remove_file(folder.join(LATEST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Counts a segment that goes, once.
pub(crate) fn count(folder: &Path, stem: &str, records: u64, mark: Mark, left: Left) -> io::Result<Ledger> {
    files::with_folder_locked(folder, || {
        let mut ledger = locked(folder)?;
        if ledger.has_counted(stem) {
            return Ok(ledger);
        }
        let mut gone = Ledger { counted: vec![stem.to_owned()], ..Ledger::new() };
        gone.add_gone(records, mark, left);
        ledger.take(&gone);
        if ledger.entries < ENTRIES {
            let mut line = serde_json::to_vec(&gone)?;
            line.push(b'\n');
            files::append_line(&folder.join(LATEST), line)?;
        } else {
            write(folder, &ledger)?;
        }
        Ok(ledger)
    })
}

/// Begins a new epoch: counters of another installation must not say that the two are one.
pub(crate) fn begin_epoch(folder: &Path) -> io::Result<()> {
    files::with_folder_locked(folder, || match read(folder) {
        None => Ok(()),
        Some(old) => write(folder, &Ledger { counted: old.counted, ..Ledger::new() }),
    })
}
