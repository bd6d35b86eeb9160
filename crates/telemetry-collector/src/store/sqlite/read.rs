//! Reading: single rows as they were sent, and scans of the columns that answers are made of.
//!
//! Every [`Snapshot`] is one read transaction on a connection that cannot write: its parts agree with each other,
//! and in WAL mode it neither waits for the writer nor makes it wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::codec::Resolve;
use super::columns::{self, Packed};
use super::names::{KnownNames, Naming, uuid_of};
use super::open::Folder;
use super::plain::Plain;
use crate::answer::range::Range;
use crate::store::question::{Active, Arrival, Cohort, Filters, Group, Key, Losses, Question, View};
use crate::store::{DAY_MS, Day, EventRow, Facts, IngestCounts, NameId, Page, StoreError};

/// A query that lasts longer than this is given up, so that it cannot hold back the write-ahead log for ever.
const SCAN_LIMIT: Duration = Duration::from_secs(30);
const ROWS_BETWEEN_CHECKS: u32 = 4096;

/// Read access to a data folder, from any thread.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: Arc<Folder>,
    /// Connections that nobody uses now.
    idle: Mutex<Vec<Open>>,
}

#[derive(Debug)]
struct Open {
    conn: Connection,
    known: KnownNames,
}

impl Reader {
    pub(crate) fn new(folder: Arc<Folder>) -> Self {
        Self { folder, idle: Mutex::default() }
    }

    /// Runs `read` on one consistent state of the store.
    pub(crate) fn snapshot<T>(
        &self,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut open = match idle {
            Some(open) => open,
            None => Open { conn: self.folder.reader().map_err(failed)?, known: KnownNames::default() },
        };
        let result = {
            let tx = open.conn.unchecked_transaction().map_err(failed)?;
            read(&mut Snapshot { naming: Naming { conn: &tx, known: &mut open.known } })
        };
        // A connection that saw an error is not trusted again.
        if result.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(open);
        }
        result
    }

    /// Whether the store can be read.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.snapshot(|snapshot| snapshot.last_row().map(drop))
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(format!("read failed: {error}"))
}

/// One consistent state of the store.
pub(crate) struct Snapshot<'a> {
    naming: Naming<'a>,
}

impl Snapshot<'_> {
    /// Calls `visit` for every event whose time lies within the days.
    pub(crate) fn scan(
        &mut self,
        from: Day,
        to: Day,
        mut visit: impl FnMut(&Facts),
    ) -> Result<(), StoreError> {
        let until = Instant::now() + SCAN_LIMIT;
        let sql = "SELECT ts_ms, event, action, install, tool, tool_kind, provider, model, outcome, is_success,
            duration_bucket, input_tokens, output_tokens, cost_nano FROM event WHERE ts_ms >= ?1 AND ts_ms < ?2";
        let mut statement = self.naming.conn.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query((from * DAY_MS, (to + 1) * DAY_MS)).map_err(failed)?;
        let mut seen = 0_u32;
        while let Some(row) = rows.next().map_err(failed)? {
            visit(&facts(row).map_err(failed)?);
            seen = seen.wrapping_add(1);
            if seen.is_multiple_of(ROWS_BETWEEN_CHECKS) && Instant::now() > until {
                return Err(StoreError::TooSlow { seconds: SCAN_LIMIT.as_secs() });
            }
        }
        Ok(())
    }

    /// The fates of records by arrival day.
    pub(crate) fn ingest_counts(&mut self, from: Day, to: Day) -> Result<IngestCounts, StoreError> {
        let sql = "SELECT coalesce(sum(n) FILTER (WHERE fate = 'accepted'), 0),
                coalesce(sum(n) FILTER (WHERE fate = 'duplicate'), 0),
                coalesce(sum(n) FILTER (WHERE fate = 'rejected'), 0)
            FROM ingest_count WHERE day BETWEEN ?1 AND ?2";
        let counts = |row: &rusqlite::Row<'_>| {
            Ok(IngestCounts { accepted: row.get(0)?, duplicates: row.get(1)?, rejected: row.get(2)? })
        };
        self.naming.conn.query_row(sql, (from, to), counts).map_err(failed)
    }

    /// The text of a name.
    pub(crate) fn name(&mut self, id: NameId) -> Result<Arc<str>, StoreError> {
        match id {
            NameId::ABSENT => Ok("".into()),
            id => self.naming.resolve(id.0).map_err(failed),
        }
    }

    /// The id of a name; [`NameId::ABSENT`] if no event ever had it.
    pub(crate) fn find(&mut self, kind: &str, name: &str) -> Result<NameId, StoreError> {
        let sql = "SELECT id FROM dict WHERE kind = ?1 AND name = ?2";
        let id =
            self.naming.conn.query_row(sql, (kind, name), |row| row.get(0)).optional().map_err(failed)?;
        Ok(id.map_or(NameId::ABSENT, NameId))
    }
}

impl View for Snapshot<'_> {
    fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError> {
        Plain(&mut self.naming).groups(question)
    }

    fn active(
        &mut self,
        windows: &[Range],
        by: Option<Key>,
        filters: &Filters,
    ) -> Result<Vec<Active>, StoreError> {
        Plain(&mut self.naming).active(windows, by, filters)
    }

    fn new_installs(&mut self, range: Range, filters: &Filters) -> Result<Vec<(Day, u64)>, StoreError> {
        Plain(&mut self.naming).new_installs(range, filters)
    }

    fn cohorts(&mut self, range: Range, filters: &Filters) -> Result<Vec<Cohort>, StoreError> {
        Plain(&mut self.naming).cohorts(range, filters)
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
                coalesce(sum(expired), 0), coalesce(sum(rejected), 0), coalesce(sum(too_big), 0),
                (SELECT count(*) FROM event WHERE install IN (SELECT install FROM loss WHERE install <> 0))
            FROM loss WHERE install <> 0";
        let losses = |row: &rusqlite::Row<'_>| {
            Ok(Losses {
                installs: row.get(0)?,
                recorded: row.get(1)?,
                evicted: row.get(2)?,
                expired: row.get(3)?,
                rejected: row.get(4)?,
                too_big: row.get(5)?,
                stored: row.get(6)?,
            })
        };
        self.naming.conn.query_row(sql, [], losses).map_err(failed)
    }

    fn values(&mut self, key: Key) -> Result<Vec<Arc<str>>, StoreError> {
        Plain(&mut self.naming).values(key)
    }

    fn span(&mut self) -> Result<Option<Range>, StoreError> {
        let sql = "SELECT min(ts_ms) / 86400000, max(ts_ms) / 86400000 FROM event";
        let days =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<Day>>(0)?, row.get::<_, Option<Day>>(1)?));
        let (from, to) = self.naming.conn.query_row(sql, [], days).map_err(failed)?;
        Ok(from.zip(to).map(|(from, to)| Range { from, to }))
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
        let sql = "SELECT coalesce(max(id), 0) FROM event";
        self.naming.conn.query_row(sql, [], |row| row.get(0)).map_err(failed)
    }
}

fn facts(row: &rusqlite::Row<'_>) -> rusqlite::Result<Facts> {
    let name = |index| Ok::<_, rusqlite::Error>(NameId(row.get::<_, Option<i64>>(index)?.unwrap_or(0)));
    let number = |index| row.get::<_, Option<u64>>(index);
    Ok(Facts {
        timestamp_ms: row.get(0)?,
        event: name(1)?,
        action: name(2)?,
        install: row.get(3)?,
        tool: name(4)?,
        tool_kind: name(5)?,
        provider: name(6)?,
        model: name(7)?,
        outcome: name(8)?,
        success: row.get(9)?,
        duration_bucket: row.get(10)?,
        input_tokens: number(11)?.unwrap_or(0),
        output_tokens: number(12)?.unwrap_or(0),
        cost_nano: number(13)?,
    })
}

/// Selects whole events.
#[derive(Debug)]
pub(super) struct RowQuery(String);

const FIXED_COLUMNS: usize = 13;

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
        events.push(event_of(row, names)?);
    }
    Ok(events)
}

fn event_of(row: &rusqlite::Row<'_>, names: &mut Naming<'_>) -> rusqlite::Result<EventRow> {
    let mut properties = serde_json::Map::new();
    Packed::from_row(row, FIXED_COLUMNS)?.unpack(names, &mut properties)?;
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
