//! The one writer: many requests, one transaction, one `fsync`.
//!
//! Invariants: [`Writer::commit`] returns only after everything it was given is on disk, or nothing of it is;
//! the first event with an id stays; counters are raised in the same transaction as the rows they count.
//! A duplicate leaves no trace but its count: no name and no session is created for it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior};

use super::codec::{Intern, as_sent};
use super::columns::{self, Packed};
use super::names::{HashMap, KnownNames, Naming, Numbering, Numbers, OTHER};
use super::open::Folder;
use super::read::{RowQuery, failed, read_row, read_rows};
use super::spool::used_bytes;
use crate::catalogue::{CheckedValue, ClientCounters};
use crate::store::{Batch, Day, EventRow, NewEvent, OpenError, StoreError, Stored, UnixMs, day_of};

const ENV_NAMES: [(&str, &str); 5] = [
    ("version", "version"),
    ("os", "os"),
    ("arch", "arch"),
    ("caller", "caller"),
    ("os_language", "language"),
];
const NO_SCHEMA: i64 = -1;

/// Writes to the store; there is one per data folder.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) conn: Connection,
    /// Keeps the folder locked.
    _folder: Arc<Folder>,
    directory: PathBuf,
    min_free: u64,
    /// Bytes in use from which on nothing is taken.
    most_bytes: Option<u64>,
    numbers: Numbers,
    known: KnownNames,
    envs: HashMap<[i64; 7], i64>,
    insert: String,
    by_id: RowQuery,
    since: RowQuery,
    /// The first row of the last commit, if it has one.
    first_new: Option<i64>,
}

impl Writer {
    /// Opens the database of a folder, creating or migrating it.
    pub(crate) fn open(folder: Arc<Folder>, min_free: u64) -> Result<Self, OpenError> {
        let conn = folder.writer()?;
        Ok(Self {
            conn,
            directory: folder.database.parent().map(PathBuf::from).unwrap_or_default(),
            _folder: folder,
            min_free,
            most_bytes: None,
            numbers: Numbers::default(),
            known: KnownNames::default(),
            envs: HashMap::default(),
            insert: insert_statement(),
            by_id: RowQuery::by_event_id(),
            since: RowQuery::since(),
            first_new: None,
        })
    }

    /// Takes nothing any more while so many bytes are in use.
    pub(crate) fn limit_to(mut self, bytes: u64) -> Self {
        self.most_bytes = Some(bytes);
        self
    }

    fn check_limit(&self) -> Result<(), StoreError> {
        let Some(max) = self.most_bytes else { return Ok(()) };
        match used_bytes(&self.conn).map_err(failed)? >= max {
            true => Err(StoreError::SpoolFull { max }),
            false => Ok(()),
        }
    }

    /// Stores batches together, durably; the results are in their order.
    pub(crate) fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Stored>, StoreError> {
        self.first_new = None;
        check_free_space(&self.directory, self.min_free)?;
        // Without events it is upkeep's turn, which is what makes room.
        if batches.iter().any(|batch| !batch.events.is_empty()) {
            self.check_limit()?;
        }
        self.store_all(batches).map_err(|error| {
            self.forget_numbers();
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => StoreError::DiskLow { min_free: self.min_free },
                Some(rusqlite::ErrorCode::SystemIoFailure) => StoreError::Failed(format!(
                    "cannot write to {}: {error}; see whether the disk is full or broken, or files have a limit",
                    self.directory.display()
                )),
                _ => StoreError::Failed(format!("commit failed: {error}")),
            }
        })
    }

    /// To be called when numbers that were given out may be void.
    pub(super) fn forget_numbers(&mut self) {
        self.numbers.forget();
        self.known.clear();
        self.envs.clear();
    }

    fn store_all(&mut self, batches: &[Batch]) -> rusqlite::Result<Vec<Stored>> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (results, counts, first_new) = {
            let mut group = Group {
                conn: &tx,
                probe: tx.prepare_cached("SELECT 1 FROM event WHERE event_id = ?1")?,
                insert: tx.prepare_cached(&self.insert)?,
                numbers: Numbering::new(&tx, &mut self.numbers),
                known: &mut self.known,
                envs: &mut self.envs,
                counts: Counts::default(),
                by_id: &self.by_id,
                first_new: None,
            };
            let results = batches.iter().map(|batch| group.store(batch));
            let results = results.collect::<rusqlite::Result<Vec<_>>>()?;
            (results, group.counts, group.first_new)
        };
        counts.save(&tx)?;
        let last_row =
            tx.prepare_cached("SELECT coalesce(max(id), 0) FROM event")?.query_row([], |row| row.get(0))?;
        tx.commit()?;
        self.first_new = first_new;
        Ok(results.into_iter().map(|stored: Stored| Stored { last_row, ..stored }).collect())
    }

    /// The new events of the last commit as anyone may read them, in the order of their rows.
    pub(crate) fn newly_stored(&mut self) -> Result<Vec<EventRow>, StoreError> {
        let Some(first) = self.first_new else { return Ok(Vec::new()) };
        let names = &mut Naming { conn: &self.conn, known: &mut self.known };
        read_rows(&self.since, [first], names)
            .map_err(|error| StoreError::Failed(format!("read failed: {error}")))
    }

    /// Moves the write-ahead log into the database; for an orderly end.
    pub(crate) fn close(self) {
        // Not needed for durability, the next start would do it.
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Fails when the disk of `folder` has fewer than `min_free` bytes left.
pub(crate) fn check_free_space(folder: &std::path::Path, min_free: u64) -> Result<(), StoreError> {
    let stat = rustix::fs::statvfs(folder)
        .map_err(|error| StoreError::Failed(format!("cannot read the free disk space: {error}")))?;
    match stat.f_bavail.saturating_mul(stat.f_frsize) < min_free {
        true => Err(StoreError::DiskLow { min_free }),
        false => Ok(()),
    }
}

/// What one transaction works with.
struct Group<'a> {
    conn: &'a Connection,
    probe: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    numbers: Numbering<'a>,
    known: &'a mut KnownNames,
    envs: &'a mut HashMap<[i64; 7], i64>,
    counts: Counts,
    by_id: &'a RowQuery,
    first_new: Option<i64>,
}

impl Group<'_> {
    fn store(&mut self, batch: &Batch) -> rusqlite::Result<Stored> {
        let day = day_of(batch.received_ms);
        self.numbers.arrived_on(day);
        let mut stored = Stored::default();
        let (mut late, mut clock_off) = (0, 0);
        for event in &batch.events {
            if self.probe.exists([event.event_id.as_bytes().as_slice()])? {
                stored.duplicates += 1;
                stored.conflicts += u64::from(!self.is_stored_alike(event)?);
                continue;
            }
            let version = self.insert(event)?;
            stored.accepted += 1;
            late += u64::from(day > day_of(timestamp_ms(event)));
            clock_off += u64::from(event.clock_off);
            self.count_dropped(day, event, version)?;
        }
        for (fate, n) in [
            ("accepted", stored.accepted),
            ("duplicate", stored.duplicates),
            ("conflict", stored.conflicts),
            ("late", late),
            ("clock_off", clock_off),
        ] {
            self.counts.raise_by(n, day, fate, "", 0, 0);
        }
        for refused in &batch.refused {
            let version = self.numbers.intern("version", &refused.version)?;
            self.counts.raise(day, "rejected", refused.code, 0, version);
            for property in &refused.properties {
                let property = self.numbers.intern("property", property)?;
                self.counts.raise(day, "rejected_property", refused.code, property, version);
            }
        }
        if let Some(client) = &batch.client {
            self.keep_losses(client, &batch.events)?;
        }
        for kind in std::mem::take(&mut self.numbers.capped) {
            self.counts.raise(day, "capped_name", kind, 0, 0);
        }
        Ok(stored)
    }

    fn is_stored_alike(&mut self, event: &NewEvent) -> rusqlite::Result<bool> {
        let names = &mut Naming { conn: self.conn, known: self.known };
        let first = read_row(self.by_id, event.event_id, names)?;
        Ok(first.is_some_and(|first| same_content(&first, event)))
    }

    fn count_dropped(&mut self, day: Day, event: &NewEvent, version: i64) -> rusqlite::Result<()> {
        self.counts.raise_by(event.dropped as u64, day, "dropped", "", 0, version);
        for property in &event.unknown {
            let property = self.numbers.intern("property", property)?;
            self.counts.raise(day, "dropped_property", "", property, version);
        }
        Ok(())
    }

    /// Returns the client's version.
    fn insert(&mut self, event: &NewEvent) -> rusqlite::Result<i64> {
        let timestamp_ms = timestamp_ms(event);
        let (env, version) = self.env(event)?;
        let install = match event.properties.get("user_uuid") {
            Some(CheckedValue::Uuid(id)) => self.numbers.install_number(*id, day_of(timestamp_ms))?,
            _ => 0,
        };
        let kind = self.numbers.intern("event", &event.event)?;
        let action = match &event.action {
            Some(action) => self.numbers.intern("action", action)?,
            None => 0,
        };
        let packed = Packed::new(&event.properties, in_env_or_install, &mut self.numbers)?;
        let fixed: [&dyn rusqlite::ToSql; 7] = [
            &event.event_id.as_bytes().as_slice(),
            &timestamp_ms,
            &env,
            &install,
            &kind,
            &action,
            &event.clock_off.then_some(1_i64),
        ];
        let packed_params = packed.ints.iter().map(|value| value as &dyn rusqlite::ToSql);
        let blobs = [&packed.flags, &packed.errors, &packed.extra].map(|blob| blob as &dyn rusqlite::ToSql);
        let params = fixed.into_iter().chain(packed_params).chain(blobs);
        self.insert.execute(rusqlite::params_from_iter(params))?;
        self.first_new.get_or_insert_with(|| self.conn.last_insert_rowid());
        Ok(version)
    }

    fn env(&mut self, event: &NewEvent) -> rusqlite::Result<(i64, i64)> {
        let mut key = [0; 7];
        key[0] = self.numbers.intern("source", &event.source)?;
        for (slot, (property, kind)) in key[1..6].iter_mut().zip(ENV_NAMES) {
            if let Some(text) = event.properties.get(property).and_then(env_text) {
                *slot = self.numbers.intern(kind, text)?;
            }
        }
        key[6] = event.properties.get("schema").and_then(env_number).unwrap_or(NO_SCHEMA);
        if let Some(id) = self.envs.get(&key) {
            return Ok((*id, key[1]));
        }
        let find = "SELECT id FROM env WHERE source = ?1 AND version = ?2 AND os = ?3 AND arch = ?4
            AND caller = ?5 AND language = ?6 AND schema = ?7";
        let found = self.conn.prepare_cached(find)?.query_row(key, |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                let sql = "INSERT INTO env (source, version, os, arch, caller, language, schema)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                self.conn.prepare_cached(sql)?.execute(key)?;
                self.conn.last_insert_rowid()
            }
        };
        self.envs.insert(key, id);
        Ok((id, key[1]))
    }

    /// Counters only grow within an epoch, so the maximum is right whatever arrives twice or out of order.
    fn keep_losses(&mut self, client: &ClientCounters, events: &[NewEvent]) -> rusqlite::Result<()> {
        // One request never mixes installations; one without a valid event cannot be attributed.
        let first = events.first();
        let install = match first.and_then(|event| Some((event, event.properties.get("user_uuid")?))) {
            Some((event, CheckedValue::Uuid(id))) => {
                self.numbers.install_number(*id, day_of(timestamp_ms(event)))?
            }
            _ => 0,
        };
        let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let losses = &client.losses;
        let sql = "INSERT INTO loss (epoch, install, sent_at_ms, recorded, evicted, expired, rejected, too_big)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (epoch, install) DO UPDATE SET
                sent_at_ms = max(sent_at_ms, excluded.sent_at_ms), recorded = max(recorded, excluded.recorded),
                evicted = max(evicted, excluded.evicted), expired = max(expired, excluded.expired),
                rejected = max(rejected, excluded.rejected), too_big = max(too_big, excluded.too_big)";
        self.conn.prepare_cached(sql)?.execute((
            client.epoch.as_bytes().as_slice(),
            install,
            int(client.sent_at),
            int(client.recorded),
            int(losses.evicted),
            int(losses.expired),
            int(losses.rejected),
            int(losses.too_big),
        ))?;
        Ok(())
    }
}

/// Whether a property is stored with the environment or as the installation.
fn in_env_or_install(property: &str, value: &CheckedValue) -> bool {
    match property {
        "user_uuid" => matches!(value, CheckedValue::Uuid(_)),
        "schema" => env_number(value).is_some(),
        _ => ENV_NAMES.iter().any(|(name, _)| *name == property) && env_text(value).is_some(),
    }
}

fn env_text(value: &CheckedValue) -> Option<&str> {
    match value {
        CheckedValue::Closed(text) | CheckedValue::Version(text) | CheckedValue::Language(text) => Some(text),
        _ => None,
    }
}

fn env_number(value: &CheckedValue) -> Option<i64> {
    match value {
        CheckedValue::Number(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

fn timestamp_ms(event: &NewEvent) -> UnixMs {
    i64::try_from(event.timestamp_ms).unwrap_or(i64::MAX)
}

fn as_stored(event: &NewEvent, row: i64) -> EventRow {
    let mut properties: serde_json::Map<_, _> =
        event.properties.iter().map(|(property, value)| (property.clone(), as_sent(value))).collect();
    if let Some(action) = &event.action {
        properties.insert("action".to_owned(), action.as_str().into());
    }
    EventRow {
        row,
        event_id: event.event_id,
        event: event.event.clone(),
        event_timestamp: timestamp_ms(event),
        source: event.source.clone(),
        properties,
    }
}

/// Whether a record with a known id is what was stored then; a name beyond the daily limit matches any.
fn same_content(first: &EventRow, again: &NewEvent) -> bool {
    let again = as_stored(again, first.row);
    first.event == again.event
        && first.event_timestamp == again.event_timestamp
        && first.source == again.source
        && first.properties.len() == again.properties.len()
        && first.properties.iter().all(|(property, value)| {
            again
                .properties
                .get(property)
                .is_some_and(|other| value == other || value.as_str() == Some(OTHER))
        })
}

fn insert_statement() -> String {
    let packed: Vec<&str> = columns::names().collect();
    let marks: Vec<String> = (1..=7 + packed.len()).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT INTO event (event_id, ts_ms, env, install, event, action, clock_off, {}) VALUES ({})",
        packed.join(", "),
        marks.join(", ")
    )
}

/// Numbers of arrivals by (day, fate, code, property, version), added up before they are written.
#[derive(Debug, Default)]
struct Counts(HashMap<(Day, &'static str, &'static str, i64, i64), u64>);

impl Counts {
    fn raise(&mut self, day: Day, fate: &'static str, code: &'static str, property: i64, version: i64) {
        self.raise_by(1, day, fate, code, property, version);
    }

    fn raise_by(
        &mut self,
        n: u64,
        day: Day,
        fate: &'static str,
        code: &'static str,
        property: i64,
        version: i64,
    ) {
        if n > 0 {
            *self.0.entry((day, fate, code, property, version)).or_default() += n;
        }
    }

    fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO ingest_count (day, fate, code, property, version, n)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (day, fate, code, property, version) DO UPDATE SET n = n + excluded.n";
        let mut statement = conn.prepare_cached(sql)?;
        for ((day, fate, code, property, version), n) in &self.0 {
            statement.execute((day, fate, code, property, version, n))?;
        }
        Ok(())
    }
}
