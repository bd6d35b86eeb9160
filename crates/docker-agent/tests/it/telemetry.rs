//! `docker-agent telemetry …`: exit codes and what is said. What it does is the promises' business.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::Home;

#[test]
fn status_is_one_screen_and_says_what_decided() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    let ran = home.run(&["telemetry", "status"]).ok();
    assert!(ran.stdout.lines().count() <= 24, "{}", ran.stdout);
    for part in ["Telemetry is on", "* decides", &server.url(), "1 event, ", "installation", "never"] {
        assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
    }
    let off = home.command(&["telemetry", "status"]).env("DO_NOT_TRACK", "1").output().expect("the program");
    assert!(
        String::from_utf8_lossy(&off.stdout)
            .contains("off: nothing is recorded or sent, because of the variable DO_NOT_TRACK")
    );
}

#[test]
fn status_tells_when_nothing_can_be_kept() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    assert_eq!(home.run(&["telemetry", "status", "--check"]).code, 0);
    // A file where the state folder should be: nobody can write there, not even root.
    std::fs::remove_dir_all(home.path().join(".local")).expect("a folder");
    std::fs::write(home.path().join(".local"), "").expect("a file");
    let ran = home.run(&["telemetry", "status", "--check"]);
    assert_eq!(ran.code, 1);
    let problem = format!("{} cannot be written to: not a folder", home.path().join(".local").display());
    assert!(ran.stdout.starts_with("Telemetry is on, but nothing is recorded or sent:\n"), "{ran:?}");
    assert!(ran.stdout.contains(&problem), "{ran:?}");
    assert_eq!(home.status()["not_kept"], problem);
    let sends = home.with("TELEMETRY_ENABLED", "true").run(&["telemetry", "status", "--check"]).ok();
    assert!(sends.stdout.starts_with("Telemetry is on: events are sent, but cannot be kept"), "{sends:?}");
}

#[test]
fn flush_and_preview_speak_json() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&home.run(arguments).stdout).expect("JSON and nothing else")
    };
    assert_eq!(json(&["telemetry", "flush", "--json"]), json!({ "left": 0, "reason": null }));
    let events: Vec<Value> = json(&["telemetry", "preview", "--json"]).as_array().expect("an array").clone();
    assert!(events.iter().any(|event| event["event"] == "tool"), "{events:?}");
}

#[test]
fn explaining_what_is_not_there_says_what_is() {
    let home = Home::new();
    let ran = home.run(&["telemetry", "explain", "tool.nonsense"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("properties of tool: session_id, agent_name, tool_name,"), "{ran:?}");
    let ran = home.run(&["telemetry", "explain", "nonsense"]);
    assert!(ran.stderr.contains("events: command, session.start,"), "{ran:?}");
}

#[test]
fn status_as_json_has_everything() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_TAGS", "a=b");
    let status = home.status();
    for member in [
        "state",
        "decided_by",
        "inputs",
        "endpoint",
        "user_uuid",
        "dirs",
        "pending",
        "log_bytes",
        "losses",
        "breaker",
    ] {
        assert!(status.get(member).is_some(), "{member} in {status}");
    }
    assert_eq!(status["state"], "held");
    let tags = status["inputs"].as_array().unwrap().iter().find(|input| input["name"] == "TELEMETRY_TAGS");
    assert_eq!(tags.unwrap()["effect"], "ignored");
}

#[test]
fn check_is_1_unless_on() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    assert_eq!(home.run(&["telemetry", "status", "--check"]).code, 1, "held");
    assert_eq!(home.run(&["telemetry", "status", "--check"]).code, 0, "on");
    let _no = home.run(&["telemetry", "disable"]).ok();
    assert_eq!(home.run(&["telemetry", "status", "--check", "--json"]).code, 1, "off");
}

#[test]
fn enable_says_what_stands_against_it() {
    let server = Server::collector();
    let mut home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "False");
    let ran = home.run(&["telemetry", "enable"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("Saved, but TELEMETRY_ENABLED (False) still says off"), "{ran:?}");
    assert!(ran.stdout.ends_with("To turn it on: unset TELEMETRY_ENABLED\n"), "{ran:?}");
    home.unset("TELEMETRY_ENABLED");
    let ran = home.run(&["telemetry", "enable"]).ok();
    assert!(ran.stdout.contains("Telemetry is on"), "{ran:?}");
    let nowhere = Home::new().run(&["telemetry", "enable"]).ok();
    assert!(
        nowhere
            .stdout
            .contains("Nothing is sent yet, everything is kept on this machine: no endpoint in this build"),
        "{nowhere:?}"
    );
}

#[test]
fn yes_and_no_say_how_to_go_back() {
    let home = Home::new();
    let said = |verb: &str| home.run(&["telemetry", verb]).ok().stdout;
    for verb in ["disable", "off"] {
        assert_eq!(said(verb), "Telemetry is off.\nTo turn it on again: docker-agent telemetry enable\n");
    }
    for verb in ["enable", "on"] {
        let back = "To see what waits: docker-agent telemetry log --pending\nTo turn it off: docker-agent telemetry disable\n";
        assert!(said(verb).ends_with(back), "{verb}");
    }
}

#[test]
fn a_choice_that_cannot_be_saved_is_an_error_with_a_hint() {
    let home = Home::new();
    home.write("file", "");
    for verb in ["enable", "disable", "reset-id"] {
        let ran = home.run(&["telemetry", verb, "--config-dir", "file/below"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("hint: "), "{ran:?}");
    }
}

#[test]
fn reset_id_drops_id_and_events() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    let old = home.status()["user_uuid"].clone();
    let ran = home.run(&["telemetry", "reset-id"]).ok();
    assert!(ran.stdout.contains(old.as_str().unwrap()), "{ran:?}");
    assert_eq!(home.pending().len(), 0);
    let _next = home.run(&["version"]).ok();
    let new = home.status()["user_uuid"].clone();
    assert!(new.is_string() && new != old);
}

#[test]
fn flush_is_0_when_nothing_is_left_else_1_with_the_reason() {
    let refusing = Server::start(|_| server::answer(503, "text/plain", ""));
    let mut home = Home::sending_to(&refusing);
    let _shown = home.run(&["telemetry", "status"]).ok();
    let _ran = home.run(&["version"]).ok();
    let ran = home.flush();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("error: 1 event left: "), "{ran:?}");
    // Another endpoint on this machine; the pause of the first does not count.
    let taking = Server::collector();
    home.set("TELEMETRY_ENDPOINT", &taking.url());
    assert_eq!(home.flush().ok().stdout, "Nothing waits.\n");
    assert_eq!(taking.records().len(), 1);
    assert!(Home::quiet().flush().ok().stdout.contains("off"));
}

#[test]
fn log_shows_the_last_requests() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    assert_eq!(home.run(&["telemetry", "log"]).ok().stdout, "No request was made.\n");
    for line in [&["version"] as &[&str], &["frobnicate"]] {
        let mut command = home.command(line);
        let _ = command.env("DOCKER_AGENT_HIDE_TELEMETRY_BANNER", "1").output().expect("the program");
        let _flushed = home.flush();
    }
    let requests = |arguments: &[&str]| {
        let ran = home.run(&[&["telemetry", "log", "--json"], arguments].concat()).ok();
        let lines: Vec<Value> =
            ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        lines
            .iter()
            .filter(|line| line["kind"] == "request")
            .map(|line| line["body"].to_string())
            .collect::<Vec<_>>()
    };
    let all = requests(&[]);
    // A request is logged before it is made; a process may end in between.
    assert!(all.len() >= 2);
    for got in server.got() {
        assert!(all.contains(&json!(got.body).to_string()), "{}", got.body);
    }
    assert_eq!(requests(&["--last", "1"]), all[all.len() - 1..]);
    assert_eq!(requests(&["--last", "99"]), all);
    assert_eq!(requests(&["--last", "0"]), [] as [String; 0]);
}

#[test]
fn log_follows_what_is_sent() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "true");
    let mut command = home.command(&["telemetry", "log", "--follow", "--json"]);
    let mut follower = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program");
    let mut lines = BufReader::new(follower.stdout.take().expect("stdout")).lines();
    for arguments in [&["version"] as &[&str], &["frobnicate"]] {
        let _ran = home.run(arguments);
        let _flushed = home.flush().ok();
        let path = if arguments == ["version"] { "version" } else { "unknown" };
        let is_it = |line: &String| line.contains(&format!("\\\"action\\\":\\\"{path}\\\""));
        lines.by_ref().map(|line| line.expect("a line")).find(is_it).expect("the request");
    }
    follower.kill().expect("an end");
    follower.wait().expect("an end");
}

#[test]
fn explain_answers_for_events_and_properties() {
    let home = Home::quiet();
    let overview = home.run(&["telemetry", "explain"]).ok().stdout;
    for event in ["command", "session.start", "session.end", "tool.call", "token.usage"] {
        assert!(overview.contains(event), "{overview}");
        assert!(home.run(&["telemetry", "explain", event]).ok().stdout.contains("why: "), "{event}");
    }
    let property = home.run(&["telemetry", "explain", "tool.duration_ms"]).ok().stdout;
    assert!(property.contains("milliseconds") && property.contains("why: "), "{property}");
    let json = home.run(&["telemetry", "explain", "session.start", "--json"]).ok().json();
    assert_eq!(json["events"].as_array().unwrap().len(), 1);
    assert_eq!(json["events"][0]["action"], "start");
    let ran = home.run(&["telemetry", "explain", "prompt"]);
    assert!(ran.stderr.contains("hint: events: command, "), "{ran:?}");
}

#[test]
fn preview_is_what_the_collector_accepts() {
    let home = Home::quiet();
    let doc = docker_agent::CATALOGUE.document("docker-agent");
    let preview = home.run(&["telemetry", "preview"]).ok().stdout;
    assert_eq!(preview.lines().count(), doc.events.len());
    for line in preview.lines() {
        let record = serde_json::from_str(line).expect("JSON");
        assert!(doc.check(&record).is_ok(), "{line}: {:?}", doc.check(&record));
    }
}

#[test]
fn what_is_recorded_is_what_the_catalogue_allows() {
    let home = Home::new().with("CHAT_KEY", "x");
    let chat = Server::chat([server::calls("shell", &json!({"cmd": "true"})), server::says("done")]);
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "hi", "--json", "--yolo"]).ok();
    let _ran = home.run(&["frobnicate"]);
    let doc = docker_agent::CATALOGUE.document("docker-agent");
    let records = home.pending();
    assert_eq!(records.len(), 7);
    for record in records {
        let checked = doc.check(&record).unwrap_or_else(|rejection| panic!("{record}: {rejection:?}"));
        assert_eq!(checked.dropped, 0, "{record}");
    }
}
