//! Removes an installation so that no byte of its id stays in any file.
//!
//! Rows alone are not enough: pages that were split keep copies of what they held, so the tables that have ids of
//! installations and sessions are written anew, freed pages are overwritten, and the write-ahead log is emptied.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::read::failed;
use super::segment::cell_of;
use super::upkeep::retention::count_removed;
use super::upkeep::{raise_generation, unseal};
use super::write::Writer;
use crate::store::{Forgotten, StoreError};

/// How long emptying the log waits for somebody who reads the file with another program.
const LOG_WAIT: Duration = Duration::from_secs(10);

impl Writer {
    /// Removes an installation; `None` when there is none with this id.
    pub(crate) fn forget(&mut self, id: Uuid) -> Result<Option<Forgotten>, StoreError> {
        self.forget_numbers();
        let forgotten = self.upkeep(|conn| {
            let sql = "SELECT id FROM install WHERE uuid = ?1";
            let number = conn.query_row(sql, [id.as_bytes()], |row| row.get::<_, i64>(0)).optional()?;
            number.map(|install| remove(conn, install)).transpose()
        })?;
        if forgotten.is_some() && !self.truncate_log(LOG_WAIT).map_err(failed)? {
            return Err(StoreError::Failed(
                "the installation is removed, but another program that reads the database keeps the write-ahead log \
                 from being emptied; end it and run this again"
                    .to_owned(),
            ));
        }
        Ok(forgotten)
    }
}

fn remove(conn: &Connection, install: i64) -> rusqlite::Result<Forgotten> {
    let newest: i64 = conn.query_row("SELECT max(id) FROM event", [], |row| row.get(0)).unwrap_or(0);
    let mut cells = BTreeSet::new();
    conn.execute_batch("CREATE TEMP TABLE gone_session (id INTEGER PRIMARY KEY)")?;
    {
        let mut events = conn.prepare("SELECT id, session, parent_session FROM event WHERE install = ?1")?;
        let mut keep = conn.prepare("INSERT OR IGNORE INTO gone_session (id) VALUES (?1)")?;
        let mut rows = events.query([install])?;
        while let Some(row) = rows.next()? {
            cells.insert(cell_of(row.get(0)?));
            for session in [row.get::<_, Option<i64>>(1)?, row.get(2)?].into_iter().flatten() {
                keep.execute([session])?;
            }
        }
    }
    let events = conn.execute("DELETE FROM event WHERE install = ?1", [install])?;
    let counters = conn.execute("DELETE FROM loss WHERE install = ?1", [install])?;
    // A session that events of somebody else name, however that came about, stays.
    conn.execute_batch(
        "DELETE FROM gone_session WHERE id IN (SELECT session FROM event WHERE session IS NOT NULL
            UNION ALL SELECT parent_session FROM event WHERE parent_session IS NOT NULL)",
    )?;
    let sessions = conn.query_row("SELECT count(*) FROM gone_session", [], |row| row.get(0))?;
    write_anew(conn, install)?;
    cells.extend(keep_newest(conn, newest)?);
    unseal(conn, cells)?;
    count_removed(conn, events)?;
    raise_generation(conn)?;
    Ok(Forgotten { events: events as u64, sessions, counters: counters as u64 })
}

/// Copies the tables with ids, without what goes.
fn write_anew(conn: &Connection, install: i64) -> rusqlite::Result<()> {
    conn.execute_batch(
        "CREATE TABLE session_kept (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE);
         INSERT INTO session_kept SELECT id, uuid FROM session WHERE id NOT IN (SELECT id FROM gone_session);
         DROP TABLE session;
         ALTER TABLE session_kept RENAME TO session;
         DROP TABLE gone_session;
         CREATE TABLE install_kept (
            id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, first_day INTEGER NOT NULL);",
    )?;
    let sql = "INSERT INTO install_kept SELECT id, uuid, first_day FROM install WHERE id <> ?1";
    conn.execute(sql, [install])?;
    conn.execute_batch(
        "DROP TABLE install;
         ALTER TABLE install_kept RENAME TO install;",
    )?;
    conn.execute_batch(super::schema::INSTALL_MOVED)
}

/// Row ids are never given twice: the newest row that is left takes the highest id that there was.
///
/// Returns the cells that this concerns.
fn keep_newest(conn: &Connection, newest: i64) -> rusqlite::Result<Vec<i64>> {
    let left: Option<i64> = conn.query_row("SELECT max(id) FROM event", [], |row| row.get(0))?;
    match left {
        Some(left) if left < newest => {
            conn.execute("UPDATE event SET id = ?1 WHERE id = ?2", (newest, left))?;
            Ok(vec![cell_of(left), cell_of(newest)])
        }
        _ => Ok(Vec::new()),
    }
}
