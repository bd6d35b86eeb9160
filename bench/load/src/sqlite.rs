//! The bare insert loop: what SQLite takes when nobody asks anything of the events.
//!
//! One table with the columns that a tool call fills, unique by event id as any store must be, WAL, and one
//! transaction with `synchronous=FULL` for each batch.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

pub fn run(folder: &str, records: u64, seconds: u64) -> std::io::Result<String> {
    insert(&Path::new(folder).join("bare.db"), records, Duration::from_secs(seconds))
        .map_err(|error| std::io::Error::other(error.to_string()))
}

fn insert(file: &Path, records: u64, time: Duration) -> rusqlite::Result<String> {
    let mut conn = Connection::open(file)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32000;
         CREATE TABLE event (id INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, ts_ms INTEGER, env INTEGER,
            install INTEGER, event INTEGER, action INTEGER, session INTEGER, agent INTEGER, tool INTEGER,
            tool_kind INTEGER, outcome INTEGER, is_success INTEGER, duration_ms INTEGER, duration_bucket INTEGER);",
    )?;
    let begun = Instant::now();
    let mut events = 0_u64;
    while begun.elapsed() < time {
        let tx = conn.transaction()?;
        let mut statement = tx.prepare_cached(
            "INSERT INTO event (event_id, ts_ms, env, install, event, action, session, agent, tool, tool_kind,
                outcome, is_success, duration_ms, duration_bucket)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        for _ in 0..records {
            events += 1;
            let mut id = [0_u8; 16];
            id[..8].copy_from_slice(&0x0190_0000_0000_7000_u64.to_be_bytes());
            id[8..].copy_from_slice(&events.to_be_bytes());
            let n = events as i64;
            statement.execute((
                id.as_slice(),
                1_795_348_800_000 + n,
                3,
                n % 64,
                2,
                5,
                n % 64,
                7,
                n % 4 + 10,
                8,
                9,
                1,
                n % 900,
                n % 157,
            ))?;
        }
        drop(statement);
        tx.commit()?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(serde_json::json!({
        "events": events, "seconds": seconds, "events_per_second": events as f64 / seconds,
    })
    .to_string())
}
