//! Permission patterns: err to the safe side, in every spelling.

use agent_runtime::tools::permissions::Pattern;
use agent_runtime::{Answer, Approval, Event, ToolStatus};
use serde_json::{Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};

/// What becomes of calls under some permissions, with a user who says no.
fn outcomes(permissions: &str, list: &[(&str, Value)]) -> Vec<&'static str> {
    let server = Server::start([calls(list), says("ok")]);
    let mut stage = Stage::with_file(&agent_file(&server.base_url, &format!("permissions: {permissions}\n")));
    stage.write("src/a.rs", "x");
    stage.write("secrets/key", "x");
    std::os::unix::fs::symlink("secrets", stage.folder.path().join("innocent")).unwrap();
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let mut outcomes: Vec<&'static str> = Vec::new();
    let mut asked = false;
    for event in &notes.events {
        match event {
            Event::ToolConfirmationRequest { .. } => asked = true,
            Event::ToolResult { status, .. } => outcomes.push(match (status, std::mem::take(&mut asked)) {
                (ToolStatus::Denied, true) => "asked",
                (ToolStatus::Denied, false) => "denied",
                _ => "ran",
            }),
            _ => {}
        }
    }
    outcomes
}

fn shell(cmd: &str) -> (&'static str, Value) {
    ("shell", json!({ "cmd": cmd }))
}

fn read(path: &str) -> (&'static str, Value) {
    ("read_file", json!({ "path": path }))
}

#[test]
fn tools_by_name_and_glob() {
    let list = [shell("true"), ("write_file", json!({ "path": "x", "content": "" })), read("src/a.rs")];
    assert_eq!(outcomes("{}", &list), ["asked", "asked", "ran"]);
    assert_eq!(outcomes("{ allow: [SHELL] }", &list), ["ran", "asked", "ran"]);
    assert_eq!(outcomes("{ allow: ['*'], deny: ['write_*'] }", &list), ["ran", "denied", "ran"]);
    assert_eq!(outcomes("{ ask: ['read_*'] }", &list), ["asked", "asked", "asked"]);
    assert_eq!(outcomes("{ allow: ['*'], ask: ['*'], deny: ['*'] }", &list), ["denied", "denied", "denied"]);
}

#[test]
fn an_allowed_command_brings_no_other_along() {
    let list = [
        shell("git status"),
        shell("git status; rm -rf x"),
        shell("git status && x"),
        shell("git $(x)"),
        shell("git `x`"),
        shell("git status\nrm x"),
        shell("git > x"),
        shell("GIT log"),
        shell("gitx"),
    ];
    assert_eq!(
        outcomes("{ allow: ['shell:cmd=git *'] }", &list),
        ["ran", "asked", "asked", "asked", "asked", "asked", "asked", "ran", "asked"]
    );
}

#[test]
fn a_denied_command_is_found_wherever_the_stars_lead() {
    let list = [shell("rm -rf x"), shell("  rm x"), shell("cd /tmp/a/b; rm x"), shell("echo arm")];
    assert_eq!(
        outcomes("{ allow: [shell], deny: ['shell:cmd=rm*', 'shell:cmd=*; rm *'] }", &list),
        ["denied", "denied", "denied", "ran"]
    );
}

#[test]
fn a_denied_path_is_found_in_every_spelling() {
    let list = [
        read("secrets/key"),
        read("./src/../secrets/key"),
        read("innocent/key"),
        ("read_multiple_files", json!({ "paths": ["src/a.rs", "innocent/key"] })),
        read("src/a.rs"),
    ];
    let denied = "{ deny: ['read_*:path=secrets/*', 'read_*:paths=secrets/*'] }";
    assert_eq!(outcomes(denied, &list), ["denied", "denied", "denied", "denied", "ran"]);
}

#[test]
fn a_pattern_for_paths_may_be_spelled_in_any_way_too() {
    let list = [read("secrets/key"), read("innocent/key"), read("src/a.rs")];
    for denied in ["./secrets/*", "src/../secrets/*", "innocent/*", "secrets/key", "./src/../secrets/key"] {
        let permissions = format!("{{ deny: ['read_file:path={denied}'] }}");
        assert_eq!(outcomes(&permissions, &list), ["denied", "denied", "ran"], "{denied}");
    }
    assert!(Pattern::parse("read_file:path=~/.ssh/*").is_err());
}

#[test]
fn nothing_beats_deny() {
    let rules = "permissions: { allow: ['*'], deny: ['shell:cmd=rm *'] }\n";
    let asked = "permissions: { deny: ['shell:cmd=rm *'] }\n";
    for (rules, approval) in [(rules, Approval::All), (asked, Approval::Each)] {
        let server = Server::start([
            calls(&[shell("true"), shell("rm x")]),
            says("ok"),
            calls(&[shell("RM y")]),
            says("ok"),
        ]);
        let file = agent_file(&server.base_url, rules);
        let mut stage = Stage::with(&file, |options| options, |settings| settings.approval(approval));
        let mut notes = Notes::answering([Answer::All]);
        stage.turn("?", &mut notes);
        stage.turn("?", &mut notes);
        let statuses: Vec<ToolStatus> = notes.results().into_iter().map(|(_, status, _)| status).collect();
        assert_eq!(statuses, [ToolStatus::Ok, ToolStatus::Denied, ToolStatus::Denied]);
    }
}

#[test]
fn an_allowed_path_counts_by_where_it_leads() {
    let list = [
        ("write_file", json!({ "path": "src/b.rs", "content": "" })),
        ("write_file", json!({ "path": "src/../secrets/key", "content": "" })),
        ("write_file", json!({ "path": "src/../../x", "content": "" })),
        ("create_directory", json!({ "paths": ["src/x", "y"] })),
        ("create_directory", json!({ "paths": ["src/x", "src/y"] })),
        ("create_directory", json!({ "paths": [] })),
    ];
    let allowed = "{ allow: ['write_file:path=src/*', 'create_directory:paths=src/*'] }";
    assert_eq!(outcomes(allowed, &list), ["ran", "asked", "asked", "asked", "ran", "asked"]);
}

#[test]
fn values_may_contain_colons_and_wrong_patterns_are_refused() {
    assert!(Pattern::parse("fetch:urls=https://example.com/*").is_ok());
    assert_ne!(Pattern::parse("shell:cmd=a:cwd=b").unwrap(), Pattern::parse("shell:cmd=a:cwd").unwrap());
    for wrong in ["", " ", ":cmd=x", "cmd=x", "shell:cmd", "shell:cmd=[ab]", "shell:cmd=a\\*"] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}
