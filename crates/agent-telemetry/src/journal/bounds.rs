//! The bounds of a folder: 8 MiB, 20,000 events, 30 days.
//!
//! They are kept whenever a segment is begun or segments are taken over.
//! That happens on the thread that records, so nothing is read that a file's name or size can tell.

use std::fs;
use std::path::PathBuf;

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

struct Size {
    path: PathBuf,
    bytes: u64,
    events: u64,
    events_are_known: bool,
    expired: bool,
}

impl Size {
    fn of(path: PathBuf, now_ms: u64) -> Option<Self> {
        let name = SegmentName::of(&path)?;
        let (records, created_ms) = (name.records, name.created_ms);
        let bytes = fs::metadata(&path).ok()?.len();
        Some(Self {
            events: records.unwrap_or(bytes / MIN_RECORD_BYTES),
            events_are_known: records.is_some(),
            expired: created_ms.is_some_and(|made| now_ms.saturating_sub(made) > KEEP_MS),
            path,
            bytes,
        })
    }

    /// Reads how many events there are, where the name does not tell.
    fn count(&mut self) {
        if !self.events_are_known {
            self.events = fs::read(&self.path).map_or(0, |bytes| Parsed::read(bytes).len());
            self.events_are_known = true;
        }
    }
}

impl Folder {
    /// Drops whole oldest segments until the folder and one more segment are within the bounds. Segments of other living
    /// processes stay; `own` drops those of this process.
    pub(crate) fn keep_bounds(&self, generation: u64, now_ms: u64, mut own: impl FnMut(&str) -> Own) {
        let mut sizes: Vec<Size> =
            self.segments().into_iter().filter_map(|path| Size::of(path, now_ms)).collect();
        let mut bytes: u64 = sizes.iter().map(|size| size.bytes).sum();
        let mut events: u64 = sizes.iter().map(|size| size.events).sum();
        if events > FOLDER_EVENTS - NEXT_EVENTS {
            // At most this many; exactly, then.
            sizes.iter_mut().for_each(Size::count);
            events = sizes.iter().map(|size| size.events).sum();
        }
        for size in sizes {
            let full = bytes > FOLDER_BYTES - SEGMENT_BYTES || events > FOLDER_EVENTS - NEXT_EVENTS;
            if !full && !size.expired {
                break;
            }
            let stem = SegmentName::of(&size.path).map(|name| name.stem).unwrap_or_default();
            let gone = match own(stem) {
                Own::Stays => false,
                Own::Gone => true,
                Own::Foreign => Adopted::take(&size.path)
                    .is_some_and(|segment| self.drop_segment(&segment, size.expired, generation)),
            };
            if gone {
                bytes = bytes.saturating_sub(size.bytes);
                events = events.saturating_sub(size.events);
            }
        }
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
