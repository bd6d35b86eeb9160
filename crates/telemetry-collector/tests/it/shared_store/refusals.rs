//! Stores, folders and options that do not fit together are refused, before anything is done.

use std::io::{Read, Write};
use std::net::TcpListener;

use tempfile::TempDir;

use super::{body, count, migrate, serve, shipped};
use crate::crash::now;
use crate::engine::Engine;
use crate::harness::{id, post};
use crate::process::{Process, run};

/// A folder is a store or a spool, and is not taken for the other.
#[test]
fn a_folder_with_events_of_its_own_is_no_spool() {
    let Some(engine) = Engine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let collector = Process::start(folder.path());
    let track = format!("{}/events/v1/track", collector.url);
    assert_eq!(post(&track, "application/json", body(0..5, now()).as_bytes()).tally(), (5, 0, 0));
    drop(collector);
    let data = folder.path().to_str().unwrap();
    let store = engine.database("shared");
    let (code, stderr) = run(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--store", &store]);
    assert_eq!(code, 1);
    assert!(stderr.contains("telemetry-collector migrate --from"), "{stderr}");
    let spool = tempfile::tempdir().unwrap();
    drop(serve(spool.path(), &store, &[]));
    let (code, stderr) = run(&["serve", "--listen", "127.0.0.1:0", "--data", spool.path().to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&format!("is the spool of {store}")), "{stderr}");
}

/// What waits for one database does not go to another one because of a slip.
#[test]
fn a_spool_ships_to_another_database_only_when_told_so() {
    let Some(engine) = Engine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = format!("clickhouse://{nobody}/shared");
    let collector = serve(folder.path(), &gone, &[]);
    let track = format!("{}/events/v1/track", collector.url);
    assert_eq!(post(&track, "application/json", body(0..5, now()).as_bytes()).tally(), (5, 0, 0));
    drop(collector);
    let store = engine.database("shared");
    let (code, stderr) = run(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--store", &store]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&format!("wait to be shipped to {gone}")), "{stderr}");
    assert!(stderr.contains("--store-moved"), "{stderr}");
    let collector = serve(folder.path(), &store, &["--store-moved"]);
    shipped(&collector.url);
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), 5);
    assert!(count(&engine, "SELECT count() FROM name") > 0);
    drop(collector);
    // Where nothing waits, nothing can go astray.
    let collector = serve(folder.path(), &engine.database("other"), &[]);
    let track = format!("{}/events/v1/track", collector.url);
    assert_eq!(post(&track, "application/json", body(5..7, now()).as_bytes()).tally(), (2, 0, 0));
    shipped(&collector.url);
    assert_eq!(count(&engine, "SELECT count() FROM other.event FINAL"), 2);
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), 5);
}

/// A copy is only made into a database that has nothing else, and only what is there is asked to forget.
#[test]
fn a_database_of_others_is_left_alone() {
    let Some(engine) = Engine::start() else { return };
    let store = engine.database("shared");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (number, folder) in folders.iter().enumerate() {
        let collector = Process::start(folder.path());
        let track = format!("{}/events/v1/track", collector.url);
        let first = number as u64 * 10;
        assert_eq!(
            post(&track, "application/json", body(first..first + 5, now()).as_bytes()).tally(),
            (5, 0, 0)
        );
    }
    let copied = |folder: &TempDir| migrate(folder.path().to_str().unwrap(), &store, "30");
    assert_eq!(copied(&folders[0]).0, 0);
    let (code, _, stderr) = copied(&folders[1]);
    assert_eq!(code, 1);
    assert!(stderr.contains("has events already; nothing was copied"), "{stderr}");
    assert_eq!(count(&engine, "SELECT count() FROM event FINAL"), 5);
    assert_eq!(copied(&folders[0]).0, 0);
    let (code, stderr) = run(&["forget", &id(1), "--store", &engine.database("empty")]);
    assert_eq!(code, 1);
    assert!(stderr.contains("no collector ships there"), "{stderr}");
    assert_eq!(count(&engine, "SELECT count() FROM system.tables WHERE database = 'empty'"), 0);
}

/// Options that can only be mistakes are refused.
#[test]
fn options_of_a_store_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (options, says) in [
        (&["--store-password-file", "nowhere"][..], "give its address with --store"),
        (&["--store", "clickhouse://127.0.0.1"], "name a database"),
        (&["--store", "clickhouse://127.0.0.1/t", "--spool-max", "64KiB"], "a spool has at least 1MiB"),
        (&["--store-moved"], "--store"),
    ] {
        let (code, stderr) = run(&[&["serve", "--listen", "127.0.0.1:0", "--data", data], options].concat());
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// What cannot work is said at the start, with the way out.
#[test]
fn a_store_that_does_not_fit_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let serve = |store: &str| run(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--store", store]);
    let (code, stderr) = serve("clickhouse://me:secret@127.0.0.1/t");
    assert_eq!(code, 2);
    assert!(stderr.contains("--store-password-file"), "{stderr}");
    let Some(engine) = Engine::start() else { return };
    post(
        &format!("http://{}/?database=other", engine.host),
        "text/plain",
        b"CREATE TABLE event (a Int8) ENGINE = Memory",
    );
    let (code, stderr) = serve(&engine.database("other"));
    assert_eq!(code, 1);
    assert!(stderr.contains("has no column event LowCardinality(String)"), "{stderr}");
    assert!(stderr.contains("--print-ddl"), "{stderr}");
}

/// A server that answers every request alike.
fn server_that_says(status: &str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address.to_string()
}

/// A server that was reached and lets nobody in is named at the start, with what it said and the way in.
#[test]
fn a_server_that_lets_nobody_in_is_named_at_the_start() {
    for (status, body, says, hint) in [
        ("200 OK", "18.16.1\n", "ClickHouse 18.16.1 at", "use 26.9 or newer"),
        (
            "403 Forbidden",
            "Code: 516. DB::Exception: me: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)\n",
            "refuses: Code: 516. DB::Exception: me: Authentication failed",
            "--store-password-file",
        ),
        (
            "404 Not Found",
            "Code: 81. DB::Exception: Database t does not exist. (UNKNOWN_DATABASE)\n",
            "refuses: Code: 81. DB::Exception: Database t does not exist",
            "create the database",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let store = format!("clickhouse://me@{}/t", server_that_says(status, body));
        let (code, stderr) = run(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--store", &store]);
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(says) && stderr.contains(hint), "{stderr}");
    }
}
