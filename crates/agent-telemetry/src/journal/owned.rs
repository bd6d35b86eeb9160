//! A segment that this process writes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SEGMENT_BYTES;
use super::format::{self, Header, Mark, Parsed, is_record};
use crate::files::{self, Locked};

/// A segment that this process writes.
#[derive(Debug)]
pub(crate) struct Owned {
    /// What the segment is called for all its life.
    pub(crate) stem: String,
    store: Store,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Records in it, those that an earlier process wrote included.
    pub(crate) records: u64,
    pub(crate) mark: Mark,
    /// Where the first unresolved line begins.
    sent_to: u64,
    /// How many of its records an earlier process wrote.
    earlier: u64,
    /// The number of the first record that this process wrote to it.
    pub(crate) first: u64,
    /// Whether something could not be written: what comes next goes to another segment.
    ended: bool,
    /// Whether a part of a line is at its end and could not be removed.
    torn: bool,
}

#[derive(Debug)]
enum Store {
    File(Arc<Locked>, PathBuf),
    /// Where nothing can be written: lost with the process.
    Memory(Vec<u8>),
}

impl Owned {
    /// Creates a segment in a folder that exists.
    pub(super) fn create(folder: &Path, header: &Header) -> io::Result<Self> {
        let stem = format::new_stem(header.created_ms);
        let name = format::file_name(&stem, None);
        let (temporary, path) = (folder.join(format!(".{name}.tmp")), folder.join(name));
        let file = files::private().read(true).append(true).create_new(true).open(&temporary)?;
        let begun = begin(file, header).and_then(|begun| fs::rename(&temporary, &path).map(|()| begun));
        let (file, len) = begun.inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })?;
        Ok(Self {
            stem,
            store: Store::File(Arc::new(file), path),
            len,
            records: 0,
            mark: Mark::default(),
            sent_to: len,
            earlier: 0,
            first: 0,
            ended: false,
            torn: false,
        })
    }

    /// Goes on with a segment that a dead process left; its lock is held and its lines are whole.
    pub(super) fn resume(stem: String, path: PathBuf, file: Locked, parsed: &Parsed) -> Self {
        Self {
            stem,
            store: Store::File(Arc::new(file), path),
            len: parsed.whole as u64,
            records: parsed.len(),
            mark: parsed.mark,
            sent_to: parsed.sent_to(),
            earlier: parsed.len(),
            first: 0,
            ended: false,
            torn: false,
        }
    }

    /// A segment that is kept in memory only.
    pub(crate) fn in_memory(now_ms: u64) -> Self {
        Self {
            stem: format::new_stem(now_ms),
            store: Store::Memory(Vec::new()),
            len: 0,
            records: 0,
            mark: Mark::default(),
            sent_to: 0,
            earlier: 0,
            first: 0,
            ended: false,
            torn: false,
        }
    }

    /// Whether it survives the process.
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self.store, Store::File(..))
    }

    /// Whether another record may be written.
    pub(crate) fn has_room(&self) -> bool {
        self.len < SEGMENT_BYTES && !self.ended && !self.torn
    }

    /// Appends records, each of which ends with a line break, in one write: all of them or none.
    pub(crate) fn append(&mut self, lines: &[u8], records: u64) -> io::Result<()> {
        let written = self.write(lines);
        match written {
            Ok(()) => self.records += records,
            Err(_) => self.ended = true,
        }
        written
    }

    /// Counts a record that was longer than a record may be.
    pub(crate) fn count_too_big(&mut self) {
        self.mark.too_big += 1;
        self.write_mark();
    }

    /// Counts events for which there was no room on the disk.
    pub(crate) fn count_unwritten(&mut self, events: u64) {
        self.mark.evicted = self.mark.evicted.saturating_add(events);
        self.write_mark();
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.store {
            Store::File(file, _) => {
                let mut file = file.file();
                if let Err(error) = file.write_all(line) {
                    // A part of a line would run into the next one.
                    self.torn = file.set_len(self.len).is_err();
                    return Err(error);
                }
            }
            Store::Memory(bytes) => bytes.extend_from_slice(line),
        }
        self.len += line.len() as u64;
        Ok(())
    }

    /// Without its mark a segment is sent again at worst, and the collector drops what it has.
    fn write_mark(&mut self) {
        if self.is_durable() && !self.torn {
            let _ = self.mark.line().and_then(|line| self.write(&line));
        }
    }

    /// Records that are not resolved.
    pub(crate) fn unresolved(&self) -> u64 {
        self.records.saturating_sub(self.mark.done)
    }

    /// The numbers of this process's records that are not resolved.
    pub(crate) fn unresolved_numbers(&self) -> Range<u64> {
        let done = self.mark.done.saturating_sub(self.earlier);
        self.first + done..self.first + self.records.saturating_sub(self.earlier)
    }

    /// The number of the unresolved record at a position, when this process wrote it.
    pub(crate) fn number_of(&self, position: u64) -> Option<u64> {
        (self.mark.done + position).checked_sub(self.earlier).map(|own| self.first + own)
    }

    /// What to read for the next batch; reading happens without the journal's lock.
    pub(crate) fn tail(&self) -> Tail {
        match &self.store {
            Store::File(file, _) => Tail::File(Arc::clone(file), self.sent_to..self.len),
            Store::Memory(bytes) => Tail::Memory(Arc::from(bytes.as_slice())),
        }
    }

    /// Notes that `records` more are resolved, `rejected` of them refused, which were `bytes` long with all between.
    pub(crate) fn resolve(&mut self, records: u64, rejected: u64, bytes: u64) {
        self.mark.done += records;
        self.mark.rejected += rejected;
        if let Store::Memory(kept) = &mut self.store {
            kept.drain(..usize::try_from(bytes).unwrap_or(usize::MAX).min(kept.len()));
        } else {
            self.sent_to += bytes;
        }
        self.write_mark();
    }

    /// Notes in the file's name that it is full, and how many records it holds, so that nobody has to read it to know.
    pub(crate) fn seal(&mut self) {
        let records = self.records;
        if let Store::File(_, path) = &mut self.store {
            let full = path.with_file_name(format::file_name(&self.stem, Some(records)));
            if fs::rename(&*path, &full).is_ok() {
                *path = full;
            }
        }
    }

    /// The path, when it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.store {
            Store::File(_, path) => Some(path),
            Store::Memory(_) => None,
        }
    }
}

fn begin(file: File, header: &Header) -> io::Result<(Locked, u64)> {
    let file = Locked::try_new(file)?;
    let mut line = serde_json::to_vec(header)?;
    line.push(b'\n');
    file.file().write_all(&line)?;
    Ok((file, line.len() as u64))
}

/// Where the unsent part of a segment is. The file is read by its handle: its folder may be gone.
#[derive(Debug)]
pub(crate) enum Tail {
    File(Arc<Locked>, Range<u64>),
    Memory(Arc<[u8]>),
}

impl Tail {
    /// Reads the next records: at most `max_records`, together at most `max_bytes`.
    pub(crate) fn read(&self, max_records: usize, max_bytes: usize) -> io::Result<Batch> {
        match self {
            Self::File(file, range) => {
                let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
                read_at(file.file(), &mut bytes, range.start)?;
                Ok(Batch::take(&bytes, max_records, max_bytes))
            }
            Self::Memory(bytes) => Ok(Batch::take(bytes, max_records, max_bytes)),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _};
    // Appending does not use the position that this moves.
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

/// Consecutive records of one segment.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Vec<u8>>,
    /// How many bytes of the segment they take, line breaks and marks between them included.
    pub(crate) bytes: u64,
    total: usize,
}

impl Batch {
    /// Adds a record while there is room for it.
    pub(super) fn add(&mut self, record: &[u8], max_records: usize, max_bytes: usize) -> bool {
        let total = self.total + record.len() + 1;
        if self.records.len() >= max_records || (total > max_bytes && !self.records.is_empty()) {
            return false;
        }
        self.total = total;
        self.records.push(record.to_vec());
        true
    }

    fn take(bytes: &[u8], max_records: usize, max_bytes: usize) -> Self {
        let mut batch = Self::default();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(content) = line.strip_suffix(b"\n") else { break };
            if is_record(content) && !batch.add(content, max_records, max_bytes) {
                break;
            }
            batch.bytes += line.len() as u64;
        }
        batch
    }
}
