//! `telemetry-collector query`, `export` and `api`.

use std::process::Output;

use serde_json::{Value, json};

use crate::formats::parse_csv;
use crate::harness::{Collector, NOW, command, envelope, session_end, session_start, token, tool};
use crate::process::program;
use crate::views::populated;

fn run(collector: &Collector, args: &[&str]) -> Output {
    program().args(args).arg("--data").arg(collector.folder.path()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The exit code and what was said.
fn refusal(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn sql_sees_events_by_readable_names_while_the_collector_runs() {
    let collector = populated();
    let sql = "SELECT day, version, tool_name, outcome, error, duration_ms FROM events \
               WHERE event = 'tool' AND tool_name = 'shell' ORDER BY row";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql])), @r#"
    day         version  tool_name  outcome    error    duration_ms
    2026-11-09  1.0.0    shell      ok                           10
    2026-11-10  1.0.0    shell      error      timeout           20
    2026-11-16  2.0.0    shell      denied     denied             1
    2026-11-17  2.0.0    shell      cancelled                     1
    "#);
    let sql = "SELECT f.value AS flag, count(DISTINCT user_uuid) AS installs \
               FROM events, json_each(flags) f GROUP BY 1 ORDER BY 1";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql, "--format", "csv"])), @r#"
    flag,installs
    debug,2
    yolo,2
    "#);
    let sql = "SELECT session_id, errors, cost FROM events WHERE outcome = 'failed'";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql, "--format", "ndjson"])), @r#"{"session_id":"01900000-0000-7000-8000-000000000009","errors":"{\"network\":2,\"timeout\":1}","cost":0.0135}"#);
    let sql = "SELECT fate, sum(n) AS n FROM arrivals GROUP BY 1 ORDER BY 1";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql, "--format", "json"])), @r#"[{"fate":"accepted","n":17},{"fate":"late","n":17}]"#);
    let sql = "SELECT 1 AS n, 2 AS n, NULL AS n, x'ff00' AS b, 0.5 AS r";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql, "--format", "ndjson"])), @r#"{"n":1,"n:1":2,"n:2":null,"b":"ff00","r":0.5}"#);
    let sql = "SELECT (SELECT count(*) FROM installs) AS installs, (SELECT count(*) FROM losses) AS losses";
    insta::assert_snapshot!(stdout(&run(&collector, &["query", sql])), @r#"
    installs  losses
           3       0
    "#);
}

/// Every column of every view can be selected, and has the value that was sent.
#[test]
fn the_view_of_events_is_what_was_sent() {
    let collector = populated();
    let page = stdout(&program().args(["api", "sql"]).output().unwrap());
    for view in ["events", "installs", "arrivals", "losses"] {
        let section = page.split(&format!("## `{view}`")).nth(1).unwrap().split("\n## ").next().unwrap();
        let columns: Vec<&str> =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert!(columns.len() > 1, "{section}");
        let sql = format!("SELECT {} FROM {view}", columns.join(", "));
        stdout(&run(&collector, &["query", &sql, "--format", "json"]));
    }
    let rows = stdout(&run(&collector, &["query", "SELECT * FROM events ORDER BY row", "--format", "json"]));
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let events = collector.events();
    assert_eq!(rows.len(), events.len());
    for (row, event) in rows.iter().zip(&events) {
        for name in ["row", "event_id", "event", "event_timestamp", "source"] {
            assert_eq!(row[name], event[name], "{name}");
        }
        for (name, sent) in event["properties"].as_object().unwrap() {
            let stored = match (&row[name], sent) {
                (Value::String(text), Value::Array(_) | Value::Object(_)) => {
                    serde_json::from_str(text).unwrap()
                }
                (Value::Number(n), Value::Bool(_)) => (n.as_u64() == Some(1)).into(),
                (stored, _) => stored.clone(),
            };
            assert_eq!(stored, *sent, "{name} of {event}");
        }
    }
}

#[test]
fn sql_can_only_read() {
    let collector = populated();
    let before = collector.events();
    let elsewhere = collector.folder.path().join("elsewhere.db");
    let attach = format!("ATTACH '{}' AS other", elsewhere.display());
    let into = format!("VACUUM INTO '{}'", elsewhere.display());
    for sql in [
        "DELETE FROM event",
        "UPDATE dict SET name = 'x'",
        "INSERT INTO meta VALUES ('a', 1)",
        "DROP TABLE event",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        &attach,
        &into,
        "PRAGMA user_version = 7",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode",
        "BEGIN EXCLUSIVE",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_table_info('event')",
        "SELECT 1; DELETE FROM event",
        "WITH x AS (SELECT 1) DELETE FROM event",
        "SELECT writefile('x', 'y')",
        "EXPLAIN SELECT ?1",
        "",
        "SELEC 1",
        "SELECT nothing FROM events",
        "SELECT ?1",
    ] {
        let (code, said) = refusal(&run(&collector, &["query", sql]));
        assert_eq!(code, Some(2), "{sql}: {said}");
        assert!(said.starts_with("error: "), "{said}");
    }
    assert!(!elsewhere.exists());
    assert_eq!(collector.events(), before);
}

#[test]
fn sql_about_what_is_not_there_says_what_is() {
    let (code, said) = refusal(&run(&populated(), &["query", "SELECT * FROM commands"]));
    assert_eq!(code, Some(2));
    assert!(
        said.starts_with("error: no such table: commands; there is events, installs, arrivals, losses"),
        "{said}"
    );
}

#[test]
fn sql_has_limits_and_says_so() {
    let collector = populated();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT";
    let counted = format!("{endless} count(*) FROM n");
    let (code, said) = refusal(&run(&collector, &["query", &counted, "--timeout", "1"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("longer than 1 s") && said.contains("--timeout"), "{said}");
    let output =
        run(&collector, &["query", &format!("{endless} i FROM n"), "--max-rows", "3", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "i\r\n1\r\n2\r\n3\r\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("after 3 rows"));
    let wide = format!("{endless} printf('%.*c', 900000, 'x') FROM n");
    let output = run(&collector, &["query", &wide, "--format", "csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("32 MiB"));
    let (code, said) = refusal(&run(&collector, &["query", "SELECT zeroblob(2000000)"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("too big"), "{said}");
}

#[test]
fn a_folder_without_a_collector_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["query", "SELECT 1"][..], &["export", "--format", "csv"]] {
        let output = program().args(args).arg("--data").arg(folder.path()).output().unwrap();
        let (code, said) = refusal(&output);
        assert_eq!(code, Some(1));
        assert!(said.contains(folder.path().to_str().unwrap()) && said.contains("--data"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was created");
}

/// More than one chunk, every kind of event, and identical events on the other side.
#[test]
fn an_export_can_be_sent_again_and_gives_the_same_events() {
    let collector = Collector::start();
    let mut records: Vec<Value> = (0..1200).map(|n| command(n, n % 7, NOW, "run", n % 3 == 0)).collect();
    records.extend([
        tool(2000, NOW, "shell", "error", 7),
        token(2001, NOW, "gpt-4o", 10, 5, Some(0.000_000_123)),
        session_start(2002, 9, NOW),
        session_end(2003, 9, NOW, "failed"),
    ]);
    for batch in records.chunks(60) {
        assert_eq!(collector.send(batch.to_vec()).tally().2, 0);
    }
    let exported = stdout(&run(&collector, &["export", "--format", "ndjson"]));
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, records);
    let other = Collector::start();
    for batch in lines.chunks(60) {
        assert_eq!(other.post(&envelope(batch.to_vec()).to_string()).tally().1, 0);
    }
    assert_eq!(stdout(&run(&other, &["export", "--format", "ndjson"])), exported);
    let csv = parse_csv(&stdout(&run(&collector, &["export", "--format", "csv"])));
    assert_eq!((csv.len(), csv[1205 - 1].len()), (1205, 6));
    assert_eq!(serde_json::from_str::<Value>(&csv[1][5]).unwrap(), records[0]["properties"]);
}

#[test]
fn an_export_of_some_days_has_both_ends() {
    let collector = populated();
    let days = |args: &[&str]| {
        let args = [&["export", "--format", "ndjson"], args].concat();
        stdout(&run(&collector, &args)).lines().count()
    };
    assert_eq!(days(&[]), 17);
    assert_eq!(days(&["--from", "2026-11-10"]), 12);
    assert_eq!(days(&["--from", "2026-11-10", "--to", "2026-11-10"]), 4);
    assert_eq!(days(&["--to", "2026-11-09"]), 5);
    let (code, said) = refusal(&run(&collector, &["export", "--format", "csv", "--from", "soon"]));
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn the_interface_describes_itself_without_a_server() {
    let printed: Value = serde_json::from_str(&stdout(&program().arg("api").output().unwrap())).unwrap();
    assert_eq!(printed, Collector::start().get("/openapi.json").json());
    let page = stdout(&program().args(["api", "markdown"]).output().unwrap());
    for path in printed["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!(" {path}`")), "{path}");
    }
    assert_eq!(printed["info"]["version"], json!(env!("CARGO_PKG_VERSION")));
}
