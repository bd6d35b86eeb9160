//! P7: you can see it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::server::Server;
use crate::setup::Home;

fn debug_log(home: &Home) -> String {
    fs::read_to_string(home.state().join("docker-agent.debug.log")).expect("a debug log")
}

#[test]
fn p7_debug_prints_each_event_exactly_as_it_is_sent() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let ran = home.run(&["--debug", "version"]).ok();
    assert!(ran.stderr.contains("docker-agent.debug.log"), "{ran:?}");
    let pending = home.run(&["telemetry", "log", "--pending"]).ok().stdout;
    assert_eq!(pending.lines().count(), 1);
    assert!(debug_log(&home).contains(&format!("\ntelemetry event {pending}")), "{}", debug_log(&home));
    let _flushed = home.flush().ok();
    assert!(server.got()[0].body.contains(pending.trim_end()));
    let mode = fs::metadata(home.state().join("docker-agent.debug.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn p7_debug_says_why_nothing_is_sent() {
    let home = Home::new().with("DO_NOT_TRACK", "1");
    let _ran = home.run(&["version", "-d"]).ok();
    assert!(debug_log(&home).contains("telemetry is off, nothing is recorded: DO_NOT_TRACK (1)"));
    assert!(!debug_log(&home).contains("telemetry event"));
    let home = Home::new();
    let _ran = home.run(&["version", "-d"]).ok();
    assert!(debug_log(&home).contains("telemetry is held"), "{}", debug_log(&home));
}

#[test]
fn p7_debug_changes_nothing_about_what_is_sent() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    for _ in 0..2 {
        let _ran = home.run(&["--debug", "version", "--log-file", "other.log"]).ok();
    }
    let _flushed = home.flush().ok();
    assert_eq!(server.records().len(), 2);
    let log = fs::read_to_string(home.path().join("other.log")).expect("the log that was asked for");
    assert_eq!(log.matches("telemetry event ").count(), 2);
    assert!(!home.state().join("docker-agent.debug.log").exists());
}

#[test]
fn p7_log_shows_the_exact_requests_with_the_key_masked() {
    let server = Server::collector();
    let home =
        Home::sending_to(&server).with("TELEMETRY_ENABLED", "1").with("TELEMETRY_API_KEY", "sesame-1234");
    let _ran = home.run(&["version"]).ok();
    let _flushed = home.flush().ok();
    let got = server.got().pop().expect("a request");
    assert!(got.head.contains("sesame-1234"), "{}", got.head);
    let log = home.run(&["telemetry", "log"]).ok().stdout;
    assert!(log.contains(&got.body), "{log}");
    assert!(log.contains(&server.url()) && log.contains("answer 200"), "{log}");
    assert!(log.contains("x-api-key: (masked)") && !log.contains("sesame"), "{log}");
    for header in log.lines().filter(|line| line.starts_with("  ") && !line.contains("(masked)")) {
        assert!(got.head.to_lowercase().contains(&header.trim().to_lowercase()), "{header} in {}", got.head);
    }
}

#[test]
fn p7_what_waits_is_what_is_sent() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    for arguments in [&["version"] as &[&str], &["frobnicate"], &["run"]] {
        // Hidden, so that nothing leaves before it was looked at.
        let mut command = home.command(arguments);
        let _ = command.env("DOCKER_AGENT_HIDE_TELEMETRY_BANNER", "1").output().expect("the program");
    }
    let waits = home.run(&["telemetry", "log", "--pending"]).ok();
    assert_eq!(waits.stdout.lines().count(), 3);
    let _flushed = home.flush().ok();
    let sent: String = server.got().iter().map(|got| got.body.as_str()).collect();
    for record in waits.stdout.lines() {
        assert!(sent.contains(record), "{record}");
    }
    assert_eq!(home.run(&["telemetry", "log", "--pending"]).ok().stdout, "Nothing waits.\n");
}

#[test]
fn p7_an_unwritable_debug_log_is_no_failure() {
    let home = Home::quiet();
    home.write("file", "");
    let ran = home.run(&["--debug", "version", "--log-file", "file/below.log"]).ok();
    assert!(ran.stderr.contains("warning: cannot write the debug log"), "{ran:?}");
}
