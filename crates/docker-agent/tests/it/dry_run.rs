//! `run --dry-run`: everything is loaded, and no model is asked.

use crate::server::Server;
use crate::setup::{Home, shape};

#[test]
fn one_line_says_what_would_run() {
    let home = Home::quiet().with("CHAT_KEY", "x");
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let ran = home.run(&["run", &file, "--dry-run"]).ok();
    let folder = home.path().canonicalize().expect("a folder");
    assert_eq!(
        ran.stdout,
        format!("dry run: agent root, model openai/gpt-4o (priced), 14 tools, in {}\n", folder.display())
    );
    let ran = home.run(&["run", &file, "--dry-run", "--json", "--model", "ollama/x", "hello"]).ok();
    let event = ran.json();
    assert_eq!((&event["type"], &event["model"]), (&"dry_run".into(), &"ollama/x".into()));
    assert_eq!(event["is_priced"], false);
    assert_eq!(chat.connections(), 0);
}

#[test]
fn what_would_stop_a_run_is_found() {
    let home = Home::quiet();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let refused = |arguments: &[&str], text: &str| {
        let ran = home.run(&[&["run", &file, "--dry-run"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains(text), "{text} in {ran:?}");
    };
    refused(&[], "the variable CHAT_KEY is not set");
    refused(&["--fake", "missing.yaml"], "cannot read missing.yaml");
    refused(&["--model", "ollama/x", "--working-dir", "nowhere"], "cannot work in nowhere");
    refused(
        &["--model", "google/x"],
        "not supported yet: agent.yaml: provider `google` in the model that was asked for",
    );
    refused(&["--env-from-file", "missing.env"], "missing.env");
    assert_eq!(home.run(&["run", &file, "--dry-run", "--agent", "nobody"]).code, 2);
}

#[test]
fn p8_a_dry_run_is_a_command_and_no_session() {
    let home = Home::new();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "--dry-run", "--model", "ollama/x"]).ok();
    let records = home.pending();
    assert_eq!(shape(&records), ["run 0"]);
    assert_eq!(records[0]["properties"]["flags"], serde_json::json!(["dry-run", "model"]));
}

#[test]
fn a_recording_is_not_begun() {
    let home = Home::quiet();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "--dry-run", "--model", "ollama/x", "--record", "new.yaml"]).ok();
    assert!(!home.path().join("new.yaml").exists());
}
