//! What a segment looks like: its file name, its header, its records, its marks.

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::MAX_RECORD_BYTES;

const FORMAT: u32 = 1;
const EXTENSION: &str = ".seg";

/// The first line of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: u32,
    pub(super) generation: u64,
    pub(super) created_ms: u64,
    #[serde(default)]
    pub(super) boot: Option<String>,
    /// The installation that all its records name.
    #[serde(default)]
    pub(super) install: Option<Uuid>,
}

impl Header {
    pub(super) fn new(generation: u64, install: Uuid, created_ms: u64) -> Self {
        Self { format: FORMAT, generation, created_ms, boot: boot_id(), install: Some(install) }
    }

    /// Whether it says the same, but for the time.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        Self { created_ms: other.created_ms, ..self.clone() } == *other
    }

    /// Whether a lock on the file means that its writer is gone: locks of another machine or boot mean nothing.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.boot.is_some() && self.boot == boot_id()
    }
}

/// This boot of this machine, where the system can tell.
fn boot_id() -> Option<String> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || Some(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned());
    BOOT.get_or_init(read).clone()
}

/// How many of a segment's records are resolved, how many of these the collector refused, and how many events it
/// should hold but does not; cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mark {
    pub(crate) done: u64,
    pub(crate) rejected: u64,
    pub(crate) too_big: u64,
    /// Events for which there was no room on the disk.
    pub(crate) evicted: u64,
}

impl Mark {
    /// Events that were never written: they count as recorded, and as lost.
    pub(crate) const fn unwritten(&self) -> u64 {
        self.too_big.saturating_add(self.evicted)
    }

    pub(super) fn line(self) -> std::io::Result<Vec<u8>> {
        let mut line = vec![b'#'];
        serde_json::to_writer(&mut line, &self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The stem of a new segment's file name: sorts by time of creation.
pub(super) fn new_stem(now_ms: u64) -> String {
    format!("{now_ms:013}-{}", Uuid::new_v4().simple())
}

/// The file name of a segment; one that is full says how many records it holds.
pub(super) fn file_name(stem: &str, records: Option<u64>) -> String {
    records.map_or_else(|| format!("{stem}{EXTENSION}"), |records| format!("{stem}.{records}{EXTENSION}"))
}

/// A file name taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentName<'a> {
    /// What stays the same for the segment's life.
    pub(super) stem: &'a str,
    /// How many records it holds, when it is full.
    pub(super) records: Option<u64>,
    pub(super) created_ms: Option<u64>,
}

impl<'a> SegmentName<'a> {
    /// `None` for files that are no segments.
    pub(super) fn of(path: &'a Path) -> Option<Self> {
        let rest = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?;
        let (stem, records) = rest.split_once('.').map_or((rest, None), |(stem, n)| (stem, n.parse().ok()));
        let created_ms = stem.split_once('-').and_then(|(ms, _)| ms.parse().ok());
        Some(Self { stem, records, created_ms })
    }
}

/// A segment's bytes, read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    bytes: Vec<u8>,
    pub(super) header: Option<Header>,
    records: Vec<Range<usize>>,
    pub(crate) mark: Mark,
    /// Where whole lines end: what follows was being written when its process died.
    pub(super) whole: usize,
}

impl Parsed {
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let mut parsed = Self { bytes, ..Self::default() };
        let bytes = &parsed.bytes;
        parsed.whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut start = 0;
        for line in bytes[..parsed.whole].split_inclusive(|byte| *byte == b'\n') {
            let content = start..start + line.len() - 1;
            start += line.len();
            if content.start == 0 {
                let header = serde_json::from_slice::<Header>(&bytes[content]).ok();
                parsed.header = header.filter(|header| header.format == FORMAT);
                if parsed.header.is_none() {
                    break;
                }
            } else if is_record(&bytes[content.clone()]) {
                parsed.records.push(content);
            } else if let Some((b'#', mark)) = bytes[content].split_first() {
                parsed.mark = serde_json::from_slice(mark).unwrap_or(parsed.mark);
            }
        }
        parsed.mark.done = parsed.mark.done.min(parsed.records.len() as u64);
        parsed.mark.rejected = parsed.mark.rejected.min(parsed.mark.done);
        parsed
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.header.as_ref().map(|header| header.generation)
    }

    /// Records in the segment.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Whether the last line has no end.
    pub(super) fn is_torn(&self) -> bool {
        self.whole < self.bytes.len()
    }

    /// The records that are not resolved.
    pub(crate) fn unresolved(&self) -> impl Iterator<Item = &[u8]> {
        let done = usize::try_from(self.mark.done).unwrap_or(usize::MAX);
        self.records.iter().skip(done).map(|range| &self.bytes[range.clone()])
    }

    /// Where the first unresolved record begins, or the lines end.
    pub(super) fn sent_to(&self) -> u64 {
        let done = usize::try_from(self.mark.done).unwrap_or(usize::MAX);
        self.records.get(done).map_or(self.whole, |range| range.start) as u64
    }
}

/// A line that could be one: anything else never was a record of ours.
pub(super) fn is_record(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && line.len() <= MAX_RECORD_BYTES
}
