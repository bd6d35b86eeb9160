//! Random events of a small world, the same for the same seed, and stores to put them in.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;

use crate::catalogue::{CheckedValue, ClientCounters};
use crate::store::sqlite::{Folder, Reader, Writer};
use crate::store::{Batch, DAY_MS, Day, NewEvent};

/// 2026-11-22.
pub(crate) const TODAY: Day = 20_779;

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }
}

/// A store in a folder of its own.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) dir: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    pub(crate) fn at(dir: TempDir) -> Self {
        let folder = Arc::new(Folder::open(dir.path()).unwrap());
        let writer = Writer::open(Arc::clone(&folder), 0).unwrap();
        Self { writer, reader: Reader::new(folder), dir }
    }

    pub(crate) fn add(&mut self, events: Vec<NewEvent>) {
        let batch = Batch { received_ms: TODAY * DAY_MS, events, ..Batch::default() };
        self.writer.commit(&[batch]).unwrap();
    }

    /// Seals every complete cell.
    pub(crate) fn seal(&mut self) -> u64 {
        self.writer.seal_complete(&self.reader).unwrap()
    }

    /// Closes and opens it again.
    pub(crate) fn reopened(self) -> Self {
        self.writer.close();
        drop(self.reader);
        Self::at(self.dir)
    }
}

pub(crate) fn install(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x1111_2222_3333_4444, 0x8000_0000_0000_0000 | number)
}

pub(crate) const VERSIONS: [&str; 5] = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0"];
pub(crate) const SYSTEMS: [&str; 3] = ["linux", "darwin", "windows"];
pub(crate) const NAMES: [&str; 6] = ["root", "shell", "read_file", "gpt-4o", "other", "custom"];
pub(crate) const ERRORS: [&str; 4] = ["timeout", "network", "other", "auth"];

/// What the events of a population are drawn from.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    pub(crate) random: Random,
    pub(crate) installs: u64,
    pub(crate) days: Day,
    made: u64,
}

impl Population {
    pub(crate) fn new(seed: u64, installs: u64, days: Day) -> Self {
        Self { random: Random(seed), installs, days, made: 0 }
    }

    pub(crate) fn events(&mut self, count: usize) -> Vec<NewEvent> {
        (0..count).map(|_| self.event()).collect()
    }

    fn event(&mut self) -> NewEvent {
        let random = &mut self.random;
        self.made += 1;
        // One in fifty is a duplicate, perhaps with other content.
        let id = if self.made > 50 && random.chance(2) { self.made - random.below(50) } else { self.made };
        let early = random.below(self.days as u64) as i64;
        // Most arrive in the order of days.
        let day = match random.chance(85) {
            true => TODAY - self.days + (self.made as i64 / 40).min(self.days - 1),
            false => TODAY - early,
        };
        let (event, action) = random.pick(&[
            ("command", Some("run")),
            ("command", Some("version")),
            ("command", None),
            ("session", Some("start")),
            ("session", Some("end")),
            ("session", Some("pause")),
            ("tool", Some("call")),
            ("tool", None),
            ("token", Some("usage")),
            ("deploy", Some("start")),
            ("deploy", None),
        ]);
        let mut properties = BTreeMap::new();
        self.common(&mut properties);
        self.own(event, &mut properties);
        NewEvent {
            event_id: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | id),
            source: self.random.pick(&["docker-agent", "docker-agent", "acme"]).to_owned(),
            event: event.to_owned(),
            action: action.map(str::to_owned),
            timestamp_ms: (day * DAY_MS) as u64 + self.random.below(DAY_MS as u64),
            properties,
            dropped: 0,
            unknown: Vec::new(),
            clock_off: false,
        }
    }

    fn common(&mut self, properties: &mut BTreeMap<String, CheckedValue>) {
        let random = &mut self.random;
        let mut put = |name: &str, value| properties.insert(name.to_owned(), value);
        if random.chance(95) {
            put("user_uuid", CheckedValue::Uuid(install(random.below(self.installs))));
        }
        if random.chance(95) {
            put("version", CheckedValue::Version(random.pick(&VERSIONS).to_owned()));
            put("os", CheckedValue::Closed(random.pick(&SYSTEMS).to_owned()));
        }
        if random.chance(50) {
            put("arch", CheckedValue::Closed(random.pick(&["amd64", "arm64"]).to_owned()));
            put("caller", CheckedValue::Closed(random.pick(&["human", "ci", "agent"]).to_owned()));
            put("os_language", CheckedValue::Language(random.pick(&["de-DE", "en-US"]).to_owned()));
            put("schema", CheckedValue::Number(random.below(3)));
        }
    }

    /// Any property may be on any event: other tools' catalogues are free to.
    fn own(&mut self, event: &str, properties: &mut BTreeMap<String, CheckedValue>) {
        let random = &mut self.random;
        let mut put = |name: &str, value| properties.insert(name.to_owned(), value);
        let often = if event == "deploy" { 30 } else { 80 };
        for name in ["agent_name", "model_provider", "model_name", "tool_name"] {
            if random.chance(often) {
                put(name, CheckedValue::Name(random.pick(&NAMES).to_owned()));
            }
        }
        for (name, values) in [
            ("tool_kind", ["builtin", "mcp", "agent"]),
            ("purpose", ["turn", "title", "compaction"]),
            ("outcome", ["ok", "error", "completed"]),
        ] {
            if random.chance(often) {
                put(name, CheckedValue::Closed(random.pick(&values).to_owned()));
            }
        }
        if random.chance(40) {
            put("error", CheckedValue::Closed(random.pick(&ERRORS).to_owned()));
        }
        if random.chance(often) {
            put("is_success", CheckedValue::Bool(random.chance(60)));
        }
        if random.chance(often) {
            put("session_id", CheckedValue::Uuid(Uuid::from_u64_pair(77, random.below(400))));
        }
        let bits = [4, 9, 17, 33];
        for name in [
            "exit_code",
            "duration_ms",
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
            "turns",
            "tool_calls",
            "tool_errors",
            "error_count",
        ] {
            if random.chance(often) {
                let limit = if name == "exit_code" { 4 } else { 1 << random.pick(&bits) };
                put(name, CheckedValue::Number(random.below(limit)));
            }
        }
        if random.chance(60) {
            put("cost", CheckedValue::NanoUsd(random.below(1 << 40)));
        }
        if random.chance(70) {
            let flags = ["debug", "model", "yolo"].iter().filter(|_| random.chance(50));
            put("flags", CheckedValue::Set(flags.map(|flag| (*flag).to_owned()).collect()));
        }
        if random.chance(70) {
            let errors = ERRORS.iter().filter(|_| random.chance(40)).map(|error| (*error).to_owned());
            put(
                "errors",
                CheckedValue::Map(errors.collect::<Vec<_>>().into_iter().map(|e| (e, 3)).collect()),
            );
        }
    }
}

/// Counters as a client sends them, with one event of its installation.
pub(crate) fn counters(events: Vec<NewEvent>, recorded: u64) -> Batch {
    let epoch = Uuid::from_u64_pair(5, recorded);
    let client = ClientCounters { epoch, sent_at: 1, recorded, losses: Default::default() };
    Batch { received_ms: TODAY * DAY_MS, events, refused: Vec::new(), client: Some(client) }
}
