//! P7: you can see it, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_telemetry::{Inputs, LogLine, Outcome, Telemetry};

use crate::process::{CATALOGUE, LONG, Machine};
use crate::server::{Behaviour, Reply, Server};

#[test]
fn p7_the_log_holds_the_exact_requests_and_answers() {
    let server = Server::start(Behaviour::Answer(200, "", r#"{"accepted":5}"#));
    let machine = Machine::consenting(&server).with("TELEMETRY_API_KEY", "secret-key");
    let telemetry = machine.process();
    for input in 0..3 {
        let receipt = telemetry.cx().record_token_usage("gpt-4o", input, 2, 0.5);
        assert_eq!(receipt.wait(Duration::from_secs(20)), Outcome::Delivered);
    }
    let log = telemetry.log();
    let bodies: Vec<&String> = log
        .iter()
        .filter_map(|line| if let LogLine::Request { body, .. } = line { Some(body) } else { None })
        .collect();
    let got = server.got();
    assert_eq!(bodies, got.iter().map(|got| &got.body).collect::<Vec<_>>());
    let is_answer = |line: &&LogLine| matches!(line, LogLine::Answer { status: 200, body, .. } if body == r#"{"accepted":5}"#);
    assert_eq!(log.iter().filter(is_answer).count(), 3, "{log:?}");
    let text = std::fs::read_to_string(machine.state().join("log/requests.jsonl")).unwrap();
    assert!(!text.contains("secret-key") && text.contains("(masked)"));
    let LogLine::Request { headers, url, .. } = &log[0] else { panic!("a request comes first") };
    assert_eq!(*url, server.url());
    let mut sent: Vec<String> = got[0].head.lines().skip(1).map(str::to_ascii_lowercase).collect();
    let mut logged: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            let value = if name == "x-api-key" { "secret-key" } else { value };
            format!("{name}: {value}").to_ascii_lowercase()
        })
        .collect();
    sent.sort();
    logged.sort();
    assert_eq!(logged, sent, "every header, and no other");
}

#[test]
fn p7_a_request_is_in_the_log_when_it_arrives() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let log = machine.state().join("log/requests.jsonl");
    server.behave(Behaviour::each(move |got| {
        let logged = std::fs::read_to_string(&log).unwrap_or_default();
        let body = serde_json::to_string(&got.body).unwrap();
        if logged.contains(&body) { Reply::ok() } else { Reply::status(400) }
    }));
    let receipt = machine.process().cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(Duration::from_secs(20)), Outcome::Delivered);
}

#[test]
fn p7_a_request_that_found_nobody_is_logged() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server).with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/x");
    let _ = machine
        .process()
        .cx()
        .record_token_usage("gpt-4o", 1, 2, 0.5)
        .wait(std::time::Duration::from_secs(20));
    let log = machine.process().log();
    assert!(matches!(&log[0], LogLine::Request { .. }));
    assert!(matches!(&log[1], LogLine::Failure { reason, .. } if reason == "no connection"), "{log:?}");
}

#[test]
fn p7_pending_and_observer_show_the_bytes_that_are_sent() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&seen);
    let home = machine.home.path().as_os_str().to_owned();
    let lookup = |name: &str| match name {
        "HOME" => Some(home.clone()),
        "TELEMETRY_ENDPOINT" => Some(server.url().into()),
        _ => None,
    };
    let telemetry = Telemetry::builder("acme", "1.2.3", &CATALOGUE)
        .inputs(Inputs::from_lookup(lookup))
        .dirs(agent_telemetry::Dirs::from_lookup("acme", lookup))
        .observer(move |record| own.lock().unwrap().push(record.to_owned()))
        .build();
    crate::process::show_notice(&telemetry);
    telemetry.command("run", crate::process::session);
    let pending = telemetry.pending();
    drop(telemetry);
    assert_eq!(pending, *seen.lock().unwrap());
    assert_eq!(machine.flush(), 0);
    let body = &server.got()[0].body;
    for record in &pending {
        assert!(body.contains(record.as_str()));
    }
}

#[test]
fn p7_the_log_keeps_the_last_four_to_eight_mebibytes() {
    const FULL: usize = 4 * 1024 * 1024;
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let folder = machine.state().join("log");
    let (current, previous) = (folder.join("requests.jsonl"), folder.join("requests.1.jsonl"));
    // Sends something after a log of so many bytes.
    let send_after = |mark: &str, bytes: usize| {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&current, format!("{}\n", mark.repeat(bytes - 1))).unwrap();
        let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
        // The answer is noted before the receipt knows it.
        assert!(matches!(telemetry.log()[..], [.., LogLine::Request { .. }, LogLine::Answer { .. }]));
    };
    send_after("a", FULL - 8 * 1024);
    assert!(!previous.exists(), "there was room");
    for mark in ["b", "c"] {
        send_after(mark, FULL);
        let kept = std::fs::read_to_string(&previous).unwrap();
        assert!(kept.len() == FULL && kept.starts_with(mark));
        assert_eq!(telemetry.log().len(), 2);
        assert_eq!(telemetry.status().log_bytes, FULL as u64 + current.metadata().unwrap().len());
    }
}
