//! Background jobs: started, looked at, stopped, and gone with the conversation.

use agent_runtime::{Event, ToolStatus};
use serde_json::{Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};
use crate::shell::assert_gone;

fn start(cmd: &str) -> (&'static str, Value) {
    ("run_background_job", json!({ "cmd": cmd }))
}

fn job(tool: &'static str, id: &str) -> (&'static str, Value) {
    (tool, json!({ "job_id": id }))
}

fn stage(server: &Server) -> Stage {
    Stage::with_file(&agent_file(&server.base_url, "permissions: { allow: ['*'] }\n"))
}

/// Durations are different every time.
fn without_seconds(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once(", ").and_then(|(a, rest)| Some((a, rest.split_once(" s, ")?.1))) {
            Some((a, b)) => format!("{a}, {b}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// Waits for a file that a job writes. A job is another process; nothing here tells when it is so far.
fn wait_for(stage: &Stage, name: &str) {
    let path = stage.folder.path().join(name);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')) {
        assert!(std::time::Instant::now() < deadline, "{name} never came");
        std::thread::yield_now();
    }
}

#[test]
fn jobs_outlive_a_turn_and_are_seen_in_the_next() {
    let server = Server::start([
        calls(&[start("echo hello; echo $$ > pid; sleep 1000"), start("echo no >&2; exit 3")]),
        says("started"),
        calls(&[
            ("shell", json!({ "cmd": "while ! [ -s pid ]; do :; done" })),
            job("view_background_job", "job_1"),
            job("stop_background_job", "job_1"),
            job("stop_background_job", "job_1"),
            ("list_background_jobs", json!({})),
            job("view_background_job", "job_2"),
            job("view_background_job", "job_3"),
        ]),
        says("ok"),
    ]);
    let mut stage = stage(&server);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.results()[0].2, "started job_1");
    wait_for(&stage, "pid");
    let pid = stage.read("pid").trim().to_owned();
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_gone(&pid);
    let found: Vec<(ToolStatus, String)> = notes
        .results()
        .into_iter()
        .skip(1)
        .map(|(_, status, text)| (status, without_seconds(&text)))
        .collect();
    let cmd = "echo hello; echo $$ > pid; sleep 1000";
    let failed = "job_2 [exit status: 3, 3 bytes] echo no >&2; exit 3\n";
    let expected = [
        (ToolStatus::Ok, format!("job_1 [running, 6 bytes] {cmd}\nhello\n")),
        (ToolStatus::Ok, "stopped job_1\n".to_owned()),
        (ToolStatus::Ok, "job_1 has ended already\n".to_owned()),
        (ToolStatus::Ok, format!("job_1 [stopped, 6 bytes] {cmd}\n{failed}")),
        (ToolStatus::Ok, format!("{failed}no\n")),
        (ToolStatus::Error, "job_id: there is no job `job_3`\n".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn looking_is_unasked_and_starting_is_not() {
    let server = Server::start([
        calls(&[
            ("list_background_jobs", json!({})),
            job("view_background_job", "job_1"),
            start("touch ran"),
            job("stop_background_job", "job_1"),
        ]),
        says("ok"),
    ]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.questions(), 2);
    assert!(!stage.folder.path().join("ran").exists());
}

#[test]
fn a_denied_command_is_denied_as_a_job_too() {
    let server = Server::start([calls(&[start("rm -rf x")]), says("ok")]);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'], deny: ['*:cmd=rm *'] }\n");
    let mut stage = Stage::with_file(&text);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.results()[0].1, ToolStatus::Denied);
}

#[test]
fn twenty_jobs_run_at_most() {
    let list: Vec<_> = (0..21).map(|number| start(&format!("sleep 1000; : {number}"))).collect();
    let server = Server::start([calls(&list), says("ok")]);
    let mut stage = stage(&server);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let results = notes.results();
    assert_eq!(results[19].2, "started job_20");
    assert_eq!(
        (results[20].1, results[20].2.as_str()),
        (ToolStatus::Error, "20 jobs run already, stop one first")
    );
}

#[test]
fn a_job_that_never_stops_writing_costs_no_memory_to_speak_of() {
    let server = Server::start([
        calls(&[
            start("echo first; yes | head -c 50000000; echo last; echo done > done; sleep 1000"),
            ("shell", json!({ "cmd": "while ! [ -s done ]; do :; done" })),
            job("stop_background_job", "job_1"),
            job("view_background_job", "job_1"),
        ]),
        says("ok"),
    ]);
    let mut stage = stage(&server);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let text = &notes.results()[3].2;
    assert!(text.contains("50000011 bytes]"), "{}", &text[..100]);
    assert!(text.ends_with("y\nlast\n") && text.contains("\nfirst\ny"), "{}", &text[..100]);
    assert!(text.len() < 31_000, "{}", text.len());
}

/// What ends a conversation ends its jobs, those that ignore being asked included.
fn gone_after(end: impl FnOnce(Stage)) {
    let cmd = "trap '' TERM; sleep 1000 & echo $! > child; echo $$ > pid; while :; do sleep 1000; done";
    let server = Server::start([calls(&[start(cmd)]), says("ok")]);
    let mut stage = stage(&server);
    stage.turn("?", &mut Notes::default());
    wait_for(&stage, "pid");
    let pids = [stage.read("pid"), stage.read("child")];
    end(stage);
    for pid in pids {
        assert_gone(pid.trim());
    }
}

#[test]
fn jobs_end_when_a_conversation_is_closed() {
    gone_after(|mut stage| stage.runtime.block_on(stage.conversation.close()));
}

#[test]
fn jobs_end_when_a_conversation_is_finished() {
    gone_after(|stage| drop(stage.finish()));
}

#[test]
fn jobs_end_when_everything_is_dropped() {
    gone_after(drop);
}

#[test]
fn cancelling_a_turn_leaves_jobs_alone() {
    let server = Server::start([
        calls(&[start("sleep 1000"), ("shell", json!({ "cmd": "echo x > begun; sleep 1000" }))]),
        calls(&[("list_background_jobs", json!({}))]),
        says("ok"),
    ]);
    let mut stage = stage(&server);
    stage.turn_cancelled_by("begun", &mut Notes::default());
    stage.cancel = agent_runtime::Cancel::new();
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert!(notes.results()[0].2.starts_with("job_1 [running, "), "{:?}", notes.results());
    assert!(notes.events.iter().any(|event| matches!(event, Event::TurnEnded { .. })));
}
