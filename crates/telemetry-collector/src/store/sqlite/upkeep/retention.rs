//! Rows that are too old go, a few thousand at a time; what they add up to stays in `daily`.
//!
//! Order matters: totals are written before the first of their rows goes. A cell that loses rows loses its segment in
//! the same transaction and is sealed again afterwards. Sessions and installations that nothing refers to any more go
//! last; what arrived since they were looked for is looked at again.

use std::collections::HashSet;
use std::sync::mpsc;

use rusqlite::{Connection, params_from_iter};

use super::totals;
use super::{Upkeep, raise_generation, unseal};
use crate::answer::range::Range;
use crate::store::question::{DailyTotals, View};
use crate::store::sqlite::read::{Reader, failed};
use crate::store::sqlite::segment::{Source, cell_end};
use crate::store::sqlite::tail::meta;
use crate::store::sqlite::write::Writer;
use crate::store::totals::measured;
use crate::store::{DAY_MS, Day, StoreError};

/// Rows that one transaction looks at.
const PIECE: i64 = 1 << 12;
/// The longest window of days that `daily` knows active installations of.
const MONTH: Day = 30;

/// What is to be done before rows older than a day can go.
struct Due {
    totals: Vec<DailyTotals>,
    cells: Vec<i64>,
}

impl Upkeep {
    /// Removes what is older than it has to be kept.
    pub(in crate::store::sqlite) fn cut(
        &self,
        before: Day,
        stopped: &mpsc::Receiver<()>,
    ) -> Result<(), StoreError> {
        let due = self.reader.snapshot(|snapshot| {
            let cells = snapshot.cells_before(before);
            // The windows of the days that follow lose rows, too.
            let from = snapshot.span()?.map_or(before, |span| span.from);
            let totals = match cells.is_empty() {
                true => Vec::new(),
                false => measured(snapshot, Range { from, to: before + MONTH - 2 })?,
            };
            Ok(Due { totals, cells })
        })?;
        if due.cells.is_empty() {
            return Ok(());
        }
        (self.desk)(Box::new(move |writer| writer.keep_totals(&due.totals, before)))?;
        for cell in due.cells {
            for first in (cell_end(cell - 1)..cell_end(cell)).step_by(PIECE as usize) {
                (self.desk)(Box::new(move |writer| writer.cut(cell, first, before)))?;
                if stopped.try_recv() != Err(mpsc::TryRecvError::Empty) {
                    return Ok(());
                }
            }
            // At once: questions read the rows of a cell without a segment.
            self.seal(stopped)?;
        }
        let unused = self.reader.unused()?;
        (self.desk)(Box::new(move |writer| writer.drop_unused(&unused)))
    }
}

/// Sessions and installations without an event.
#[derive(Debug)]
pub(crate) struct Unused {
    sessions: Vec<i64>,
    installs: Vec<i64>,
    last_row: i64,
}

impl Reader {
    pub(in crate::store::sqlite) fn unused(&self) -> Result<Unused, StoreError> {
        self.connected(|open| {
            let tx = open.conn.unchecked_transaction()?;
            let last_row = tx.query_row("SELECT coalesce(max(id), 0) FROM event", [], |row| row.get(0))?;
            let (mut sessions, mut installs) = (HashSet::new(), HashSet::new());
            {
                let mut used = tx.prepare("SELECT session, parent_session, install FROM event")?;
                let mut rows = used.query([])?;
                while let Some(row) = rows.next()? {
                    sessions.extend(row.get::<_, Option<i64>>(0)?);
                    sessions.extend(row.get::<_, Option<i64>>(1)?);
                    installs.insert(row.get::<_, i64>(2)?);
                }
            }
            let unused = |sql: &str, used: &HashSet<i64>| {
                let mut all = tx.prepare(sql)?;
                let ids = all.query_map([], |row| row.get::<_, i64>(0))?;
                ids.filter(|id| id.as_ref().map_or(true, |id| !used.contains(id)))
                    .collect::<rusqlite::Result<Vec<_>>>()
            };
            let sessions = unused("SELECT id FROM session", &sessions)?;
            let installs =
                unused("SELECT id FROM install WHERE id NOT IN (SELECT install FROM loss)", &installs)?;
            Ok(Unused { sessions, installs, last_row })
        })
        .map_err(failed)
    }
}

impl Writer {
    fn keep_totals(&mut self, totals: &[DailyTotals], raw_from: Day) -> Result<(), StoreError> {
        self.upkeep(|conn| {
            let known = meta(conn, "raw_from")?;
            for day in totals.iter().filter(|day| day.day >= known) {
                totals::save(conn, day)?;
            }
            conn.execute("UPDATE meta SET value = max(value, ?1) WHERE key = 'raw_from'", [raw_from])?;
            Ok(())
        })
    }

    /// Removes the rows of a piece of a cell that are older than a day.
    pub(in crate::store::sqlite) fn cut(
        &mut self,
        cell: i64,
        first: i64,
        before: Day,
    ) -> Result<(), StoreError> {
        let to = cell_end(cell).min(first + PIECE);
        self.upkeep(|conn| {
            let sql = "DELETE FROM event WHERE id > ?1 AND id <= ?2 AND ts_ms < ?3";
            let gone = conn.prepare_cached(sql)?.execute((first, to, before * DAY_MS))?;
            if gone > 0 {
                count_removed(conn, gone)?;
                unseal(conn, [cell])?;
                raise_generation(conn)?;
            }
            Ok(())
        })
    }

    pub(in crate::store::sqlite) fn drop_unused(&mut self, unused: &Unused) -> Result<(), StoreError> {
        self.forget_numbers();
        self.upkeep(|conn| {
            let recent = "SELECT session FROM event WHERE id > ?1 AND session IS NOT NULL
                UNION SELECT parent_session FROM event WHERE id > ?1 AND parent_session IS NOT NULL";
            delete_all(conn, "session", &unused.sessions, recent, unused.last_row)?;
            let recent = "SELECT install FROM event WHERE id > ?1 UNION SELECT install FROM loss";
            delete_all(conn, "install", &unused.installs, recent, unused.last_row)?;
            raise_generation(conn)
        })
    }
}

fn delete_all(
    conn: &Connection,
    table: &str,
    ids: &[i64],
    recent: &str,
    last_row: i64,
) -> rusqlite::Result<()> {
    let used: HashSet<i64> =
        conn.prepare(recent)?.query_map([last_row], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut delete = conn.prepare(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    for id in ids.iter().filter(|id| !used.contains(id)) {
        delete.execute(params_from_iter([id]))?;
    }
    Ok(())
}

/// Keeps the account of rows that were accepted and are no longer there.
pub(in crate::store::sqlite) fn count_removed(conn: &Connection, rows: usize) -> rusqlite::Result<()> {
    conn.execute("UPDATE meta SET value = value + ?1 WHERE key = 'removed'", [rows]).map(drop)
}

/// The cells of an extent that have events older than a day.
pub(in crate::store::sqlite) fn cells_before(sources: &[Source], before: Day) -> Vec<i64> {
    let old = sources.iter().map(Source::head).filter(|head| head.rows > 0 && head.min_day < before);
    let mut cells: Vec<i64> = old.map(|head| head.cell).collect();
    cells.dedup();
    cells
}
