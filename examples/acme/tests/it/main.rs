//! How to test a tool that embeds `agent-telemetry`: three kinds of tests, from the cheapest on.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::ffi::OsString;
use std::time::Duration;

use acme::{CATALOGUE, Terminal};
use agent_telemetry::testing::{FakeCollector, capture_with};
use agent_telemetry::{CatalogueDoc, Dirs, Inputs, Telemetry};

/// Runs acme; returns its exit code, stdout and stderr.
fn acme(telemetry: &Telemetry, arguments: &[&str]) -> (u64, String, String) {
    let arguments = std::iter::once("acme").chain(arguments.iter().copied()).map(OsString::from);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { stdout: &mut stdout, stderr: &mut stderr, stderr_is_seen: true };
    let code = acme::run(telemetry, arguments, &mut terminal).exit_code.get();
    (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

// 1. What is recorded: into memory, without files, threads or sockets. Most tests are of this kind.

#[test]
fn an_export_is_recorded_with_its_format_and_size() {
    let (telemetry, capture) = capture_with("acme", "1.2.3", &CATALOGUE);
    let (code, stdout, _) = acme(&telemetry, &["export", "--format", "csv", "3"]);
    assert_eq!((code, stdout.as_str()), (0, "0,0\n1,1\n2,4\n"));
    assert_eq!(capture.only("export")["format"], "csv");
    assert_eq!(capture.only("export")["rows"], 3);
    let command = capture.only("command.export");
    assert_eq!((&command["flags"][0], &command["is_success"]), (&"format".into(), &true.into()));
}

#[test]
fn wrong_use_is_recorded_without_what_was_typed() {
    let (telemetry, capture) = capture_with("acme", "1.2.3", &CATALOGUE);
    let (code, _, stderr) = acme(&telemetry, &["export", "--format", "canary", "3"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("canary"), "people are told: {stderr}");
    assert_eq!(capture.only("command.unknown")["error"], "usage");
    capture.assert_no_text(&["canary"]);
}

#[test]
fn help_and_telemetry_commands_are_not_recorded() {
    let (telemetry, capture) = capture_with("acme", "1.2.3", &CATALOGUE);
    assert_eq!(acme(&telemetry, &["--help"]).0, 0);
    assert_eq!(acme(&telemetry, &["telemetry", "status"]).0, 0);
    assert_eq!(capture.records().len(), 0);
}

// 2. Files: a home folder of the test's own, and an environment given as data.

/// A process of acme on a machine with this home folder.
fn process(inputs: Inputs, home: &tempfile::TempDir) -> Telemetry {
    let dirs =
        Dirs::default().config(Some(home.path().join("config"))).state(Some(home.path().join("state")));
    Telemetry::builder("acme", "1.2.3", &CATALOGUE).inputs(inputs).dirs(dirs).build()
}

#[test]
fn the_notice_is_shown_once_and_nothing_is_sent_before() {
    let (collector, home) = (FakeCollector::start(), tempfile::tempdir().unwrap());
    let mut inputs = collector.inputs();
    inputs.enabled = None;
    let (_, _, first) = acme(&process(inputs.clone(), &home), &["export", "--format", "json", "1"]);
    assert!(first.contains("127.0.0.1") && first.contains("acme telemetry disable"), "{first}");
    assert_eq!(collector.requests().len(), 0);
    let (_, _, second) = acme(&process(inputs, &home), &["export", "--format", "json", "1"]);
    assert_eq!(second, "");
}

#[test]
fn off_is_off() {
    let home = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = acme(&process(Inputs::default(), &home), &["telemetry", "disable"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "telemetry is off\n", ""));
    let telemetry = process(Inputs::default(), &home);
    assert_eq!(acme(&telemetry, &["export", "--format", "csv", "1"]), (0, "0,0\n".into(), String::new()));
    assert!(!home.path().join("state").exists(), "nothing was recorded");
    let (_, stdout, _) = acme(&telemetry, &["telemetry", "status"]);
    assert!(stdout.starts_with("telemetry is off, because of: saved choice"), "{stdout}");
}

// 3. The whole way: the bytes that arrive at a collector.

#[test]
fn what_arrives_is_what_the_catalogue_says_and_nothing_else() {
    let (collector, home) = (FakeCollector::start(), tempfile::tempdir().unwrap());
    let telemetry = process(collector.inputs(), &home);
    acme(&telemetry, &["export", "--format", "csv", "7"]);
    assert_eq!(telemetry.flush(Duration::from_secs(20)).left, 0);
    // The catalogue as another program reads it.
    let (_, exported, _) = acme(&telemetry, &["telemetry", "explain", "--json"]);
    let document = CatalogueDoc::from_json(&exported).unwrap();
    for record in collector.wait_for_records(2) {
        assert_eq!(document.check(&record).unwrap().dropped, 0, "{record}");
    }
    assert_eq!(collector.only("export")["rows"], 7);
}

#[test]
fn explain_knows_what_is_collected() {
    let (telemetry, _) = capture_with("acme", "1.2.3", &CATALOGUE);
    let (_, stdout, _) = acme(&telemetry, &["telemetry", "explain", "export.format"]);
    assert!(stdout.contains("which formats are worth keeping"), "{stdout}");
    let (code, _, stderr) = acme(&telemetry, &["telemetry", "explain", "prompt"]);
    assert!(code == 1 && stderr.ends_with("acme: `prompt` is not collected\n"), "{stderr}");
}
