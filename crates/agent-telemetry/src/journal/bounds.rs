//! The bounds of a folder: 8 MiB, 20,000 events, 30 days.
//!
//! They are kept whenever a segment is begun or segments are taken over.
//! That happens on the thread that records, so nothing is read that a file's name or size can tell.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::adopted::Adopted;
use super::folder::Folder;
use super::format::{Parsed, SegmentName};
use super::ledger::Left;
use super::{KEEP_MS, SEGMENT_BYTES};

/// The most bytes a folder holds.
pub(crate) const FOLDER_BYTES: u64 = 8 * 1024 * 1024;
/// The most events a folder holds.
const FOLDER_EVENTS: u64 = 20_000;
/// No record is shorter: the members that every record has take this much, so fewer bytes hold fewer events.
const MIN_RECORD_BYTES: u64 = 200;
/// What the segment that is begun next can hold.
const NEXT_EVENTS: u64 = SEGMENT_BYTES / MIN_RECORD_BYTES + 1;

/// What the writer says of a segment that is to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// It is not one of its own.
    Foreign,
    /// It is in use.
    Stays,
    /// It is counted and gone.
    Gone,
}

/// More than a segment ever is: what threads have ready goes into one that is almost full as a whole, and then marks.
const SEGMENT_BYTES_AT_MOST: u64 = SEGMENT_BYTES + SEGMENT_BYTES / 2;
/// How many segments may be begun at most before somebody looks again.
const ROOM_AT_MOST: u64 = 16;
/// How many segments fit after something had to be dropped: one, because whoever records waits meanwhile.
const ROOM_MADE: u64 = 1;

/// The sizes of full segments, by their names: nothing but a few marks is added to these.
#[derive(Debug, Default)]
pub(crate) struct Measured(HashMap<String, u64>);

struct Size {
    name: String,
    bytes: u64,
    events: u64,
    events_are_known: bool,
    expired: bool,
}

impl Size {
    /// What the name tells: at most this much.
    fn of(name: String, now_ms: u64) -> Option<Self> {
        let parts = SegmentName::of(Path::new(&name))?;
        let (records, created_ms) = (parts.records, parts.created_ms);
        Some(Self {
            bytes: SEGMENT_BYTES_AT_MOST,
            events: records.unwrap_or(SEGMENT_BYTES_AT_MOST / MIN_RECORD_BYTES),
            events_are_known: records.is_some(),
            expired: created_ms.is_some_and(|made| now_ms.saturating_sub(made) > KEEP_MS),
            name,
        })
    }

    fn measure(&mut self, folder: &Path, measured: &mut Measured) {
        let size = || fs::metadata(folder.join(&self.name)).map_or(0, |metadata| metadata.len());
        self.bytes = match measured.0.get(&self.name) {
            Some(bytes) => *bytes,
            None => size(),
        };
        if self.events_are_known {
            measured.0.insert(self.name.clone(), self.bytes);
        }
        if !self.events_are_known {
            self.events = self.bytes / MIN_RECORD_BYTES;
        }
    }

    /// Reads how many events there are, where the name does not tell.
    fn count(&mut self, folder: &Path) {
        if !self.events_are_known {
            self.events = fs::read(folder.join(&self.name)).map_or(0, |bytes| Parsed::read(bytes).len());
            self.events_are_known = true;
        }
    }
}

/// How much there is in all.
#[derive(Debug, Clone, Copy)]
struct Total {
    bytes: u64,
    events: u64,
}

impl Total {
    fn of(sizes: &[Size]) -> Self {
        Self {
            bytes: sizes.iter().map(|size| size.bytes).sum(),
            events: sizes.iter().map(|size| size.events).sum(),
        }
    }

    /// How many more segments fit.
    fn room(self) -> u64 {
        let bytes = FOLDER_BYTES.saturating_sub(self.bytes) / SEGMENT_BYTES_AT_MOST;
        let events = FOLDER_EVENTS.saturating_sub(self.events) / NEXT_EVENTS;
        bytes.min(events).min(ROOM_AT_MOST)
    }
}

impl Folder {
    /// Drops whole oldest segments when the folder is full, and says how many more fit then. Segments of other living
    /// processes stay; `own` drops those of this process.
    pub(crate) fn keep_bounds(
        &self,
        generation: u64,
        now_ms: u64,
        measured: &mut Measured,
        mut own: impl FnMut(&str) -> Own,
    ) -> u64 {
        let mut sizes: Vec<Size> =
            self.names().into_iter().filter_map(|name| Size::of(name, now_ms)).collect();
        // Exact only as far as it matters.
        if Total::of(&sizes).room() == 0 {
            let mut known = std::mem::take(measured);
            for size in &mut sizes {
                size.measure(self.path(), &mut known);
            }
            // Only those that are still there.
            measured.0.extend(sizes.iter().filter_map(|size| known.0.remove_entry(&size.name)));
        }
        if Total::of(&sizes).room() == 0 {
            sizes.iter_mut().for_each(|size| size.count(self.path()));
        }
        let mut total = Total::of(&sizes);
        let is_full = total.room() == 0;
        for size in sizes {
            if !size.expired && (!is_full || total.room() >= ROOM_MADE) {
                break;
            }
            let path = self.path().join(&size.name);
            let stem = SegmentName::of(&path).map(|name| name.stem).unwrap_or_default();
            let gone = match own(stem) {
                Own::Stays => false,
                Own::Gone => true,
                Own::Foreign => Adopted::take(&path)
                    .is_some_and(|segment| self.drop_segment(&segment, size.expired, generation)),
            };
            if gone {
                total.bytes = total.bytes.saturating_sub(size.bytes);
                total.events = total.events.saturating_sub(size.events);
            }
        }
        total.room()
    }

    /// When a file in it was last made, renamed or unlinked.
    pub(crate) fn changed(&self) -> Option<SystemTime> {
        fs::metadata(self.path()).and_then(|metadata| metadata.modified()).ok()
    }

    fn drop_segment(&self, segment: &Adopted, expired: bool, generation: u64) -> bool {
        if segment.generation().is_none_or(|recorded_under| recorded_under < generation) {
            // Void before it was dropped: somebody said no since, or it is none of ours.
            return fs::remove_file(&segment.path).is_ok();
        }
        let left = segment.unresolved();
        let left = if expired { Left::Expired(left) } else { Left::Evicted(left) };
        self.finish(&segment.stem, &segment.path, segment.records(), segment.mark, left).is_ok()
    }
}
