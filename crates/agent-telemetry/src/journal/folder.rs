//! The folder of segments: beginning one, what waits there, taking over, finishing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::KEEP_MS;
use super::adopted::Adopted;
use super::format::{Header, Mark, Parsed, SegmentName};
use super::ledger::{self, Ledger, Left};
use super::owned::Owned;
use crate::files;

/// How old a segment may be that another process goes on with: a segment is dropped as a whole, and its newest event
/// should not go much too early.
const RESUME_MS: u64 = 24 * 60 * 60 * 1000;
/// How many of the newest segments are tried: those of living processes cannot be taken.
const RESUME_TRIES: usize = 3;

/// A journal folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What is in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    /// Events that wait.
    pub(crate) events: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// When the oldest segment with events that wait was begun.
    pub(crate) oldest_ms: Option<u64>,
    /// What the ledger and all segments say.
    pub(crate) ledger: Ledger,
}

impl Folder {
    pub(crate) fn new(telemetry: &Path) -> Self {
        Self { path: telemetry.join("journal") }
    }

    /// Makes the folder when it is missing.
    pub(crate) fn make(&self) -> io::Result<()> {
        files::create_private_dir(&self.path)
    }

    /// A new segment of this process.
    pub(crate) fn create_segment(&self, generation: u64, install: Uuid, now_ms: u64) -> io::Result<Owned> {
        Owned::create(&self.path, &Header::new(generation, install, now_ms))
    }

    /// One of the newest segments that a dead process left with room, to go on with: short runs write to one segment,
    /// one after another, so that a thousand of them leave no thousand files.
    pub(crate) fn resume_segment(&self, generation: u64, install: Uuid, now_ms: u64) -> Option<Owned> {
        let header = Header::new(generation, install, now_ms);
        let has_room = |path: &&PathBuf| {
            SegmentName::of(path).is_some_and(|name| {
                let age = name.created_ms.and_then(|made| now_ms.checked_sub(made));
                name.records.is_none() && age.is_some_and(|age| age < RESUME_MS)
            })
        };
        let segments = self.segments();
        let mut newest = segments.iter().rev().filter(has_room).take(RESUME_TRIES);
        newest.find_map(|path| {
            let segment = Adopted::take(path)?;
            let counted = ledger::read(&self.path).is_some_and(|ledger| ledger.has_counted(&segment.stem));
            if counted { None } else { segment.resume(&header) }
        })
    }

    /// The ledger; makes it when missing.
    pub(crate) fn ledger(&self) -> io::Result<Ledger> {
        ledger::obtain(&self.path)
    }

    /// Begins new counters, for another installation.
    pub(crate) fn begin_epoch(&self) -> io::Result<()> {
        ledger::begin_epoch(&self.path)
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        self.names().into_iter().map(|name| self.path.join(name)).collect()
    }

    /// Their names: cheaper to sort than their paths.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
        let mut found: Vec<String> =
            entries.filter_map(name).filter(|name| SegmentName::of(Path::new(name)).is_some()).collect();
        found.sort_unstable();
        found
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// When the oldest segment was created, by its name.
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.segments().first().and_then(|path| SegmentName::of(path)?.created_ms)
    }

    /// Reads the segments of a generation that the ledger has not counted yet, without taking them.
    fn read_all(&self, generation: u64, ledger: Option<&Ledger>) -> Vec<(PathBuf, Parsed)> {
        let counted = |path: &Path| {
            ledger.zip(SegmentName::of(path)).is_some_and(|(ledger, name)| ledger.has_counted(name.stem))
        };
        let read = |path: PathBuf| {
            let parsed = Parsed::read(fs::read(&path).ok()?);
            (parsed.generation() == Some(generation)).then_some((path, parsed))
        };
        self.segments().into_iter().filter(|path| !counted(path)).filter_map(read).collect()
    }

    /// Reads what is there, without taking it.
    pub(crate) fn contents(&self, generation: u64) -> Contents {
        let read = || {
            let ledger = ledger::read(&self.path);
            let segments = self.read_all(generation, ledger.as_ref());
            Ok((ledger.unwrap_or_else(Ledger::new), segments))
        };
        // Locked, so that no segment is counted between the two.
        let (ledger, segments) = files::with_folder_locked(&self.path, read)
            .or_else(|_| read())
            .unwrap_or_else(|_: io::Error| (Ledger::new(), Vec::new()));
        let mut contents = Contents { events: 0, bytes: 0, oldest_ms: None, ledger };
        for (path, segment) in segments {
            contents.ledger.add(segment.len(), segment.mark);
            let before = contents.events;
            for record in segment.unresolved() {
                contents.events += 1;
                contents.bytes += record.len() as u64 + 1;
            }
            if contents.events > before && contents.oldest_ms.is_none() {
                contents.oldest_ms = SegmentName::of(&path).and_then(|name| name.created_ms);
            }
        }
        contents
    }

    /// The records that wait, byte for byte, oldest first.
    pub(crate) fn pending_records(&self, generation: u64) -> Vec<Vec<u8>> {
        let segments = self.read_all(generation, ledger::read(&self.path).as_ref());
        segments.iter().flat_map(|(_, segment)| segment.unresolved().map(<[u8]>::to_vec)).collect()
    }

    /// Takes over a segment that a dead process left; `None` when there is nothing to send from it.
    pub(crate) fn adopt(&self, path: &Path, generation: u64, now_ms: u64) -> Option<Adopted> {
        let segment = Adopted::take(path)?;
        match segment.generation() {
            // Recorded before somebody said no, or unreadable: never sent.
            None => {
                let _ = fs::remove_file(path);
            }
            Some(older) if older < generation => {
                let _ = fs::remove_file(path);
            }
            // Recorded after this process was told: another one's to send.
            Some(newer) if newer > generation => {}
            Some(_) if ledger::read(&self.path).is_some_and(|ledger| ledger.has_counted(&segment.stem)) => {
                // Its process died between counting and unlinking.
                let _ = fs::remove_file(path);
            }
            Some(_) if now_ms.saturating_sub(segment.created_ms()) > KEEP_MS => {
                let left = Left::Expired(segment.unresolved());
                let _ = self.finish(&segment.stem, path, segment.records(), segment.mark, left);
            }
            Some(_) if segment.unresolved() == 0 => {
                let _ = self.finish(&segment.stem, path, segment.records(), segment.mark, Left::Nothing);
            }
            Some(_) => return Some(segment),
        }
        None
    }

    /// Counts a segment and unlinks it.
    pub(crate) fn finish(
        &self,
        stem: &str,
        path: &Path,
        records: u64,
        mark: Mark,
        left: Left,
    ) -> io::Result<Ledger> {
        let ledger = ledger::count(&self.path, stem, records, mark, left)?;
        // A file that stays is known to be counted.
        let _ = fs::remove_file(path);
        Ok(ledger)
    }

    /// Counts a segment of this process and unlinks it.
    pub(crate) fn finish_own(&self, segment: &Owned, left: Left) -> io::Result<Ledger> {
        let path = segment.path().ok_or(io::ErrorKind::NotFound)?;
        self.finish(&segment.stem, path, segment.records, segment.mark, left)
    }

    /// Deletes everything: somebody said no.
    pub(crate) fn purge(&self) -> io::Result<()> {
        let mut tries = 3;
        loop {
            tries -= 1;
            match fs::remove_dir_all(&self.path) {
                // A process that has not heard yet wrote meanwhile.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries > 0 => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => return Ok(()),
            }
        }
    }

    /// Deletes what processes left when they died in the middle of writing a file.
    pub(crate) fn remove_stale_temporaries(&self, now_ms: u64) {
        files::remove_stale_temporaries(&self.path, now_ms);
        if let Some(telemetry) = self.path.parent() {
            files::remove_stale_temporaries(telemetry, now_ms);
        }
    }
}
