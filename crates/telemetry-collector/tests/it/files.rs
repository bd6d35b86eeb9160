//! `ingest` and `seed`: events that come from files, and events that are made up.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use telemetry_collector::IngestAccess;

use crate::access::secret_file;
use crate::crash::now;
use crate::harness::{Collector, command, envelope, get, tool};
use crate::process::{Process, program};

fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// What a served collector says of a folder.
fn events(folder: &Path) -> Vec<Value> {
    let process = Process::start(folder);
    get(&format!("{}/api/v1/events?limit=1000", process.url)).json()["events"].as_array().unwrap().clone()
}

fn lines(folder: &Path) -> String {
    let at = now();
    let mut bad = tool(3, at, "shell", "ok", 1);
    bad["properties"]["tool_name"] = "canary; rm -rf".into();
    let logged = json!({
        "kind": "request", "id": "x", "at_ms": 1, "method": "POST", "url": "http://h/", "headers": [],
        "body": envelope([command(6, 1, at, "run", true)]).to_string(),
    });
    let text = [
        tool(1, at, "shell", "ok", 1).to_string(),
        tool(2, at, "shell", "ok", 1).to_string(),
        bad.to_string(),
        "not JSON".to_owned(),
        envelope([command(4, 1, at, "run", true), json!({}), command(5, 1, at, "run", true)]).to_string(),
        String::new(),
        logged.to_string(),
        tool(1, at, "shell", "ok", 1).to_string(),
    ]
    .join("\n");
    let file = folder.join("events.ndjson");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn files_are_taken_line_by_line_and_what_is_refused_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = lines(folder.path());
    let to = ["--data", data.to_str().unwrap(), "--min-free", "0"];
    let (code, stdout, stderr) = texts(&run(&[&["ingest", &file][..], &to].concat()));
    assert_eq!((code, stdout.as_str()), (1, "5 taken, 1 were there already, 3 refused\n"), "{stderr}");
    let mut said: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix(&file)).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [":3: bad_name: tool_name", ":4: is not JSON", ":5: record 2: missing_property: source"]
    );
    assert!(!stderr.contains("canary"), "{stderr}");
    assert_eq!(events(&data).len(), 5);

    // Again, from stdin and without the bad ones: nothing is doubled, and nothing is wrong.
    let good: String = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .filter(|line| !line.contains("canary") && !line.contains("not JSON") && !line.contains("{}"))
        .map(|line| format!("{line}\n"))
        .collect();
    let input = folder.path().join("good");
    std::fs::write(&input, good).unwrap();
    let mut again = program();
    again.args(["ingest", "-"]).args(to).stdin(Stdio::from(std::fs::File::open(&input).unwrap()));
    let (code, stdout, stderr) = texts(&again.output().unwrap());
    assert_eq!((code, stdout.as_str()), (0, "0 taken, 4 were there already, 0 refused\n"), "{stderr}");
    assert_eq!(events(&data).len(), 5);
}

#[test]
fn files_can_be_brought_to_a_running_collector_but_not_into_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = lines(folder.path());
    let collector = Collector::with(|settings| settings.clock = std::sync::Arc::new(now));
    let data = collector.folder.path().to_str().unwrap();
    let (code, _, stderr) = texts(&run(&["ingest", &file, "--data", data]));
    assert_eq!(code, 1);
    assert!(stderr.contains("another telemetry-collector"), "{stderr}");
    let (code, stdout, stderr) = texts(&run(&["ingest", &file, "--to", &collector.url("/")]));
    assert_eq!((code, stdout.as_str()), (1, "5 taken, 1 were there already, 3 refused\n"), "{stderr}");
    assert!(stderr.contains(":3: bad_name: tool_name"), "{stderr}");
    assert_eq!(collector.events().len(), 5);
}

#[test]
fn files_that_cannot_be_read_and_collectors_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (code, _, stderr) = texts(&run(&["ingest", "absent.ndjson", "--data", data.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(stderr.contains("absent.ndjson cannot be read"), "{stderr}");
    let file = lines(folder.path());
    let (code, _, stderr) = texts(&run(&["ingest", &file, "--to", "http://127.0.0.1:1"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("127.0.0.1:1") && stderr.contains("does a collector listen there"), "{stderr}");
}

#[test]
fn a_refusal_is_told_in_its_own_words_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = lines(folder.path());
    let keys = secret_file(folder.path(), "0123456789abcdef");
    let collector =
        Collector::with(|settings| settings.access.ingest = IngestAccess::from_file(&keys).unwrap());
    let (code, _, stderr) = texts(&run(&["ingest", &file, "--to", &collector.url("")]));
    assert_eq!(code, 1);
    insta::assert_snapshot!(stderr.replace(&collector.url(""), "URL"), @"
    error: URL/events/v1/track: status 401: unauthorized: a key is needed as x-api-key
      give a file with the key as --key-file
    ");
    let (code, _, stderr) = texts(&run(&["seed", "--to", &collector.url("/elsewhere"), "--days", "1"]));
    assert_eq!(code, 1);
    insta::assert_snapshot!(stderr.replace(&collector.url(""), "URL"), @"
    error: URL/elsewhere/events/v1/track: status 404: not_found: there is nothing at this path
      is this the address of a collector, and one of its own names?
    ");
}

#[test]
fn a_made_up_population_is_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let seed = |data: &Path, seed: &str| {
        let args =
            ["seed", "--installs", "30", "--days", "60", "--end", "2026-10-31", "--min-free", "0", "--seed"];
        let (code, stdout, stderr) =
            texts(&program().args(args).args([seed, "--data", data.to_str().unwrap()]).output().unwrap());
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        assert!(stdout.contains(" of 30 installations over 60 days, "), "{stdout}");
        stdout
    };
    let [one, same, other] = ["one", "same", "other"].map(|name| folder.path().join(name));
    seed(&one, "7");
    seed(&same, "7");
    seed(&other, "8");
    let digest = |data: &Path| -> (i64, String) {
        let database = rusqlite::Connection::open(data.join("collector.db")).unwrap();
        let sql = "SELECT count(*), group_concat(hex(event_id) || ts_ms) FROM (SELECT * FROM event ORDER BY event_id)";
        database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert!(digest(&one).0 > 1000);
    assert_eq!(digest(&one), digest(&same));
    assert_ne!(digest(&one), digest(&other));

    // Twice the same is all duplicates, but for the Go program's records, which have no ids to know them by.
    let again = seed(&one, "7");
    assert!(again.starts_with("0 events"), "{again}");
    // The clock moved with the data: events of a person who was offline are late, all others are not.
    let database = rusqlite::Connection::open(one.join("collector.db")).unwrap();
    let count = |condition: &str| -> i64 {
        let sql = format!("SELECT coalesce(sum(n), 0) FROM ingest_count WHERE {condition}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert!(count("fate = 'late'") > 0 && count("fate = 'late'") < digest(&one).0 / 2);
    assert_eq!(count("fate = 'rejected'"), 0);
}

#[test]
fn a_running_collector_is_not_given_days_that_it_would_refuse() {
    let (code, _, stderr) = texts(&run(&["seed", "--days", "60", "--to", "http://127.0.0.1:1"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("--days") && stderr.contains("--data"), "{stderr}");
}
