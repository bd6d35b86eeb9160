//! Whether everything in the file fits together, and the way to make again what is derived.

use std::path::Path;

use rusqlite::Connection;

use super::columns;
use super::open::{Folder, damaged_or};
use super::read::{Reader, failed};
use super::segment::{self, Head, Segment, cell_end};
use super::upkeep::{pack, raise_generation};
use super::write::Writer;
use crate::store::StoreError;

/// The most findings that are named one by one.
const NAMED: usize = 20;

impl Folder {
    /// Everything that is wrong, as sentences; empty when nothing is.
    pub(crate) fn check(&self) -> Result<Vec<String>, StoreError> {
        let conn = self.reader().map_err(failed)?;
        let mut wrong = Findings::default();
        if let Err(error) = sqlite(&conn, &mut wrong) {
            let damaged = damaged_or(error, &self.database.display().to_string(), "cannot read");
            wrong.add(damaged.to_string());
        }
        // The rest would only repeat what a damaged file says.
        if wrong.0.is_empty() {
            references(&conn, &mut wrong).map_err(failed)?;
            counters(&conn, &mut wrong).map_err(failed)?;
            segments(&conn, &mut wrong).map_err(failed)?;
        }
        let more = wrong.0.len().saturating_sub(NAMED);
        wrong.0.truncate(NAMED);
        if more > 0 {
            wrong.0.push(format!("and {more} more"));
        }
        Ok(wrong.0)
    }
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }
}

fn sqlite(conn: &Connection, wrong: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = conn.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match row.get::<_, String>(0)?.as_str() {
            "ok" => {}
            text => wrong.add(format!("the file is damaged, restore it from a backup: {text}")),
        }
    }
    Ok(())
}

/// Every number in a row stands for something, in one pass over the rows.
fn references(conn: &Connection, wrong: &mut Findings) -> rusqlite::Result<()> {
    let names = columns::names_by_kind().chain([("event", "event"), ("action", "action")]);
    let mut rules: Vec<(String, String)> = names
        .map(|(column, kind)| {
            let known = format!("SELECT 1 FROM dict d WHERE d.id = e.{column} AND d.kind = '{kind}'");
            let rule = format!("coalesce(e.{column}, 0) <> 0 AND NOT EXISTS ({known})");
            (format!("events name a {kind} that the dictionary does not have"), rule)
        })
        .collect();
    for (text, rule) in [
        ("events have an environment that does not exist", "e.env NOT IN (SELECT id FROM env)"),
        (
            "events have an installation that does not exist",
            "e.install <> 0 AND e.install NOT IN (SELECT id FROM install)",
        ),
        (
            "events are older than the first day of their installation",
            "e.ts_ms / 86400000 < (SELECT first_day FROM install i WHERE i.id = e.install)",
        ),
        (
            "events have a session that does not exist",
            "(e.session NOT NULL AND e.session NOT IN (SELECT id FROM session))
                OR (e.parent_session NOT NULL AND e.parent_session NOT IN (SELECT id FROM session))",
        ),
    ] {
        rules.push((text.to_owned(), rule.to_owned()));
    }
    let sums: Vec<String> = rules.iter().map(|(_, rule)| format!("coalesce(sum({rule}), 0)")).collect();
    let sql = format!("SELECT {} FROM event e", sums.join(", "));
    let counts = conn.query_row(&sql, [], |row| {
        (0..rules.len()).map(|index| row.get::<_, u64>(index)).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    for ((text, _), count) in rules.iter().zip(counts).filter(|(_, count)| *count > 0) {
        wrong.add(format!("{count} {text}"));
    }
    let sql = "SELECT count(*) FROM env WHERE EXISTS (SELECT 1 FROM (SELECT source n UNION SELECT version UNION SELECT os
            UNION SELECT arch UNION SELECT caller UNION SELECT language)
        WHERE n <> 0 AND n NOT IN (SELECT id FROM dict))";
    let envs: u64 = conn.query_row(sql, [], |row| row.get(0))?;
    if envs > 0 {
        wrong.add(format!("{envs} environments name something that the dictionary does not have"));
    }
    Ok(())
}

/// What was accepted is there, but for what was removed on purpose.
fn counters(conn: &Connection, wrong: &mut Findings) -> rusqlite::Result<()> {
    let sql = "SELECT (SELECT coalesce(sum(n), 0) FROM ingest_count WHERE fate = 'accepted'),
        (SELECT value FROM meta WHERE key = 'removed'), (SELECT count(*) FROM event)";
    let numbers = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (accepted, removed, stored): (i64, i64, i64) = conn.query_row(sql, [], numbers)?;
    if accepted - removed != stored {
        wrong.add(format!(
            "{accepted} events were accepted and {removed} of them removed, but {stored} are stored"
        ));
    }
    Ok(())
}

/// Every segment is what its rows make.
fn segments(conn: &Connection, wrong: &mut Findings) -> rusqlite::Result<()> {
    let heads = segment::heads(conn, i64::MIN)?;
    for head in &heads {
        let made = pack(conn, head.cell)?;
        if made != Segment::load(conn, head)? {
            wrong.add(format!("the segment of {} differs from its rows", rows_of(head)));
        }
    }
    let kept: u64 = conn.query_row("SELECT count(*) FROM segment", [], |row| row.get(0))?;
    // One of another format is not wrong: it is not used, and made again.
    let current = "SELECT count(*) FROM segment WHERE format = ?1";
    let current: u64 = conn.query_row(current, [segment::FORMAT], |row| row.get(0))?;
    if current != heads.len() as u64 {
        wrong.add(format!("{} of {kept} segments do not fit their checksum", current - heads.len() as u64));
    }
    let sql =
        "SELECT count(DISTINCT id / ?1) FROM segment_column WHERE id / ?1 NOT IN (SELECT id FROM segment)";
    let strays: u64 = conn.query_row(sql, [segment::COLUMNS], |row| row.get(0))?;
    if strays > 0 {
        wrong.add(format!("columns of {strays} segments that do not exist"));
    }
    Ok(())
}

fn rows_of(head: &Head) -> String {
    format!("rows {} to {}", cell_end(head.cell - 1) + 1, head.last_row)
}

impl Writer {
    /// Drops everything that is derived from rows and makes it again; says how many segments there are then.
    pub(crate) fn rebuild(&mut self, reader: &Reader) -> Result<u64, StoreError> {
        self.upkeep(|conn| {
            conn.execute_batch("DELETE FROM segment_column; DELETE FROM segment;")?;
            raise_generation(conn)
        })?;
        self.seal_complete(reader)
    }
}

/// Copies a database into a file that does not exist yet, while others may use it, and checks the copy.
///
/// Returns the number of events in it.
pub(crate) fn back_up(database: &Path, copy: &Path) -> Result<u64, StoreError> {
    let shown = copy.display();
    let refuse = |error: &dyn std::fmt::Display| StoreError::Failed(format!("cannot write {shown}: {error}"));
    super::open::create_file(copy).map_err(|error| refuse(&error))?;
    let make = || {
        let source = super::open::read_only(database)?;
        // Nothing is written to the source, but SQLite takes the copy for a write.
        source.execute_batch("PRAGMA query_only = OFF")?;
        source.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        drop(source);
        let made = super::open::read_only(copy)?;
        let verdict: String = made.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        let events = made.query_row("SELECT count(*) FROM event", [], |row| row.get(0))?;
        Ok::<(String, u64), rusqlite::Error>((verdict, events))
    };
    let result =
        make().map_err(|error| refuse(&error)).and_then(|(verdict, events)| match verdict.as_str() {
            "ok" => Ok(events),
            damage => Err(refuse(&damage)),
        });
    let on_disk = || std::fs::File::open(copy).and_then(|file| file.sync_all());
    let result = result.and_then(|events| on_disk().map(|()| events).map_err(|error| refuse(&error)));
    if result.is_err() {
        // Half a copy must not be mistaken for one.
        let _ = std::fs::remove_file(copy);
    }
    result
}
