//! The folder of segments: what waits there, taking over, bounds, finishing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ledger::{self, Ledger, Left};
use super::segment::{self, Adopted, Mark, Owned, Parsed};
use super::{FOLDER_BYTES, FOLDER_EVENTS, KEEP_MS};
use crate::files;

/// No record is shorter: the members that every record has take this much, so fewer bytes hold fewer events.
const MIN_RECORD_BYTES: u64 = 200;
/// A temporary file that is older than this was left by a process that died.
const STALE_TEMPORARY_MS: u64 = 10 * 60 * 1000;

/// A journal folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What waits in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_ms: Option<u64>,
    /// All records in the segments, resolved ones included.
    pub(crate) records: u64,
    pub(crate) rejected: u64,
    pub(crate) too_big: u64,
}

impl Folder {
    pub(crate) fn new(telemetry: &Path) -> Self {
        Self { path: telemetry.join("journal") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new segment of this process; makes the folder when missing.
    pub(crate) fn create_segment(&self, generation: u64, now_ms: u64) -> io::Result<Owned> {
        files::create_private_dir(&self.path)?;
        Owned::create(&self.path, generation, now_ms)
    }

    /// The ledger; makes it when missing.
    pub(crate) fn ledger(&self) -> io::Result<Ledger> {
        ledger::obtain(&self.path)
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let mut found: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .collect();
        found.sort();
        found
    }

    /// When the oldest segment was created, by its name.
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.segments().first().and_then(|path| segment::created_ms(&path.file_name()?.to_string_lossy()))
    }

    /// Reads what waits, without taking it.
    pub(crate) fn pending(&self, generation: u64) -> Pending {
        let mut pending = Pending::default();
        for path in self.segments() {
            let Ok(bytes) = fs::read(&path) else { continue };
            let parsed = Parsed::read(&bytes);
            if parsed.generation() != Some(generation) {
                continue;
            }
            let waiting = &parsed.records[usize::try_from(parsed.mark.done).unwrap_or(0)..];
            pending.records += parsed.records.len() as u64;
            pending.rejected += parsed.mark.rejected;
            pending.too_big += parsed.mark.too_big;
            pending.events += waiting.len() as u64;
            pending.bytes += waiting.iter().map(|record| record.len() as u64 + 1).sum::<u64>();
            if !waiting.is_empty() && pending.oldest_ms.is_none() {
                pending.oldest_ms =
                    segment::created_ms(&path.file_name().unwrap_or_default().to_string_lossy());
            }
        }
        pending
    }

    /// The records that wait, byte for byte, oldest first.
    pub(crate) fn pending_records(&self, generation: u64) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        for path in self.segments() {
            let Ok(bytes) = fs::read(&path) else { continue };
            let parsed = Parsed::read(&bytes);
            if parsed.generation() == Some(generation) {
                records
                    .extend(parsed.records.into_iter().skip(usize::try_from(parsed.mark.done).unwrap_or(0)));
            }
        }
        records
    }

    /// Takes over the segments that dead processes left, oldest first, and drops what may not be kept.
    pub(crate) fn adopt(&self, generation: u64, now_ms: u64) -> Vec<Adopted> {
        self.remove_stale_temporaries(now_ms);
        self.enforce_bounds(now_ms);
        let mut adopted = Vec::new();
        for path in self.segments() {
            let Some(segment) = Adopted::take(&path) else { continue };
            if segment.generation != generation {
                // Recorded before somebody said no, or unreadable: never sent.
                let _ = fs::remove_file(&path);
            } else if now_ms.saturating_sub(segment.created_ms) > KEEP_MS {
                let left = Left::Expired(segment.unresolved());
                let _ = self.finish(&segment.name, segment.records(), segment.mark, left);
            } else if segment.unresolved() == 0 {
                let _ = self.finish(&segment.name, segment.records(), segment.mark, Left::Nothing);
            } else {
                adopted.push(segment);
            }
        }
        adopted
    }

    /// Counts a segment and unlinks it.
    pub(crate) fn finish(&self, name: &str, records: u64, mark: Mark, left: Left) -> io::Result<Ledger> {
        let ledger = ledger::count(&self.path, name, records, mark, left)?;
        fs::remove_file(self.path.join(name))?;
        Ok(ledger)
    }

    /// Counts a segment whose every record is resolved and unlinks it.
    pub(crate) fn finish_resolved(&self, name: &str, records: u64, mark: Mark) -> io::Result<Ledger> {
        self.finish(name, records, mark, Left::Nothing)
    }

    /// Drops whole oldest segments until the folder is within its bounds; those of living processes stay.
    pub(crate) fn enforce_bounds(&self, now_ms: u64) {
        let segments = self.segments();
        let sizes: Vec<u64> =
            segments.iter().map(|path| fs::metadata(path).map_or(0, |data| data.len())).collect();
        let mut bytes: u64 = sizes.iter().sum();
        let mut events =
            if bytes > FOLDER_EVENTS * MIN_RECORD_BYTES { self.count_records(&segments) } else { 0 };
        for (path, size) in segments.iter().zip(sizes) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let expired =
                segment::created_ms(&name).is_some_and(|made| now_ms.saturating_sub(made) > KEEP_MS);
            if !expired && bytes <= FOLDER_BYTES && events <= FOLDER_EVENTS {
                break;
            }
            let Some(segment) = Adopted::take(path) else { continue };
            let left = segment.unresolved();
            let left = if expired { Left::Expired(left) } else { Left::Evicted(left) };
            if self.finish(&segment.name, segment.records(), segment.mark, left).is_ok() {
                bytes = bytes.saturating_sub(size);
                events = events.saturating_sub(segment.records());
            }
        }
    }

    fn count_records(&self, segments: &[PathBuf]) -> u64 {
        let count =
            |path: &PathBuf| fs::read(path).map_or(0, |bytes| Parsed::read(&bytes).records.len() as u64);
        segments.iter().map(count).sum()
    }

    /// Counts the oldest of this process's own segments as evicted and unlinks it.
    pub(crate) fn evict_own(&self, segment: &Owned) {
        let _ =
            self.finish(&segment.name, segment.records, segment.mark, Left::Evicted(segment.unresolved()));
    }

    /// Deletes everything: somebody said no.
    pub(crate) fn purge(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn remove_stale_temporaries(&self, now_ms: u64) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(stem) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")) else {
                continue;
            };
            let modified_ms = || {
                let modified = fs::metadata(&path).ok()?.modified().ok()?;
                let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok()
            };
            let made_ms = segment::created_ms(stem).or_else(modified_ms).unwrap_or(now_ms);
            if now_ms.saturating_sub(made_ms) > STALE_TEMPORARY_MS {
                let _ = fs::remove_file(&path);
            }
        }
    }
}
