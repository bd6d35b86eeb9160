//! One segment: writing it, reading it back, taking over what a dead process left.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::files;

const FORMAT: u32 = 1;
/// A lock of another boot or another machine says nothing; then a segment must have been silent for this long.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// Longer than any record or mark; a segment whose reader meets a longer line is damaged from there on.
const MAX_SEGMENT_READ: u64 = 4 * 1024 * 1024;

/// The first line of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    format: u32,
    generation: u64,
    created_ms: u64,
    #[serde(default)]
    boot: Option<String>,
}

/// How many of a segment's records are resolved, and how many of these the collector refused; cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) done: u64,
    pub(crate) rejected: u64,
    pub(crate) too_big: u64,
}

/// This boot of this machine, where the system can tell.
fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

/// The name of a new segment: sorts by time of creation.
fn new_name(now_ms: u64) -> String {
    format!("{now_ms:013}-{}.seg", uuid::Uuid::new_v4().simple())
}

/// When the segment of a file name was created.
pub(crate) fn created_ms(name: &str) -> Option<u64> {
    name.strip_suffix(".seg").and_then(|stem| stem.split_once('-')).and_then(|(ms, _)| ms.parse().ok())
}

/// A segment that this process writes.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) name: String,
    store: Store,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Records written.
    pub(crate) records: u64,
    pub(crate) mark: Mark,
    /// Where the first unresolved line begins.
    sent_to: u64,
}

#[derive(Debug)]
enum Store {
    /// Appending handle; the path is for reading.
    File(File, PathBuf),
    /// Where nothing can be written: lost with the process.
    Memory(Vec<u8>),
}

impl Owned {
    /// Creates a segment in a folder that exists.
    pub(crate) fn create(folder: &Path, generation: u64, now_ms: u64) -> io::Result<Self> {
        let name = new_name(now_ms);
        let temporary = folder.join(format!(".{name}.tmp"));
        let mut file = files::private().append(true).create_new(true).open(&temporary)?;
        let written = Self::begin(&mut file, generation, now_ms);
        let path = folder.join(&name);
        let len = written.and_then(|len| fs::rename(&temporary, &path).map(|()| len)).inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })?;
        Ok(Self {
            name,
            store: Store::File(file, path),
            len,
            records: 0,
            mark: Mark::default(),
            sent_to: len,
        })
    }

    fn begin(file: &mut File, generation: u64, now_ms: u64) -> io::Result<u64> {
        file.lock()?;
        let header = Header { format: FORMAT, generation, created_ms: now_ms, boot: boot_id() };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(line.len() as u64)
    }

    /// A segment that is kept in memory only.
    pub(crate) fn in_memory(now_ms: u64) -> Self {
        let store = Store::Memory(Vec::new());
        Self { name: new_name(now_ms), store, len: 0, records: 0, mark: Mark::default(), sent_to: 0 }
    }

    /// Whether it survives the process.
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self.store, Store::File(..))
    }

    /// Appends a record, which ends with a line break, in one write.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.write(line)?;
        self.records += 1;
        Ok(())
    }

    /// Counts a record that was longer than a record may be.
    pub(crate) fn count_too_big(&mut self) {
        self.mark.too_big += 1;
        let _ = self.write_mark();
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.store {
            Store::File(file, _) => file.write_all(line)?,
            Store::Memory(bytes) => bytes.extend_from_slice(line),
        }
        self.len += line.len() as u64;
        Ok(())
    }

    fn write_mark(&mut self) -> io::Result<()> {
        let line = mark_line(self.mark)?;
        self.write(&line)
    }

    /// Records that are not resolved.
    pub(crate) fn unresolved(&self) -> u64 {
        self.records.saturating_sub(self.mark.done)
    }

    /// What to read for the next batch; reading happens without the journal's lock.
    pub(crate) fn tail(&self) -> Tail {
        match &self.store {
            Store::File(_, path) => Tail::File(path.clone(), self.sent_to..self.len),
            Store::Memory(bytes) => {
                let from = usize::try_from(self.sent_to).unwrap_or(usize::MAX);
                Tail::Memory(Arc::from(bytes.get(from..).unwrap_or_default()))
            }
        }
    }

    /// Notes that `records` more are resolved, `rejected` of them refused, which were `bytes` long with all between.
    pub(crate) fn resolve(&mut self, records: u64, rejected: u64, bytes: u64) {
        self.mark.done += records;
        self.mark.rejected += rejected;
        self.sent_to += bytes;
        let _ = self.write_mark();
    }

    /// The path, when it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.store {
            Store::File(_, path) => Some(path),
            Store::Memory(_) => None,
        }
    }
}

fn mark_line(mark: Mark) -> io::Result<Vec<u8>> {
    let mut line = vec![b'#'];
    serde_json::to_writer(&mut line, &mark)?;
    line.push(b'\n');
    Ok(line)
}

/// Where the unsent part of a segment is.
#[derive(Debug)]
pub(crate) enum Tail {
    File(PathBuf, Range<u64>),
    Memory(Arc<[u8]>),
}

impl Tail {
    /// Reads the next records: at most `max_records`, together at most `max_bytes`.
    pub(crate) fn read(&self, max_records: usize, max_bytes: usize) -> io::Result<Batch> {
        match self {
            Self::File(path, range) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(range.start))?;
                let mut bytes = Vec::new();
                file.take((range.end - range.start).min(MAX_SEGMENT_READ)).read_to_end(&mut bytes)?;
                Ok(Batch::take(&bytes, max_records, max_bytes))
            }
            Self::Memory(bytes) => Ok(Batch::take(bytes, max_records, max_bytes)),
        }
    }
}

/// Consecutive records of one segment.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Vec<u8>>,
    /// How many bytes of the segment they take, line breaks and marks between them included.
    pub(crate) bytes: u64,
}

impl Batch {
    fn take(bytes: &[u8], max_records: usize, max_bytes: usize) -> Self {
        let mut batch = Self::default();
        let mut total = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(content) = line.strip_suffix(b"\n") else { break };
            if content.first() == Some(&b'{') {
                total += content.len() + 1;
                if batch.records.len() >= max_records || (total > max_bytes && !batch.records.is_empty()) {
                    break;
                }
                batch.records.push(content.to_vec());
            }
            batch.bytes += line.len() as u64;
        }
        batch
    }
}

/// A segment that a dead process left, locked by this one.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    file: File,
    pub(crate) generation: u64,
    pub(crate) created_ms: u64,
    records: Vec<Vec<u8>>,
    pub(crate) mark: Mark,
}

impl Adopted {
    /// Takes over a segment; `None` when its writer may be alive or it is gone.
    pub(crate) fn take(path: &Path) -> Option<Self> {
        let mut file = files::private().read(true).append(true).open(path).ok()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
        let name = path.file_name()?.to_string_lossy().into_owned();
        let metadata = file.metadata().ok()?;
        if !has_link(&metadata) {
            return None;
        }
        let mut bytes = Vec::new();
        io::Read::by_ref(&mut file).take(MAX_SEGMENT_READ).read_to_end(&mut bytes).ok()?;
        let parsed = Parsed::read(&bytes);
        let trusted =
            parsed.header.as_ref().is_some_and(|header| header.boot.is_some() && header.boot == boot_id());
        let silent = || {
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            SystemTime::now().duration_since(modified).is_ok_and(|age| age >= SILENCE)
        };
        if !trusted && !silent() {
            return None;
        }
        let header = parsed.header.unwrap_or(Header {
            format: FORMAT,
            generation: u64::MAX,
            created_ms: 0,
            boot: None,
        });
        let created = created_ms(&name).unwrap_or(header.created_ms);
        if parsed.torn {
            // A line without its end would run into the next mark.
            let _ = file.set_len(parsed.whole_bytes);
        }
        Some(Self {
            name,
            path: path.to_owned(),
            file,
            generation: header.generation,
            created_ms: created,
            records: parsed.records,
            mark: parsed.mark,
        })
    }

    /// Records in the segment.
    pub(crate) fn records(&self) -> u64 {
        self.records.len() as u64
    }

    /// Records that are not resolved.
    pub(crate) fn unresolved(&self) -> u64 {
        self.records().saturating_sub(self.mark.done)
    }

    /// The next records: at most `max_records`, together at most `max_bytes`.
    pub(crate) fn next(&self, max_records: usize, max_bytes: usize) -> Batch {
        let done = usize::try_from(self.mark.done).unwrap_or(usize::MAX);
        let mut batch = Batch::default();
        let mut total = 0;
        for record in self.records.iter().skip(done).take(max_records) {
            total += record.len() + 1;
            if total > max_bytes && !batch.records.is_empty() {
                break;
            }
            batch.records.push(record.clone());
        }
        batch
    }

    /// Notes that `records` more are resolved, `rejected` of them refused.
    pub(crate) fn resolve(&mut self, records: u64, rejected: u64) {
        self.mark.done += records;
        self.mark.rejected += rejected;
        if let Ok(line) = mark_line(self.mark) {
            let _ = self.file.write_all(&line);
        }
    }
}

/// A segment's lines, read for showing or for taking over.
pub(crate) struct Parsed {
    header: Option<Header>,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) mark: Mark,
    whole_bytes: u64,
    torn: bool,
}

impl Parsed {
    /// Reads a segment's bytes; whatever follows the last line break was being written when its process died.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header = lines.next().and_then(|line| serde_json::from_slice::<Header>(line).ok());
        let header = header.filter(|header| header.format == FORMAT);
        let mut parsed = Self {
            header,
            records: Vec::new(),
            mark: Mark::default(),
            whole_bytes: whole as u64,
            torn: whole < bytes.len(),
        };
        if parsed.header.is_some() {
            for line in lines {
                match line.split_first() {
                    Some((b'{', _)) => parsed.records.push(line.to_vec()),
                    Some((b'#', rest)) => parsed.mark = serde_json::from_slice(rest).unwrap_or(parsed.mark),
                    _ => {}
                }
            }
        }
        parsed.mark.done = parsed.mark.done.min(parsed.records.len() as u64);
        parsed
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.header.as_ref().map(|header| header.generation)
    }
}

#[cfg(unix)]
fn has_link(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 0
}

#[cfg(not(unix))]
fn has_link(_metadata: &fs::Metadata) -> bool {
    true
}
