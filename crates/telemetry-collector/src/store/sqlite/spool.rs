//! The data folder as a spool: what is in it travels elsewhere, and goes when it has arrived.
//!
//! The database that is otherwise the store does this as it is: a commit is on disk before it is acknowledged, ids that
//! are still there are recognised, counters are raised in the same transaction. No segments are made here, and nothing
//! is asked of it but single rows.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::codec::{self, Resolve};
use super::columns::{self, Packed};
use super::names::Naming;
use super::open::Folder;
use super::read::{FIXED_COLUMNS, Reader, RowQuery, Snapshot, event_of, failed};
use super::tail::Extent;
use super::upkeep::retention::count_removed;
use super::upkeep::totals;
use super::upkeep::{Desk, raise_generation};
use super::write::Writer;
use crate::answer::range::Range;
use crate::store::question::{DailyTotals, View};
use crate::store::shipment::{ClientLoss, ENV_COLUMNS, Fact, NAME_COLUMNS, NUMBER_COLUMNS, Name, Shipment};
use crate::store::{Day, StoreError};

/// Where [`Shipment`] is kept, in table `meta`.
const KEY: &str = "shipment";
const HAS_TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
/// Rows that one transaction removes.
const PIECE: i64 = 1 << 12;

/// What one folder has counted, for a store that is told.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) arrivals: Vec<crate::store::question::Arrival>,
    pub(crate) losses: Vec<ClientLoss>,
}

impl Folder {
    /// How far the folder's events have come; `None` when they never went anywhere.
    pub(crate) fn shipment(&self) -> Result<Option<Shipment>, StoreError> {
        match self.database.is_file() {
            true => self.reader().and_then(|conn| shipment_of(&conn)).map_err(failed),
            false => Ok(None),
        }
    }

    /// Whether there are events after a row.
    pub(crate) fn has_more_than(&self, row: i64) -> Result<bool, StoreError> {
        self.reader().and_then(|conn| last_row(&conn)).map(|last| last > row).map_err(failed)
    }
}

impl Reader {
    /// Lends a view that answers for single rows and counters, and no other question.
    pub(crate) fn rows<T>(
        &self,
        read: impl FnOnce(&mut dyn View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connected(|open| {
            open.limit()?;
            let tx = open.conn.unchecked_transaction()?;
            let extent = Extent { last_row: last_row(&tx)?, ..Extent::default() };
            Ok(read(&mut Snapshot::of(Naming { conn: &tx, known: &mut open.known }, extent, self)))
        })
        .map_err(failed)?
    }

    /// The newest row, 0 when there is none.
    pub(crate) fn last_row(&self) -> Result<i64, StoreError> {
        self.connected(|open| last_row(&open.conn)).map_err(failed)
    }

    /// The last row of the next `rows` after a row, and how many there are; `None` when there is nothing.
    pub(crate) fn next_rows(&self, after: i64, rows: u32) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = "SELECT max(id), count(*) FROM (SELECT id FROM event WHERE id > ?1 ORDER BY id LIMIT ?2)";
        let found = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?));
        self.connected(|open| open.conn.prepare_cached(sql)?.query_row((after, rows), found))
            .map(|(last, count)| last.map(|last| (last, count)))
            .map_err(failed)
    }

    /// The events after a row, up to another one.
    pub(crate) fn facts(&self, after: i64, to: i64) -> Result<Vec<Fact>, StoreError> {
        self.connected(|open| {
            let mut naming = Naming { conn: &open.conn, known: &mut open.known };
            Facts::new(&mut naming).read(after, to)
        })
        .map_err(failed)
    }

    /// Names that are newer than one.
    pub(crate) fn names_after(&self, number: i64) -> Result<Vec<Name>, StoreError> {
        let sql = "SELECT id, kind, name FROM dict WHERE id > ?1 ORDER BY id";
        let name =
            |row: &rusqlite::Row<'_>| Ok(Name { number: row.get(0)?, kind: row.get(1)?, name: row.get(2)? });
        self.connected(|open| {
            open.conn.prepare_cached(sql)?.query_map([number], name)?.collect::<rusqlite::Result<_>>()
        })
        .map_err(failed)
    }

    /// All counters from a day of arrival on.
    pub(crate) fn counted(&self, from: Day) -> Result<Counted, StoreError> {
        let arrivals = self.rows(|view| view.arrivals(Range { from, to: Day::MAX }))?;
        let losses = self.connected(|open| losses(&open.conn)).map_err(failed)?;
        Ok(Counted { arrivals, losses })
    }

    /// Totals of days whose events are gone.
    pub(crate) fn kept_totals(&self) -> Result<Vec<DailyTotals>, StoreError> {
        let ever = Range { from: Day::MIN, to: Day::MAX };
        self.connected(|open| totals::kept(&open.conn, ever)).map_err(failed)
    }

    /// The first day of every installation.
    pub(crate) fn first_days(&self) -> Result<Vec<(Uuid, Day)>, StoreError> {
        let sql = "SELECT uuid, first_day FROM install";
        let install =
            |row: &rusqlite::Row<'_>| Ok((Uuid::from_bytes(row.get::<_, [u8; 16]>(0)?), row.get(1)?));
        self.connected(|open| {
            open.conn.prepare_cached(sql)?.query_map([], install)?.collect::<rusqlite::Result<_>>()
        })
        .map_err(failed)
    }

    /// How many bytes of the database are in use.
    pub(crate) fn used_bytes(&self) -> Result<u64, StoreError> {
        self.connected(|open| used_bytes(&open.conn)).map_err(failed)
    }
}

impl Writer {
    /// Keeps how far the folder's events have come.
    pub(crate) fn keep_shipment(&mut self, shipment: &Shipment) -> Result<(), StoreError> {
        let text = serde_json::to_string(shipment).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.upkeep(|conn| {
            conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", (KEY, text)).map(drop)
        })
    }

    /// Removes up to a few thousand of the oldest rows, none after `last`; says how many.
    ///
    /// The newest row of all has to stay, so that no row's number is given twice.
    pub(crate) fn trim(&mut self, last: i64) -> Result<usize, StoreError> {
        self.upkeep(|conn| {
            let sql = "DELETE FROM event WHERE id IN
                (SELECT id FROM event WHERE id <= ?1 AND id < (SELECT max(id) FROM event) ORDER BY id LIMIT ?2)";
            let gone = conn.prepare_cached(sql)?.execute((last, PIECE))?;
            if gone > 0 {
                count_removed(conn, gone)?;
                raise_generation(conn)?;
            }
            Ok(gone)
        })
    }

    /// Removes counters of clients that have arrived elsewhere and did not change since.
    pub(crate) fn drop_losses(&mut self, arrived: &[ClientLoss]) -> Result<(), StoreError> {
        self.upkeep(|conn| {
            let unchanged = losses(conn)?.into_iter().filter(|loss| arrived.contains(loss));
            let sql = "DELETE FROM loss WHERE epoch = ?1
                AND install = coalesce((SELECT id FROM install WHERE uuid = ?2), 0)";
            let mut delete = conn.prepare_cached(sql)?;
            for loss in unchanged {
                delete.execute((loss.epoch.as_bytes().as_slice(), loss.install.as_bytes().as_slice()))?;
            }
            Ok(())
        })
    }
}

/// Removes sessions and installations that no row names any more.
pub(crate) fn sweep(reader: &Reader, desk: &Desk) -> Result<(), StoreError> {
    let unused = reader.unused()?;
    desk(Box::new(move |writer| writer.drop_unused(&unused)))
}

fn last_row(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT coalesce(max(id), 0) FROM event")?.query_row([], |row| row.get(0))
}

fn shipment_of(conn: &Connection) -> rusqlite::Result<Option<Shipment>> {
    if conn.query_row(HAS_TABLE, ["meta"], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let text: Option<String> = conn.query_row(sql, [KEY], |row| row.get(0)).optional()?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

/// How many bytes of a database are in use: the file itself does not shrink.
pub(super) fn used_bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}

fn losses(conn: &Connection) -> rusqlite::Result<Vec<ClientLoss>> {
    let sql = "SELECT l.epoch, i.uuid, l.sent_at_ms, l.recorded, l.evicted, l.expired, l.rejected, l.too_big
        FROM loss l LEFT JOIN install i ON i.id = l.install";
    let loss = |row: &rusqlite::Row<'_>| {
        let mut counters = [0; 6];
        for (at, counter) in counters.iter_mut().enumerate() {
            *counter = row.get(2 + at)?;
        }
        let install = row.get::<_, Option<[u8; 16]>>(1)?.map_or(Uuid::nil(), Uuid::from_bytes);
        Ok(ClientLoss { epoch: Uuid::from_bytes(row.get(0)?), install, counters })
    };
    conn.prepare_cached(sql)?.query_map([], loss)?.collect()
}

/// Reads events with everything that they can be asked by.
struct Facts<'n, 'a> {
    naming: &'n mut Naming<'a>,
    names: [usize; NAME_COLUMNS.len()],
    numbers: [usize; NUMBER_COLUMNS.len()],
    installs: HashMap<i64, (Uuid, Day)>,
}

impl<'n, 'a> Facts<'n, 'a> {
    fn new(naming: &'n mut Naming<'a>) -> Self {
        Self {
            naming,
            names: NAME_COLUMNS.map(columns::place_of),
            numbers: NUMBER_COLUMNS.map(columns::place_of),
            installs: HashMap::new(),
        }
    }

    fn read(&mut self, after: i64, to: i64) -> rusqlite::Result<Vec<Fact>> {
        let conn = self.naming.conn;
        let mut statement = conn.prepare_cached(RowQuery::between().sql())?;
        let mut rows = statement.query([after, to])?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next()? {
            facts.push(self.fact(row)?);
        }
        Ok(facts)
    }

    fn fact(&mut self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Fact> {
        let packed = Packed::from_row(row, FIXED_COLUMNS)?;
        let mut env: [Arc<str>; ENV_COLUMNS.len()] = Default::default();
        for (at, name) in env.iter_mut().enumerate() {
            *name = self.name(row.get(6 + at)?)?;
        }
        let mut names: [Arc<str>; NAME_COLUMNS.len()] = Default::default();
        for (name, at) in names.iter_mut().zip(self.names) {
            *name = self.name(packed.ints[at].unwrap_or(0))?;
        }
        Ok(Fact {
            action: self.name(row.get(4)?)?,
            install: self.install(row.get(5)?)?,
            env,
            names,
            numbers: self.numbers.map(|at| packed.ints[at]),
            flags: self.items(packed.flags.as_deref(), false)?.into_iter().map(|(name, _)| name).collect(),
            errors: self.items(packed.errors.as_deref(), true)?,
            event: event_of(row, &packed, self.naming)?,
        })
    }

    fn name(&mut self, number: i64) -> rusqlite::Result<Arc<str>> {
        if number == 0 { Ok(Arc::default()) } else { self.naming.resolve(number) }
    }

    fn install(&mut self, number: i64) -> rusqlite::Result<Option<(Uuid, Day)>> {
        if number == 0 {
            return Ok(None);
        }
        if let Some(known) = self.installs.get(&number) {
            return Ok(Some(*known));
        }
        let sql = "SELECT uuid, first_day FROM install WHERE id = ?1";
        let found = |row: &rusqlite::Row<'_>| Ok((Uuid::from_bytes(row.get::<_, [u8; 16]>(0)?), row.get(1)?));
        let install = self.naming.conn.prepare_cached(sql)?.query_row([number], found)?;
        self.installs.insert(number, install);
        Ok(Some(install))
    }

    /// The names of a list, with a count each if there are counts.
    fn items(&mut self, blob: Option<&[u8]>, counted: bool) -> rusqlite::Result<Vec<(Arc<str>, u64)>> {
        let mut reader = codec::Reader(blob.unwrap_or_default());
        let mut items = Vec::new();
        while !reader.is_empty() {
            let name = self.naming.resolve(reader.take()? as i64)?;
            items.push((name, if counted { reader.take()? } else { 1 }));
        }
        Ok(items)
    }
}
