//! What embedders test with: the capture and the fake collector, against the real sender.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use agent_telemetry::testing::{Behaviour, FakeCollector, capture, capture_with};
use agent_telemetry::{Dirs, Ended, Name, Outcome, SessionOutcome, Telemetry};

use crate::process::{CATALOGUE, session};

const LONG: Duration = Duration::from_secs(20);

/// A tool with a home folder of its own that reports to a fake collector.
fn tool(collector: &FakeCollector, home: &tempfile::TempDir) -> Telemetry {
    let dirs =
        Dirs::default().config(Some(home.path().join("config"))).state(Some(home.path().join("state")));
    Telemetry::builder("acme", "1.2.3", &CATALOGUE).inputs(collector.inputs()).dirs(dirs).build()
}

fn note(telemetry: &Telemetry, tool: &str) -> agent_telemetry::Receipt {
    telemetry.cx().record_tool_call(tool, "", "root", Duration::ZERO, None)
}

/// What a failing assertion says.
fn complaint<R>(assertion: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(assertion)).err().expect("the assertion fails");
    match payload.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

#[test]
fn a_healthy_collector_takes_everything_over_one_connection() {
    let (collector, home) = (FakeCollector::start(), tempfile::tempdir().unwrap());
    let telemetry = tool(&collector, &home);
    telemetry.command("run", session);
    assert_eq!(telemetry.flush(LONG).left, 0);
    assert_eq!(collector.wait_for_records(5).len(), 5);
    assert_eq!(collector.connections(), 1);
    assert_eq!((collector.count("session"), collector.count("session.end")), (2, 1));
    assert_eq!(collector.only("command.run")["exit_code"], 0);
    let request = &collector.wait_for_requests(1)[0];
    assert!(request.head.starts_with("POST /events/v1/track HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("Content-Type"), Some("application/json"));
    assert!(request.json()["client"]["epoch"].is_string());
    collector.assert_no_text(&["a prompt"]);
}

#[test]
fn each_fault_shows_in_what_becomes_of_an_event() {
    let refusing = Behaviour::RejectRecords { indices: vec![0], code: "bad_type".to_owned() };
    for (behaviour, kept) in [
        (Behaviour::answer(503, &[("retry-after", "1")], ""), true),
        (Behaviour::Close, true),
        (Behaviour::answer(404, &[], ""), false),
        (refusing, false),
    ] {
        let home = tempfile::tempdir().unwrap();
        let collector = FakeCollector::behaving(behaviour.clone());
        let telemetry = tool(&collector, &home);
        let outcome = note(&telemetry, "read_file").wait(LONG);
        assert_eq!(outcome == Outcome::Journaled, kept, "{behaviour:?}: {outcome:?}");
        collector.behave(Behaviour::Accept);
        assert_eq!(telemetry.flush(LONG).left, 0, "{behaviour:?}");
    }
}

#[test]
fn silence_and_late_answers() {
    let home = tempfile::tempdir().unwrap();
    let collector = FakeCollector::behaving(Behaviour::NeverAnswer);
    let telemetry = tool(&collector, &home);
    let receipt = note(&telemetry, "read_file");
    assert_eq!(collector.wait_for_requests(1).len(), 1);
    assert_eq!(receipt.wait(Duration::ZERO), Outcome::Journaled);
    drop(collector);

    let home = tempfile::tempdir().unwrap();
    let pause = Duration::from_millis(100);
    let collector = FakeCollector::behaving(Behaviour::AnswerAfter(pause));
    let begun = Instant::now();
    assert_eq!(note(&tool(&collector, &home), "read_file").wait(LONG), Outcome::Delivered);
    assert!(begun.elapsed() >= pause);
}

#[test]
fn one_text_refuses_the_requests_that_contain_it() {
    let home = tempfile::tempdir().unwrap();
    let collector = FakeCollector::behaving(Behaviour::RefuseWith { text: "poison".to_owned(), status: 400 });
    let telemetry = tool(&collector, &home);
    for name in ["a", "b", "poison", "c"] {
        let _ = note(&telemetry, name);
    }
    assert_eq!(telemetry.flush(LONG).left, 0);
    assert_eq!(telemetry.status().losses.rejected, 1);
}

#[test]
fn records_that_arrive_again_are_duplicates() {
    use std::io::{Read as _, Write as _};
    let collector = FakeCollector::start();
    let address = collector.url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let post = || {
        let body = r#"{"records":[{"event_id":"1"},{"event_id":"2"}]}"#;
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(stream, "POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(post(), r#"{"accepted":2,"duplicates":0,"rejected":[]}"#);
    assert_eq!(post(), r#"{"accepted":0,"duplicates":2,"rejected":[]}"#);
    assert_eq!(collector.connections(), 2);
}

#[test]
fn failures_say_what_was_there_instead() {
    let (cx, capture) = capture();
    assert_eq!(
        complaint(|| capture.only("tool")),
        "expected one `tool`, found 0; nothing was recorded (is the event in the catalogue that the test uses?)"
    );
    cx.session(Name::agent("canary-7")).start().end(SessionOutcome::Completed);
    let said = complaint(|| capture.only("session"));
    assert!(said.starts_with("expected one `session`, found 2; recorded:\n  session.start {"), "{said}");
    assert!(said.contains("\n  session.end {"), "{said}");
    let said = complaint(|| capture.assert_no_text(&["nothing", "CANARY"]));
    assert!(said.starts_with("\"CANARY\" is in record 0: …") && said.contains("canary-7"), "{said}");
    assert!(complaint(|| capture.assert_no_text(&[""])).contains("everywhere"));

    let (collector, home) = (FakeCollector::start(), tempfile::tempdir().unwrap());
    assert_eq!(note(&tool(&collector, &home), "canary-8").wait(LONG), Outcome::Delivered);
    let said = complaint(|| collector.assert_no_text(&["canary"]));
    assert!(said.starts_with("\"canary\" is in the body of request 0: …"), "{said}");
}

#[test]
fn a_capture_of_a_tool_knows_its_commands_and_keeps_the_bytes() {
    let (telemetry, capture) = capture_with("acme", "1.2.3", &CATALOGUE);
    telemetry.command_with("run", &["--yolo", "--secret=canary"], |_| Ended::SUCCESS);
    let command = capture.only("command.run");
    assert_eq!(
        (command["flags"].to_string(), command["version"].to_string()),
        (r#"["yolo"]"#.into(), r#""1.2.3""#.into())
    );
    assert_eq!(capture.lines().len(), 1);
    assert!(capture.lines()[0].starts_with(r#"{"event_id":""#));
    capture.assert_no_text(&["canary"]);
}
