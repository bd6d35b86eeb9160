//! P2: off is off, at any time.

use std::fs;

use serde_json::json;

use crate::server::{self, Server};
use crate::setup::{Home, shape};
use crate::tools::tool;

/// Nothing was shown, written or sent.
#[track_caller]
fn assert_off(home: &Home, server: &Server, arguments: &[&str]) {
    let before = home.files(".");
    let ran = home.run(arguments);
    assert_eq!(ran.notices(), 0, "{arguments:?}: {ran:?}");
    assert_eq!(home.files("."), before, "{arguments:?}");
    assert_eq!(server.connections(), 0, "{arguments:?}");
}

#[test]
fn p2_every_way_of_saying_no_in_the_environment() {
    let enabled = ["false", "0", "no", "off", "FALSE", "Off", " no ", "nO"];
    let do_not_track = ["1", "true", "yes", "on", "TRUE", "anything"];
    let ways = enabled.map(|value| ("TELEMETRY_ENABLED", value));
    let ways = ways.into_iter().chain(do_not_track.map(|value| ("DO_NOT_TRACK", value)));
    for (name, value) in ways {
        let server = Server::collector();
        let home = Home::sending_to(&server).with(name, value);
        for arguments in [&["version"] as &[&str], &["--help"], &["frobnicate"], &["telemetry", "flush"]] {
            assert_off(&home, &server, arguments);
        }
        let status = home.status();
        assert_eq!((&status["state"], &status["decided_by"]), (&json!("off"), &json!(name)), "{value:?}");
        assert_eq!(home.files("."), [] as [std::path::PathBuf; 0], "{name}={value}");
    }
}

#[test]
fn p2_a_command_that_does_not_start_proves_nothing() {
    let Some(_) = tool("strace") else { return };
    let home = Home::quiet();
    let ran = home.run(&["telemetry", "prove-off", "--", "no-such-program", "agent.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(ran.stderr.contains("`no-such-program` did not start; nothing is proved"), "{ran:?}");
    let ran = home.run(&["telemetry", "prove-off"]);
    assert!(ran.stdout.contains("Nothing was written, nothing was sent, nobody was asked."), "{ran:?}");
}

#[test]
fn p2_status_says_what_would_turn_it_on() {
    for name in ["DO_NOT_TRACK", "TELEMETRY_ENABLED"] {
        let off = Home::new().with(name, if name == "DO_NOT_TRACK" { "1" } else { "no" });
        let shown = off.run(&["telemetry", "status"]).ok().stdout;
        assert!(shown.ends_with(&format!("Turn it on:     unset {name}\n")), "{shown}");
    }
    let home = Home::new();
    let _off = home.run(&["telemetry", "disable"]).ok();
    let shown = home.run(&["telemetry", "status"]).ok().stdout;
    assert!(shown.ends_with("Turn it on:     telemetry enable\n"), "{shown}");
}

#[test]
fn p2_ways_of_not_saying_no() {
    let ways =
        [("TELEMETRY_ENABLED", ""), ("TELEMETRY_ENABLED", " "), ("DO_NOT_TRACK", ""), ("DO_NOT_TRACK", "0")];
    for (name, value) in ways.into_iter().chain(["false", "No", "off"].map(|value| ("DO_NOT_TRACK", value))) {
        let home = Home::new().with(name, value);
        assert_eq!(home.run(&["version"]).ok().notices(), 1, "{name}={value}");
    }
}

#[test]
fn p2_a_value_that_nobody_understands_means_off_and_one_line() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "maybe");
    let ran = home.run(&["version"]).ok();
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("TELEMETRY_ENABLED=maybe is not understood"), "{ran:?}");
    assert_off(&home, &server, &["version"]);
    assert_eq!(home.status()["state"], "off");
}

#[test]
fn p2_a_consent_file_that_cannot_be_understood_means_off_and_one_line() {
    let contents = [
        "",
        "{",
        "null",
        r#"{"format":2,"choice":"on"}"#,
        r#"{"choice":"on"}"#,
        r#"{"format":1,"choice":"x"}"#,
    ];
    for content in contents {
        let server = Server::collector();
        let home = Home::sending_to(&server);
        home.write(".config/docker-agent/telemetry.json", content);
        let ran = home.run(&["version"]).ok();
        assert_eq!(ran.stderr.lines().count(), 1, "{content}: {ran:?}");
        assert!(ran.stderr.contains("telemetry.json"), "{content}: {ran:?}");
        assert_off(&home, &server, &["version"]);
    }
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "true");
    fs::create_dir_all(home.consent_file()).expect("a folder where a file belongs");
    assert_off(&home, &server, &["version"]);
}

#[test]
fn p2_an_env_file_can_say_off_and_its_on_is_ignored() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "true");
    home.write("off.env", "A=b\nTELEMETRY_ENABLED=false\n");
    home.write("dnt.env", "export DO_NOT_TRACK='1'\n");
    home.write("mistake.env", "this is no line\nTELEMETRY_ENABLED=no\n");
    home.write("on.env", "TELEMETRY_ENABLED=true\nTELEMETRY_ENDPOINT=http://127.0.0.1:9/\n");
    for file in ["off.env", "dnt.env", "mistake.env"] {
        assert_off(&home, &server, &["run", "missing.yaml", "--env-from-file", file]);
        assert_off(
            &home,
            &server,
            &["run", "missing.yaml", "--env-from-file", "on.env", "--env-from-file", file],
        );
        // A refused command line says it, too.
        assert_off(&home, &server, &["run", "--nonsense", "--env-from-file", file]);
        assert_off(&home, &server, &["run", &format!("--env-from-file={file}"), "--model"]);
    }
    let server = Server::collector();
    let home = Home::sending_to(&server);
    home.write("on.env", "TELEMETRY_ENABLED=true\nTELEMETRY_ENDPOINT=http://127.0.0.1:9/\n");
    let held = home.run(&["run", "missing.yaml", "--env-from-file", "on.env"]);
    assert_eq!((held.code, held.notices()), (1, 1));
    assert_eq!(home.pending().len(), 1);
    assert_eq!(server.connections(), 0, "its on is no consent");
}

#[test]
fn p2_any_off_beats_any_on() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "true").with("DO_NOT_TRACK", "1");
    assert_off(&home, &server, &["version"]);

    let mut home = Home::sending_to(&server);
    let _saved = home.run(&["telemetry", "enable"]).ok();
    home.set("TELEMETRY_ENABLED", "off");
    assert_off(&home, &server, &["version"]);

    let mut home = Home::sending_to(&server);
    let _saved = home.run(&["telemetry", "disable"]).ok();
    home.set("TELEMETRY_ENABLED", "true");
    assert_off(&home, &server, &["version"]);
}

#[test]
fn p2_a_no_in_the_default_folder_counts_in_another() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _no = home.run(&["telemetry", "disable"]).ok();
    assert_off(&home, &server, &["version", "--config-dir", "elsewhere"]);
    let enable = home.run(&["telemetry", "enable", "--config-dir", "elsewhere"]);
    assert_eq!(enable.code, 1, "{enable:?}");
    assert!(enable.stdout.contains("default folder"), "{enable:?}");
}

#[test]
fn p2_disable_deletes_what_was_held_and_prints_the_id_once() {
    let server = Server::collector();
    let home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    let id = home.status()["user_uuid"].as_str().expect("an id").to_owned();
    let ran = home.run(&["telemetry", "disable"]).ok();
    assert_eq!(ran.stdout.matches(&id).count(), 1, "{ran:?}");
    assert_eq!(home.files("."), [home.consent_file()]);
    let again = home.run(&["telemetry", "disable"]).ok();
    assert!(!again.stdout.contains(&id), "{again:?}");
    assert_off(&home, &server, &["version"]);
}

#[test]
fn p2_off_deletes_what_an_earlier_run_left() {
    let server = Server::collector();
    let mut home = Home::sending_to(&server);
    let _held = home.run(&["version"]).ok();
    home.set("DO_NOT_TRACK", "1");
    let _off = home.run(&["--help"]).ok();
    home.unset("DO_NOT_TRACK");
    assert_eq!(home.pending().len(), 0);
    assert_eq!(server.connections(), 0);
}

#[test]
fn p2_the_log_of_what_was_sent_stays_unless_purged() {
    let server = Server::collector();
    let home = Home::sending_to(&server).with("TELEMETRY_ENABLED", "1");
    let _sent = home.run(&["version"]).ok();
    let _flushed = home.flush().ok();
    let _no = home.run(&["telemetry", "disable"]).ok();
    assert!(home.run(&["telemetry", "log"]).ok().stdout.contains("\"event\":\"command\""));
    let _no = home.run(&["telemetry", "disable", "--purge"]).ok();
    assert_eq!(home.files("."), [home.consent_file()]);
}

#[test]
fn p2_a_no_in_one_terminal_stops_a_process_in_another() {
    let collector = Server::collector();
    let home = Home::sending_to(&collector).with("TELEMETRY_ENABLED", "1").with("CHAT_KEY", "x");
    let mut other = home.command(&["telemetry", "disable"]);
    let (waiting, other) =
        (collector.clone(), std::sync::Mutex::new(move || other.output().expect("the program")));
    let chat = Server::start(move |_| {
        // What was recorded so far is on its way; then somebody says no.
        waiting.wait_for(1);
        assert!(other.lock().unwrap()().status.success());
        server::answer(200, "text/event-stream", &server::says("hello"))
    });
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "hi"]).ok();
    assert_eq!(shape(&collector.records()), ["session start"]);
    assert_eq!(home.files(".local/state/docker-agent/telemetry/journal"), [] as [std::path::PathBuf; 0]);
    assert!(!home.state().join("telemetry/id").exists());
}
