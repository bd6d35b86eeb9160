//! P1: you are told first.

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::{Home, NOTICE, Ran, shape};

/// Command lines of every kind, all of which begin with the notice.
const ANY: [&[&str]; 8] = [
    &["version"],
    &["--help"],
    &["--version"],
    &[],
    &["run"],
    &["run", "missing.yaml", "hello"],
    &["frobnicate"],
    &["telemetry", "status"],
];

#[test]
fn p1_the_first_run_shows_the_notice_and_sends_nothing() {
    for arguments in ANY {
        let server = Server::collector();
        let home = Home::sending_to(&server);
        let ran = home.run(arguments);
        assert_eq!(ran.notices(), 1, "{arguments:?}: {ran:?}");
        assert!(!ran.stdout.contains(NOTICE), "{arguments:?}");
        assert_eq!(server.connections(), 0, "{arguments:?}");
        assert_eq!(home.run(arguments).notices(), 0, "{arguments:?} twice");
    }
}

#[test]
fn p1_the_notice_says_what_why_where_and_how_to_stop() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let stderr = home.run(&["version"]).ok().stderr;
    let host = server.url().trim_start_matches("http://").split('/').next().map(str::to_owned).unwrap();
    for part in [
        "which commands, agents, tools and models",
        "what to improve",
        &host,
        "This run sends nothing",
        "later runs send it unless you say no first",
        "telemetry status",
        "telemetry disable",
        "TELEMETRY_ENABLED=false",
        "DO_NOT_TRACK=1",
    ] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
}

#[test]
fn p1_a_run_after_the_notice_sends_what_was_held_too() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _first = home.run(&["version"]).ok();
    assert_eq!(shape(&home.pending()), ["version 0"]);
    let _second = home.run(&["frobnicate"]);
    let _flushed = home.flush().ok();
    let mut sent = shape(&server.records());
    sent.sort();
    assert_eq!(sent, ["unknown 2 usage", "version 0"]);
}

#[test]
fn p1_no_endpoint_means_kept_here_and_the_notice_says_so() {
    let home = Home::new();
    let ran = home.run(&["version"]).ok();
    assert!(ran.stderr.contains("kept on this machine"), "{ran:?}");
    let _second = home.run(&["version"]).ok();
    assert_eq!(home.status()["state"], "held");
    assert_eq!(home.pending().len(), 2);
    assert_eq!(home.flush().code, 1);
}

/// Runs an agent whose model does not answer before the collector got something: what is sent is sent at once.
fn run_while_waiting_for_delivery(home: &Home, collector: &Server) -> Ran {
    let waiting = collector.clone();
    let chat = Server::start(move |_| {
        waiting.wait_for(1);
        server::answer(200, "text/event-stream", &server::says("hello"))
    });
    let file = home.agent(&chat);
    home.run(&["run", &file, "hi"]).ok()
}

#[test]
fn p1_consent_in_the_environment_sends_at_once_and_still_shows_the_notice_once() {
    let collector = Server::collector();
    let home = Home::sending_to(&collector).with("TELEMETRY_ENABLED", "true").with("CHAT_KEY", "x");
    let ran = run_while_waiting_for_delivery(&home, &collector);
    assert_eq!(ran.notices(), 1, "{ran:?}");
    assert!(ran.stderr.contains("from now on"), "{ran:?}");
    assert_eq!(home.run(&["version"]).ok().notices(), 0);
}

#[test]
fn p1_consent_by_enable_sends_at_once_and_still_shows_the_notice_once() {
    let collector = Server::collector();
    let home = Home::sending_to(&collector).with("CHAT_KEY", "x");
    assert_eq!(home.run(&["telemetry", "enable"]).ok().notices(), 1);
    assert_eq!(collector.connections(), 0);
    let ran = run_while_waiting_for_delivery(&home, &collector);
    assert_eq!(ran.notices(), 0, "{ran:?}");
}

#[test]
fn p1_the_notice_is_not_consumed_by_probes() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    for probe in
        [&["docker-cli-plugin-metadata"] as &[&str], &["__complete", "agent", ""], &["__completeNoDesc", "r"]]
    {
        let ran = home.run(probe).ok();
        assert_eq!(ran.stderr, "", "{probe:?}");
        assert!(!ran.stdout.is_empty(), "{probe:?}");
        assert_eq!(home.files("."), [] as [std::path::PathBuf; 0], "{probe:?}");
    }
    assert_eq!(home.run(&["version"]).ok().notices(), 1);
    assert_eq!(server.connections(), 0);
}

#[test]
fn p1_the_notice_is_not_consumed_by_disable() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    assert_eq!(home.run(&["telemetry", "disable"]).ok().notices(), 0);
    assert_eq!(home.run(&["version"]).ok().notices(), 0, "off needs no notice");
    let _on = home.run(&["telemetry", "enable"]);
    assert_eq!(home.run(&["version"]).ok().notices(), 1);
}

#[test]
fn p1_a_hidden_notice_is_not_shown_so_events_are_held() {
    for variable in ["DOCKER_AGENT_HIDE_TELEMETRY_BANNER", "CAGENT_HIDE_TELEMETRY_BANNER"] {
        let server = Server::collector();
        let mut home = Home::sending_to(&server).with(variable, "1");
        for _ in 0..2 {
            assert_eq!(home.run(&["version"]).ok().stderr, "");
        }
        assert_eq!(home.pending().len(), 2);
        assert_eq!(home.flush().code, 1);
        assert_eq!(server.connections(), 0);
        home.unset(variable);
        assert_eq!(home.run(&["version"]).ok().notices(), 1);
        assert_eq!(server.connections(), 0);
        let _flushed = home.flush().ok();
        assert_eq!(server.records().len(), 3);
    }
}

#[test]
fn p1_dev_null_and_a_full_stderr_show_nothing() {
    for device in ["/dev/null", "/dev/full"] {
        let server = Server::collector();
        let home = Home::sending_to(&server);
        for _ in 0..2 {
            let stderr = File::options().write(true).open(device).expect("a device");
            let mut command = home.command(&["version"]);
            assert!(command.stdout(Stdio::null()).stderr(stderr).status().expect("the program").success());
        }
        assert_eq!(server.connections(), 0, "{device}");
        assert_eq!(home.run(&["version"]).ok().notices(), 1, "{device}: a pipe counts");
        assert_eq!(server.connections(), 0, "{device}");
    }
}

#[test]
fn p1_a_notice_that_cannot_be_remembered_is_shown_again_and_nothing_is_sent() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    home.write("file", "no folder");
    for _ in 0..3 {
        let ran = home.run(&["version", "--config-dir", "file/below"]).ok();
        assert_eq!(ran.notices(), 1);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn p1_a_new_endpoint_elsewhere_is_a_new_notice() {
    let server = Server::collector();
    let mut home = Home::sending_to(&server);
    let _first = home.run(&["version"]).ok();
    home.set("TELEMETRY_ENDPOINT", "https://telemetry.example.com/events/v1/track");
    let ran = home.run(&["telemetry", "status", "--json"]).ok();
    assert_eq!(ran.notices(), 1);
    assert!(ran.stderr.contains("telemetry.example.com"), "{ran:?}");
    assert_eq!((&ran.json()["state"], &ran.json()["decided_by"]), (&json!("held"), &json!("notice")));
    let again = home.run(&["telemetry", "status", "--json"]).ok();
    assert_eq!((again.notices(), &again.json()["state"]), (0, &json!("on")));
}

#[test]
fn p1_a_no_in_between_drops_what_was_held() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["frobnicate"]);
    let _no = home.run(&["telemetry", "disable"]).ok();
    let _yes = home.run(&["telemetry", "enable"]).ok();
    let _later = home.run(&["version"]).ok();
    let _flushed = home.flush().ok();
    assert_eq!(shape(&server.records()), ["version 0"]);
}

#[test]
fn p1_what_is_remembered_is_the_notice_and_no_choice() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _first = home.run(&["version"]).ok();
    let saved: Value = serde_json::from_slice(&fs::read(home.consent_file()).unwrap()).unwrap();
    assert_eq!(saved["choice"], Value::Null);
    assert_eq!(saved["notice"]["endpoint"], json!(server.url()));
}
