//! A segment that a dead process left, locked by this one.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::format::{Header, Mark, Parsed, SegmentName};
use super::owned::{Batch, Owned};
use crate::files::{self, Locked};

/// A lock of another boot or another machine says nothing; then a segment must have been silent for this long.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// Far more than a segment holds; what is longer is none of ours from there on.
const MAX_SEGMENT_READ: u64 = 4 * 1024 * 1024;

/// A segment that a dead process left, locked by this one.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) stem: String,
    pub(crate) path: PathBuf,
    file: Locked,
    parsed: Parsed,
    pub(crate) mark: Mark,
}

impl Adopted {
    /// Takes over a segment; `None` when its writer may be alive or it is gone.
    pub(super) fn take(path: &Path) -> Option<Self> {
        Self::lock(path, files::private().read(true).append(true).open(path).ok()?)
    }

    /// Takes over a segment that is open: whoever had it may have finished and unlinked it since it was opened.
    fn lock(path: &Path, file: File) -> Option<Self> {
        let stem = SegmentName::of(path)?.stem.to_owned();
        let file = Locked::try_new(file).ok()?;
        let metadata = file.file().metadata().ok()?;
        if !has_link(&metadata) {
            return None;
        }
        let mut bytes = Vec::new();
        file.file().take(MAX_SEGMENT_READ).read_to_end(&mut bytes).ok()?;
        let parsed = Parsed::read(bytes);
        if !parsed.header.as_ref().is_some_and(Header::is_of_this_boot) && !is_silent(&metadata) {
            return None;
        }
        if parsed.is_torn() {
            // A line without its end would run into the next mark.
            file.file().set_len(parsed.whole as u64).ok()?;
        }
        Some(Self { stem, path: path.to_owned(), file, mark: parsed.mark, parsed })
    }

    /// Goes on writing to it, when it is of this boot and would begin like a new one.
    pub(super) fn resume(self, like: &Header) -> Option<Owned> {
        let header = self.parsed.header.as_ref()?;
        let same = header.is_alike(like);
        let resumed = Owned::resume(self.stem, self.path, self.file, &self.parsed);
        (same && like.boot.is_some() && resumed.has_room()).then_some(resumed)
    }

    /// `None` when the header cannot be read.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.parsed.generation()
    }

    /// When it was created, by its name.
    pub(super) fn created_ms(&self) -> u64 {
        let by_header = || self.parsed.header.as_ref().map(|header| header.created_ms);
        SegmentName::of(&self.path).and_then(|name| name.created_ms).or_else(by_header).unwrap_or(0)
    }

    /// Records in the segment.
    pub(crate) fn records(&self) -> u64 {
        self.parsed.len()
    }

    /// Records that are not resolved.
    pub(crate) fn unresolved(&self) -> u64 {
        self.records().saturating_sub(self.mark.done)
    }

    /// The next records: at most `max_records`, together at most `max_bytes`.
    pub(crate) fn next(&self, max_records: usize, max_bytes: usize) -> Batch {
        let mut batch = Batch::default();
        let since_read = self.mark.done.saturating_sub(self.parsed.mark.done);
        let next = self.parsed.unresolved().skip(usize::try_from(since_read).unwrap_or(usize::MAX));
        for record in next {
            if !batch.add(record, max_records, max_bytes) {
                break;
            }
        }
        batch
    }

    /// Notes that `records` more are resolved, `rejected` of them refused.
    pub(crate) fn resolve(&mut self, records: u64, rejected: u64) {
        self.mark.done += records;
        self.mark.rejected += rejected;
        if let Ok(line) = self.mark.line() {
            let mut file = self.file.file();
            let _ = file.write_all(&line);
        }
    }
}

fn is_silent(metadata: &fs::Metadata) -> bool {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(modified).is_ok_and(|age| age >= SILENCE)
}

#[cfg(unix)]
fn has_link(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 0
}

#[cfg(not(unix))]
fn has_link(_metadata: &fs::Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_segment_that_is_unlinked_between_opening_and_locking_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let left = Owned::create(folder.path(), &Header::new(0, Uuid::new_v4(), 0)).unwrap();
        let path = left.path().unwrap().to_owned();
        drop(left);
        assert!(Adopted::take(&path).is_some());
        let file = File::options().read(true).append(true).open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(Adopted::lock(&path, file).is_none());
    }
}
