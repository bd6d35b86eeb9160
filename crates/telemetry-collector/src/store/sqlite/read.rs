//! Reading: single rows as they were sent, and questions.
//!
//! Every [`Snapshot`] is one read transaction on a connection that cannot write: its parts agree with each other,
//! and in WAL mode it neither waits for the writer nor makes it wait.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use uuid::Uuid;

use super::codec::Resolve;
use super::columns::{self, Packed};
use super::names::{KnownNames, Naming, uuid_of};
use super::open::Folder;
#[cfg(test)]
use super::plain::Plain;
use super::scan::Scan;
use super::tail::{Extent, Shared, meta};
use super::upkeep::{retention::cells_before, totals};
use crate::answer::range::Range;
use crate::store::keys::kind;
use crate::store::question::{
    Active, Arrival, Cohort, DailyTotals, Filters, Group, Key, Losses, Question, View,
};
use crate::store::totals::{measured, together};
use crate::store::{Day, EventRow, Page, StoreError};

/// A question that lasts longer than this is given up, so that it cannot hold back the write-ahead log for ever.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(30);
/// Steps of SQLite's machine between two looks at the clock; about a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

/// Read access to a data folder, from any thread.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) folder: Arc<Folder>,
    /// Connections that nobody uses now.
    idle: Mutex<Vec<Open>>,
    pub(super) shared: Shared,
    /// Cells whose segment did not fit its checksum.
    damaged: Mutex<BTreeSet<i64>>,
    /// Threads that scan segments now.
    pub(super) scanning: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) conn: Connection,
    pub(super) known: KnownNames,
}

impl Open {
    /// Has what follows given up when it takes too long.
    pub(super) fn limit(&mut self) -> rusqlite::Result<()> {
        let until = Instant::now() + READ_LIMIT;
        self.conn.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > until))
    }
}

impl Reader {
    pub(crate) fn new(folder: Arc<Folder>) -> Self {
        Self {
            folder,
            idle: Mutex::default(),
            shared: Shared::default(),
            damaged: Mutex::default(),
            scanning: AtomicUsize::new(0),
        }
    }

    /// Lends a connection that nobody uses.
    pub(super) fn connected<T>(
        &self,
        run: impl FnOnce(&mut Open) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut open = match idle {
            Some(open) => open,
            None => Open { conn: self.folder.reader()?, known: KnownNames::default() },
        };
        // A guest's limit is not the next one's.
        open.conn.progress_handler(0, None::<fn() -> bool>)?;
        let result = run(&mut open);
        // A connection that saw an error is not trusted again.
        if result.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(open);
        }
        result
    }

    pub(super) fn report_damaged(&self, cell: i64) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(cell);
    }

    /// The cells whose segments were found damaged since the last call.
    pub(super) fn take_damaged(&self) -> BTreeSet<i64> {
        std::mem::take(&mut *self.damaged.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `read` on one consistent state of the store.
    pub(crate) fn snapshot<T>(
        &self,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connected(|open| {
            open.limit()?;
            let tx = open.conn.unchecked_transaction()?;
            let extent = self.shared.begin(&tx)?;
            let naming = Naming { conn: &tx, known: &mut open.known };
            Ok(read(&mut Snapshot { naming, extent, reader: self }))
        })
        .map_err(failed)?
    }

    /// Whether the store can be read.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let sql = "SELECT max(id) FROM event";
        self.connected(|open| open.conn.query_row(sql, [], |_| Ok(()))).map_err(failed)
    }
}

pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => {
            StoreError::TooSlow { seconds: READ_LIMIT.as_secs() }
        }
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::Failed(format!(
            "the database is damaged: {error}; see what `telemetry-collector check` says, and restore a backup"
        )),
        _ => StoreError::Failed(format!("read failed: {error}")),
    }
}

/// One consistent state of the store.
pub(crate) struct Snapshot<'a> {
    naming: Naming<'a>,
    extent: Extent,
    reader: &'a Reader,
}

impl<'a> Snapshot<'a> {
    pub(super) fn of(naming: Naming<'a>, extent: Extent, reader: &'a Reader) -> Self {
        Self { naming, extent, reader }
    }

    fn scanning(&mut self) -> Scan<'_, 'a> {
        Scan { naming: &mut self.naming, extent: &self.extent, reader: self.reader }
    }

    /// The cells with events older than a day.
    pub(super) fn cells_before(&self, day: Day) -> Vec<i64> {
        cells_before(&self.extent.sources, day)
    }

    /// The installations that sent counters.
    fn telling(&self) -> rusqlite::Result<HashSet<u64>> {
        let sql = "SELECT DISTINCT install FROM loss WHERE install <> 0";
        self.naming
            .conn
            .prepare_cached(sql)?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()
    }
}

#[cfg(test)]
impl<'a> Snapshot<'a> {
    /// The same state, asked in plain SQL.
    pub(super) fn plain(&mut self) -> Plain<'a, '_> {
        Plain(&mut self.naming)
    }

    pub(super) fn plain_stored(&self) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM event WHERE install IN (SELECT install FROM loss WHERE install <> 0)";
        self.naming.conn.query_row(sql, [], |row| row.get(0))
    }

    pub(super) fn plain_span(&self) -> rusqlite::Result<Option<Range>> {
        plain_span(self.naming.conn)
    }
}

/// The first and last day, from the rows.
fn plain_span(conn: &Connection) -> rusqlite::Result<Option<Range>> {
    let sql = "SELECT min(ts_ms) / 86400000, max(ts_ms) / 86400000 FROM event";
    let days = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<Day>>(0)?, row.get::<_, Option<Day>>(1)?));
    let (from, to) = conn.query_row(sql, [], days)?;
    Ok(from.zip(to).map(|(from, to)| Range { from, to }))
}

impl View for Snapshot<'_> {
    fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError> {
        self.scanning().groups(question)
    }

    fn active(
        &mut self,
        windows: &[Range],
        by: Option<Key>,
        filters: &Filters,
    ) -> Result<Vec<Active>, StoreError> {
        self.scanning().active(windows, by, filters)
    }

    fn new_installs(&mut self, range: Range, filters: &Filters) -> Result<Vec<(Day, u64)>, StoreError> {
        self.scanning().new_installs(range, filters)
    }

    fn cohorts(&mut self, range: Range, filters: &Filters) -> Result<Vec<Cohort>, StoreError> {
        self.scanning().cohorts(range, filters)
    }

    fn arrivals(&mut self, range: Range) -> Result<Vec<Arrival>, StoreError> {
        let naming = &mut self.naming;
        let mut read = || {
            let sql = "SELECT day, fate, code, property, version, n FROM ingest_count
                WHERE day BETWEEN ?1 AND ?2 ORDER BY day, fate, code, property, version";
            let mut statement = naming.conn.prepare_cached(sql)?;
            let mut rows = statement.query((range.from, range.to))?;
            let mut arrivals = Vec::new();
            while let Some(row) = rows.next()? {
                let mut name = |id: i64| if id == 0 { Ok("".into()) } else { naming.resolve(id) };
                arrivals.push(Arrival {
                    day: row.get(0)?,
                    fate: row.get(1)?,
                    code: row.get(2)?,
                    property: name(row.get(3)?)?,
                    version: name(row.get(4)?)?,
                    n: row.get(5)?,
                });
            }
            Ok(arrivals)
        };
        read().map_err(failed)
    }

    fn losses(&mut self) -> Result<Losses, StoreError> {
        let sql = "SELECT count(DISTINCT install), coalesce(sum(recorded), 0), coalesce(sum(evicted), 0),
                coalesce(sum(expired), 0), coalesce(sum(rejected), 0), coalesce(sum(too_big), 0)
            FROM loss WHERE install <> 0";
        let losses = |row: &rusqlite::Row<'_>| {
            Ok(Losses {
                installs: row.get(0)?,
                recorded: row.get(1)?,
                evicted: row.get(2)?,
                expired: row.get(3)?,
                rejected: row.get(4)?,
                too_big: row.get(5)?,
                stored: 0,
            })
        };
        let mut losses = self.naming.conn.query_row(sql, [], losses).map_err(failed)?;
        let telling = self.telling().map_err(failed)?;
        losses.stored = self.scanning().events_of(|install| telling.contains(&install))?;
        Ok(losses)
    }

    fn values(&mut self, key: Key) -> Result<Vec<Arc<str>>, StoreError> {
        let read = || {
            let sql = "SELECT name FROM dict WHERE kind = ?1 ORDER BY name";
            let mut statement = self.naming.conn.prepare_cached(sql)?;
            statement.query_map([kind(key)], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(failed)
    }

    fn span(&mut self) -> Result<Option<Range>, StoreError> {
        match self.extent.span() {
            Some(span) => Ok(span),
            None => plain_span(self.naming.conn).map_err(failed),
        }
    }

    fn totals(&mut self, range: Range) -> Result<Vec<DailyTotals>, StoreError> {
        let raw_from = meta(self.naming.conn, "raw_from").map_err(failed)?;
        let kept = totals::kept(self.naming.conn, range).map_err(failed)?;
        // Days before the first or after the last event have nothing to measure.
        let Some(span) = self.span()? else { return Ok(kept) };
        let range = Range { from: range.from.max(raw_from).max(span.from), to: range.to.min(span.to) };
        let measured = if range.from > range.to { Vec::new() } else { measured(self, range)? };
        Ok(together(kept, measured))
    }

    fn events(&mut self, page: Page) -> Result<Vec<EventRow>, StoreError> {
        let (query, params) = match page {
            Page::Last { limit } => (RowQuery::new("ORDER BY e.id DESC LIMIT ?1"), vec![i64::from(limit)]),
            Page::After { row, limit } => {
                (RowQuery::new("WHERE e.id > ?1 ORDER BY e.id LIMIT ?2"), vec![row, i64::from(limit)])
            }
        };
        let mut rows =
            read_rows(&query, rusqlite::params_from_iter(params), &mut self.naming).map_err(failed)?;
        if matches!(page, Page::Last { .. }) {
            rows.reverse();
        }
        Ok(rows)
    }

    fn last_row(&mut self) -> Result<i64, StoreError> {
        Ok(self.extent.last_row)
    }
}

/// Selects whole events.
#[derive(Debug)]
pub(super) struct RowQuery(String);

pub(super) const FIXED_COLUMNS: usize = 13;

impl RowQuery {
    fn new(which: &str) -> Self {
        let packed: Vec<String> = columns::names().map(|name| format!("e.{name}")).collect();
        Self(format!(
            "SELECT e.id, e.event_id, e.ts_ms, e.event, e.action, e.install,
                v.source, v.version, v.os, v.arch, v.caller, v.language, v.schema, {}
             FROM event e JOIN env v ON v.id = e.env {which}",
            packed.join(", ")
        ))
    }

    /// After a row, up to another one.
    pub(super) fn between() -> Self {
        Self::new("WHERE e.id > ?1 AND e.id <= ?2 ORDER BY e.id")
    }

    pub(super) fn sql(&self) -> &str {
        &self.0
    }

    pub(super) fn by_event_id() -> Self {
        Self::new("WHERE e.event_id = ?1")
    }

    /// From a row on.
    pub(super) fn since() -> Self {
        Self::new("WHERE e.id >= ?1 ORDER BY e.id")
    }
}

/// The event that a query selects, if there is one.
pub(super) fn read_row(
    query: &RowQuery,
    event_id: Uuid,
    names: &mut Naming<'_>,
) -> rusqlite::Result<Option<EventRow>> {
    Ok(read_rows(query, [event_id.as_bytes().as_slice()], names)?.pop())
}

/// The events that a query selects.
pub(super) fn read_rows(
    query: &RowQuery,
    params: impl rusqlite::Params,
    names: &mut Naming<'_>,
) -> rusqlite::Result<Vec<EventRow>> {
    let conn = names.conn;
    let mut statement = conn.prepare_cached(&query.0)?;
    let mut rows = statement.query(params)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event_of(row, &Packed::from_row(row, FIXED_COLUMNS)?, names)?);
    }
    Ok(events)
}

/// The event of a row whose packed columns were read.
pub(super) fn event_of(
    row: &rusqlite::Row<'_>,
    packed: &Packed,
    names: &mut Naming<'_>,
) -> rusqlite::Result<EventRow> {
    let mut properties = serde_json::Map::new();
    packed.unpack(names, &mut properties)?;
    let install: i64 = row.get(5)?;
    if install != 0 {
        let uuid = uuid_of(names.conn, "SELECT uuid FROM install WHERE id = ?1", install)?;
        properties.insert("user_uuid".to_owned(), uuid.to_string().into());
    }
    for (index, property) in
        [(4, "action"), (7, "version"), (8, "os"), (9, "arch"), (10, "caller"), (11, "os_language")]
    {
        let id: i64 = row.get(index)?;
        if id != 0 {
            properties.insert(property.to_owned(), names.resolve(id)?.as_ref().into());
        }
    }
    let schema: i64 = row.get(12)?;
    if schema >= 0 {
        properties.insert("schema".to_owned(), schema.into());
    }
    Ok(EventRow {
        row: row.get(0)?,
        event_id: Uuid::from_bytes(row.get(1)?),
        event: names.resolve(row.get(3)?)?.to_string(),
        event_timestamp: row.get(2)?,
        source: names.resolve(row.get(6)?)?.to_string(),
        properties,
    })
}
