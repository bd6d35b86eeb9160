//! The tables, and how an older file becomes a current one.
//!
//! Each step of [`MIGRATIONS`] takes the file from its index to the next version, in one transaction.
//! A step that was released never changes; a file from a newer collector is left alone.

use rusqlite::{Connection, OptionalExtension};

use super::open::damaged_or;
use crate::store::OpenError;

/// `meta.schema` of a current file.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Marks the file as ours ("dAtc").
pub(super) const APPLICATION_ID: i64 = 0x6441_7463;

pub(super) const MIGRATIONS: &[&str] = &[
    // 1: the first schema.
    // Names are numbers from `dict` (0 = absent), ids are 16-byte blobs, times Unix milliseconds, days UTC days
    // since 1970, cost nano-dollars. `extra` holds properties that have no column of their own.
    "CREATE TABLE dict (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, first_day INTEGER NOT NULL,
        UNIQUE (kind, name));
     CREATE TABLE env (
        id INTEGER PRIMARY KEY, source INTEGER NOT NULL, version INTEGER NOT NULL, os INTEGER NOT NULL,
        arch INTEGER NOT NULL, caller INTEGER NOT NULL, language INTEGER NOT NULL, schema INTEGER NOT NULL,
        UNIQUE (source, version, os, arch, caller, language, schema));
     CREATE TABLE install (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, first_day INTEGER NOT NULL);
     CREATE TABLE session (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE);
     CREATE TABLE event (
        id INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, ts_ms INTEGER NOT NULL,
        env INTEGER NOT NULL, install INTEGER NOT NULL, event INTEGER NOT NULL, action INTEGER NOT NULL,
        clock_off INTEGER, session INTEGER, parent_session INTEGER,
        agent INTEGER, provider INTEGER, model INTEGER, tool INTEGER, tool_kind INTEGER, purpose INTEGER,
        outcome INTEGER, error INTEGER, is_success INTEGER, exit_code INTEGER,
        duration_ms INTEGER, duration_bucket INTEGER,
        input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER,
        cache_read_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER,
        cost_nano INTEGER, cost_known INTEGER,
        turns INTEGER, tool_calls INTEGER, tool_errors INTEGER, error_count INTEGER,
        flags BLOB, errors BLOB, extra BLOB);
     CREATE TABLE loss (
        epoch BLOB NOT NULL, install INTEGER NOT NULL, sent_at_ms INTEGER NOT NULL, recorded INTEGER NOT NULL,
        evicted INTEGER NOT NULL, expired INTEGER NOT NULL, rejected INTEGER NOT NULL, too_big INTEGER NOT NULL,
        PRIMARY KEY (epoch, install)) WITHOUT ROWID;
     CREATE TABLE ingest_count (
        day INTEGER NOT NULL, fate TEXT NOT NULL, code TEXT NOT NULL, property INTEGER NOT NULL,
        version INTEGER NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY (day, fate, code, property, version)) WITHOUT ROWID;",
    // 2: segments and daily totals. `generation` is raised whenever rows or segments go away, `moves` whenever the
    // first day of a known installation changes, so that what is kept in memory can tell. Days before `raw_from` have
    // their totals in `daily`; `removed` counts the rows that were accepted and are gone.
    "CREATE TABLE segment (
        id INTEGER PRIMARY KEY, format INTEGER NOT NULL, last_row INTEGER NOT NULL, row_count INTEGER NOT NULL,
        min_day INTEGER NOT NULL, max_day INTEGER NOT NULL, facts BLOB NOT NULL, presences INTEGER NOT NULL,
        checksum INTEGER NOT NULL);
     CREATE TABLE segment_column (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
     CREATE TABLE daily (
        day INTEGER NOT NULL, what TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (day, what)) WITHOUT ROWID;
     INSERT INTO meta (key, value) VALUES ('generation', 1), ('moves', 0), ('raw_from', 0), ('removed', 0);
     CREATE TRIGGER install_moved AFTER UPDATE OF first_day ON install BEGIN
        UPDATE meta SET value = value + 1 WHERE key = 'moves';
     END;",
];

/// What a table `install` that is written anew has to get.
pub(super) const INSTALL_MOVED: &str =
    "CREATE TRIGGER install_moved AFTER UPDATE OF first_day ON install BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'moves';
END;";

/// Refuses a file that is not ours or too new, without changing it; returns its version, 0 for an empty one.
pub(super) fn identify(conn: &Connection, file: &str) -> Result<i64, OpenError> {
    let fail = |error: rusqlite::Error| damaged_or(error, file, "cannot read the tables of");
    let found = version_of(conn).map_err(fail)?;
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fail)?;
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(OpenError {
            message: format!("{file} is a database of another program"),
            hint: "choose another folder with --data".to_owned(),
        });
    }
    if found > VERSION {
        return Err(OpenError {
            message: format!("{file} has format {found}; this collector knows formats up to {VERSION}"),
            hint: "run the collector that wrote it, or a newer one".to_owned(),
        });
    }
    Ok(found)
}

/// Brings a file of version `found` to [`VERSION`].
pub(super) fn migrate(conn: &mut Connection, found: i64, file: &str) -> Result<(), OpenError> {
    let fail = |error: rusqlite::Error| damaged_or(error, file, "cannot create the tables of");
    for (step, sql) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        let tx = conn.transaction().map_err(fail)?;
        if step == 1 {
            tx.execute_batch("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;")
                .map_err(fail)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
        }
        tx.execute_batch(sql).map_err(fail)?;
        tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?1)", [step]).map_err(fail)?;
        tx.commit().map_err(fail)?;
    }
    Ok(())
}

fn version_of(conn: &Connection) -> rusqlite::Result<i64> {
    let has_meta = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
    if conn.query_row(has_meta, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let version = "SELECT value FROM meta WHERE key = 'schema'";
    Ok(conn.query_row(version, [], |row| row.get(0)).optional()?.unwrap_or(0))
}
