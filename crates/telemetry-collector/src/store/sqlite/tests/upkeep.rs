//! What upkeep may do to a store, and what must be the same afterwards.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rusqlite::Connection;

use super::agreement::agree;
use super::population::{Population, Random, Store, TODAY, counters, install};
use crate::answer::range::Range;
use crate::catalogue::{Catalogues, docker_agent};
use crate::intake::{Intake, Taken};
use crate::seed::Seed;
use crate::store::question::{DailyTotals, Filters, Group, Key, Question, Subject, View};
use crate::store::sqlite::schema::MIGRATIONS;
use crate::store::sqlite::segment::CELL_ROWS;
use crate::store::sqlite::{Folder, Upkeep, back_up};
use crate::store::{Batch, DAY_MS, Day, Page};

const DAYS: Day = 80;
const ALL: Range = Range { from: TODAY - 400, to: TODAY + 1 };

fn filled(seed: u64, events: usize) -> Store {
    let mut store = Store::new();
    let mut population = Population::new(seed, 12, DAYS);
    store.add(population.events(events));
    store.writer.commit(&[counters(population.events(1), 3)]).unwrap();
    store.seal();
    store
}

fn database(store: &Store) -> std::path::PathBuf {
    store.dir.path().join("collector.db")
}

fn findings(store: Store) -> Vec<String> {
    let dir = store.dir;
    store.writer.close();
    drop(store.reader);
    Folder::open(dir.path()).unwrap().check().unwrap()
}

fn totals(store: &Store) -> Vec<DailyTotals> {
    store.reader.snapshot(|snapshot| snapshot.totals(ALL)).unwrap()
}

fn tools(store: &Store) -> Vec<Group> {
    let question =
        Question::count(Subject::Tool, ALL, &Filters::default()).by([Key::Tool, Key::Day]).with_durations();
    let mut groups = store.reader.snapshot(|snapshot| snapshot.groups(&question)).unwrap();
    groups.sort_by(|a, b| a.keys.cmp(&b.keys));
    groups
}

#[test]
fn events_that_were_taken_without_a_collector_are_sealed_when_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let population = Seed::new(4, 40, 1, TODAY);
    let catalogues = Catalogues::of(docker_agent().unwrap());
    let mut intake = Intake::open(dir.path(), catalogues, 0).unwrap();
    let mut accepted = 0;
    let tell = |taken: Taken| accepted += taken.map_or(0, |answer| answer.accepted);
    intake.take_all(population.requests(), population.new_ids(), tell).unwrap();
    intake.close().unwrap();
    let store = Store::at(dir);
    assert!(accepted > 10 * CELL_ROWS as u64, "{accepted} events are too few for a test");
    let sealed = "SELECT count(*) FROM segment";
    let sealed: u64 =
        Connection::open(database(&store)).unwrap().query_row(sealed, [], |row| row.get(0)).unwrap();
    assert_eq!(sealed, accepted / CELL_ROWS as u64);
}

/// The bytes of all segments.
fn segments(store: &Store) -> Vec<(i64, Vec<u8>)> {
    let conn = Connection::open(database(store)).unwrap();
    let mut statement = conn.prepare("SELECT id, data FROM segment_column ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Lets retention run as if the oldest day to keep were `before`.
fn cut(store: Store, before: Day) -> Store {
    let Store { writer, reader, dir } = store;
    let (writer, reader) = (Arc::new(Mutex::new(writer)), Arc::new(reader));
    let desk = Arc::clone(&writer);
    let upkeep = Upkeep {
        reader: Arc::clone(&reader),
        desk: Box::new(move |work| work(&mut desk.lock().unwrap())),
        now: Arc::new(|| 0),
        raw_days: 0,
    };
    let (_go_on, stopped) = mpsc::channel();
    upkeep.cut(before, &stopped).unwrap();
    drop(upkeep);
    let writer = Arc::try_unwrap(writer).unwrap().into_inner().unwrap();
    Store { writer, reader: Arc::try_unwrap(reader).unwrap(), dir }
}

#[test]
fn a_sound_store_is_found_sound() {
    assert_eq!(findings(filled(1, 400)), [""; 0]);
    assert_eq!(findings(Store::new()), [""; 0]);
}

#[test]
fn damaged_segments_are_noticed_not_believed_and_made_again() {
    for damage in [
        "UPDATE segment_column SET data = x'00'",
        "DELETE FROM segment_column WHERE id % 7 = 0",
        "UPDATE segment_column SET data = CAST(substr(data, 1, 14) || x'55' || substr(data, 16) AS BLOB)",
        "UPDATE segment SET min_day = min_day + 5",
        "UPDATE segment SET facts = zeroblob(64)",
        "UPDATE segment SET format = 99",
        "DELETE FROM segment WHERE id = 1",
    ] {
        let mut store = filled(2, 400);
        let (before, sound) = (tools(&store), segments(&store));
        Connection::open(database(&store)).unwrap().execute(damage, []).unwrap();
        store = store.reopened();
        assert_eq!(tools(&store), before, "{damage}");
        agree(&store, &mut Random(2), DAYS, damage);
        store = store.reopened();
        if !damage.contains("format") {
            assert_ne!(findings(store_at(&store)), [""; 0], "{damage}");
        }
        agree(&store, &mut Random(2), DAYS, damage);
        assert!(store.seal() > 0, "{damage}: nothing was made again");
        assert_eq!(tools(&store), before, "{damage}");
        store.writer.rebuild(&store.reader).unwrap();
        assert_eq!(segments(&store), sound, "{damage}");
        assert_eq!(findings(store), [""; 0], "{damage}");
    }
}

/// A copy of a store, to be looked at.
fn store_at(store: &Store) -> Store {
    let dir = tempfile::tempdir().unwrap();
    back_up(&database(store), &dir.path().join("collector.db")).unwrap();
    Store::at(dir)
}

#[test]
fn what_does_not_add_up_is_named() {
    for (damage, said) in [
        ("DELETE FROM event WHERE id = 7", "accepted"),
        (
            "UPDATE event SET turns = 5 WHERE id IN (SELECT id FROM event WHERE turns NOT NULL AND turns <> 5)",
            "differs",
        ),
        (
            "UPDATE event SET tool = 9999 WHERE id = (SELECT min(id) FROM event WHERE tool NOT NULL)",
            "a tool that",
        ),
        ("UPDATE event SET env = 9999 WHERE id = 3", "environment"),
        ("UPDATE event SET session = 9999 WHERE id = 3", "session that"),
        ("UPDATE install SET first_day = first_day + 300", "first day"),
        ("DELETE FROM install", "installation that"),
        ("UPDATE env SET os = 9999 WHERE id = 1", "environments name"),
        ("DELETE FROM segment WHERE id = 2", "do not exist"),
        ("UPDATE segment SET min_day = 1 WHERE id = 2", "checksum"),
    ] {
        let store = filled(3, 300);
        Connection::open(database(&store)).unwrap().execute(damage, []).unwrap();
        let findings = findings(store);
        assert!(findings.iter().any(|finding| finding.contains(said)), "{damage}: {findings:?}");
    }
}

#[test]
fn a_rebuilt_store_is_the_same_byte_for_byte() {
    let mut store = filled(4, 700);
    let (before, sound) = (tools(&store), segments(&store));
    let made = store.writer.rebuild(&store.reader).unwrap();
    assert_eq!(made, 701 / 64);
    assert_eq!(segments(&store), sound);
    assert_eq!(tools(&store), before);
}

#[test]
fn totals_outlive_the_rows_they_are_of() {
    let mut store = filled(5, 900);
    let before = totals(&store);
    assert!(before.len() > 50);
    for cut_at in [TODAY - 60, TODAY - 40, TODAY - 20] {
        let rows = Connection::open(database(&store)).unwrap();
        let count = |sql: &str| rows.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        let old = format!("SELECT count(*) FROM event WHERE ts_ms < {cut_at} * 86400000");
        assert!(count(&old) > 0);
        store = cut(store, cut_at);
        assert_eq!(count(&old), 0);
        assert_eq!(totals(&store), before, "cut at {cut_at}");
        let lonely = "SELECT count(*) FROM session WHERE id NOT IN
            (SELECT session FROM event WHERE session NOT NULL)";
        assert_eq!(count(lonely), 0, "sessions without an event");
        agree(&store, &mut Random(5), DAYS, "after retention");
        store.seal();
        agree(&store, &mut Random(5), DAYS, "after retention and sealing");
        store = store.reopened();
    }
    let mut population = Population::new(55, 40, 5);
    store.add(population.events(200));
    agree(&store, &mut Random(5), DAYS, "with events after retention");
    assert_eq!(findings(store), [""; 0]);
}

#[test]
fn a_store_whose_rows_are_all_gone_still_tells_their_totals() {
    let store = filled(6, 200);
    let before = totals(&store);
    let mut store = cut(store, TODAY + 1);
    assert_eq!(totals(&store), before);
    assert_eq!(store.reader.snapshot(|snapshot| snapshot.span()).unwrap(), None);
    store.add(Population::new(66, 3, 2).events(10));
    agree(&store, &mut Random(6), DAYS, "after all rows went");
    assert_eq!(findings(store), [""; 0]);
}

/// Whether any file of a folder has these bytes.
fn contain(folder: &Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

#[test]
fn nothing_of_a_forgotten_installation_is_left_in_any_file() {
    let mut store = Store::new();
    // Enough installations that pages of ids are split again and again.
    let mut population = Population::new(8, 700, DAYS);
    for _ in 0..6 {
        store.add(population.events(500));
    }
    store.seal();
    let last_row = store.reader.snapshot(|snapshot| snapshot.last_row()).unwrap();
    let events = store.reader.snapshot(|snapshot| snapshot.events(Page::Last { limit: 1 })).unwrap();
    let newest = events[0].properties["user_uuid"].as_str().unwrap().parse().unwrap();
    for id in [install(3), install(77), install(650), newest] {
        assert!(contain(store.dir.path(), id.as_bytes()));
        let gone = store.writer.forget(id).unwrap().unwrap();
        assert!(gone.events > 0, "{gone:?}");
        assert!(!contain(store.dir.path(), id.as_bytes()), "{id}");
        assert!(!contain(store.dir.path(), id.to_string().as_bytes()), "{id}");
        assert_eq!(store.writer.forget(id).unwrap(), None);
        agree(&store, &mut Random(8), DAYS, "after forgetting");
        store.seal();
        agree(&store, &mut Random(8), DAYS, "after forgetting and sealing");
    }
    assert_eq!(store.reader.snapshot(|snapshot| snapshot.last_row()).unwrap(), last_row);
    store.add(population.events(100));
    agree(&store, &mut Random(8), DAYS, "with events after forgetting");
    assert_eq!(findings(store), [""; 0]);
}

#[test]
fn a_reader_outside_keeps_forget_from_claiming_success() {
    let mut store = filled(9, 100);
    let outside = Connection::open(database(&store)).unwrap();
    outside.execute_batch("BEGIN; SELECT count(*) FROM event;").unwrap();
    store.writer.conn.busy_timeout(Duration::ZERO).unwrap();
    assert!(!store.writer.truncate_log(Duration::ZERO).unwrap());
    outside.execute_batch("COMMIT").unwrap();
    assert!(store.writer.truncate_log(Duration::ZERO).unwrap());
}

#[test]
fn a_backup_of_a_store_in_use_is_a_store() {
    let mut store = filled(10, 500);
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("collector.db");
    assert_eq!(back_up(&database(&store), &file).unwrap(), store_rows(&store));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let error = back_up(&database(&store), &file).unwrap_err().to_string();
    assert!(error.contains("collector.db: File exists"), "{error}");
    let error = back_up(&database(&store), &copy.path().join("no/where.db")).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("no/where.db"), "{error}");
    let copied = Store::at(copy);
    assert_eq!(tools(&copied), tools(&store));
    store.add(Population::new(11, 3, 2).events(10));
    assert_eq!(findings(copied), [""; 0]);
}

fn store_rows(store: &Store) -> u64 {
    let rows = Connection::open(database(store)).unwrap();
    rows.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_file_of_the_first_schema_is_brought_up_to_date() {
    let store = filled(12, 300);
    let before = tools(&store);
    let rows = store.reader.snapshot(|snapshot| snapshot.events(Page::Last { limit: 1000 })).unwrap();
    // What that schema did not have is taken away again.
    let old = Connection::open(database(&store)).unwrap();
    old.execute_batch(
        "DROP TRIGGER install_moved; DROP TABLE segment; DROP TABLE segment_column; DROP TABLE daily;
         DELETE FROM meta WHERE key <> 'schema'; UPDATE meta SET value = 1 WHERE key = 'schema';",
    )
    .unwrap();
    let fresh = Connection::open_in_memory().unwrap();
    fresh.execute_batch("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;").unwrap();
    fresh.execute_batch(MIGRATIONS[0]).unwrap();
    let tables = |conn: &Connection| {
        let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
        let mut statement = conn.prepare(sql).unwrap();
        let all = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        all.map(Result::unwrap).collect::<Vec<(String, Option<String>)>>()
    };
    assert_eq!(tables(&old), tables(&fresh), "not a file of the first schema");
    drop(old);
    let mut store = store.reopened();
    assert_eq!(tools(&store), before);
    assert!(store.seal() > 3);
    assert_eq!(tools(&store), before);
    assert_eq!(store.reader.snapshot(|snapshot| snapshot.events(Page::Last { limit: 1000 })).unwrap(), rows);
    assert_eq!(findings(store), [""; 0]);
}

#[test]
fn a_log_that_a_query_held_back_is_emptied_afterwards() {
    let mut store = filled(14, 10);
    let log = store.dir.path().join("collector.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    let mut population = Population::new(15, 30, 5);
    let Store { reader, writer, .. } = &mut store;
    reader
        .snapshot(|snapshot| {
            // A checkpoint cannot pass the query's snapshot.
            while length() < 1 << 20 {
                let events = population.events(500);
                let batch = Batch { received_ms: TODAY * DAY_MS, events, ..Batch::default() };
                writer.commit(&[batch]).unwrap();
            }
            snapshot.last_row()
        })
        .unwrap();
    writer.shorten_log().unwrap();
    assert_eq!(length(), 0);
}

#[test]
fn files_are_for_their_owner_only() {
    let store = filled(13, 10);
    for entry in std::fs::read_dir(store.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}
