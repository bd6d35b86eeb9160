//! MCP servers that other people wrote, in two languages.
//!
//! `.ci/mcp-servers FOLDER` installs them; `MCP_SERVERS_DIR` names the folder.

use std::path::PathBuf;
use std::time::Duration;

use agent_runtime::tools::mcp::ServerSettings;
use agent_runtime::{Reply, ToolStatus, Toolset};
use serde_json::{Value, json};

use crate::server::{Script, Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};

/// A server's program, or nothing if it is not installed and need not be.
#[expect(clippy::print_stderr, reason = "what was skipped has to be seen")]
fn program(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MCP_SERVERS_DIR").map(PathBuf::from);
    let found = folder.map(|folder| folder.join(path)).filter(|program| program.exists());
    if found.is_none() {
        let missing = format!("{path} in MCP_SERVERS_DIR; `.ci/mcp-servers FOLDER` installs it");
        assert_ne!(std::env::var("REQUIRE_TOOLS").as_deref(), Ok("1"), "missing: {missing}");
        eprintln!("skipped: {missing}");
    }
    found
}

fn settings(program: &std::path::Path, args: &[&str]) -> ServerSettings {
    let command = program.display().to_string();
    ServerSettings::new(command, args.iter().copied()).named("s").patience(|patience| {
        (patience.start, patience.call) = (Duration::from_secs(60), Duration::from_secs(60));
    })
}

/// Has a model make calls, one per answer, all allowed; files are there before.
fn run(
    settings: ServerSettings,
    files: &[(&str, &str)],
    list: &[(&str, Value)],
    notes: &mut Notes,
) -> (Vec<(ToolStatus, String)>, Vec<String>) {
    let scripts: Vec<Script> =
        list.iter().map(|call| calls(std::slice::from_ref(call))).chain([says("ok")]).collect();
    let server = Server::start(scripts);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'] }\n");
    let mut stage = Stage::with_toolsets(&text, vec![Toolset::Mcp(settings)]);
    for (name, content) in files {
        stage.write(name, content);
    }
    stage.turn("?", notes);
    stage.runtime.block_on(stage.conversation.close());
    assert_eq!(notes.warnings(), [""; 0]);
    let tools = server.bodies()[0]["tools"].as_array().unwrap().clone();
    let names = tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect();
    (notes.results().into_iter().map(|(_, status, text)| (status, text)).collect(), names)
}

#[test]
fn everything() {
    let Some(program) = program("node_modules/.bin/mcp-server-everything") else { return };
    let mut notes = Notes { replies: vec![Reply::Decline], ..Notes::default() };
    let (found, names) = run(
        settings(&program, &["stdio"]),
        &[],
        &[
            ("s_echo", json!({ "message": "hello" })),
            ("s_get-sum", json!({ "a": 2, "b": 40 })),
            ("s_get-sum", json!({ "a": "x" })),
            ("s_get-tiny-image", json!({})),
            ("s_get-structured-content", json!({ "location": "New York" })),
            ("s_trigger-elicitation-request", json!({})),
            ("s_trigger-long-running-operation", json!({ "duration": 1, "steps": 2 })),
        ],
        &mut notes,
    );
    assert!(names.len() >= 14 + 10, "{names:?}");
    assert_eq!(found[0], (ToolStatus::Ok, "Echo: hello".to_owned()));
    assert!(found[1].1.contains("42"), "{:?}", found[1]);
    assert_eq!(found[2].0, ToolStatus::Error, "{:?}", found[2]);
    assert!(found[3].1.contains("[image: image/png, ") && found[3].1.len() < 1_000, "{:?}", found[3]);
    assert!(found[4].1.contains("temperature"), "{:?}", found[4]);
    assert!(found[5].1.contains("declined"), "{:?}", found[5]);
    assert_eq!(notes.asked().len(), 1);
    assert_eq!(found[6].0, ToolStatus::Ok, "{:?}", found[6]);
}

#[test]
fn filesystem() {
    let Some(program) = program("node_modules/.bin/mcp-server-filesystem") else { return };
    let (found, _) = run(
        settings(&program, &["."]),
        &[("a.txt", "alpha\n")],
        &[
            ("s_list_directory", json!({ "path": "." })),
            ("s_read_text_file", json!({ "path": "a.txt" })),
            ("s_read_text_file", json!({ "path": "/etc/hostname" })),
        ],
        &mut Notes::default(),
    );
    assert_eq!(found[0].0, ToolStatus::Ok);
    assert!(found[0].1.contains("[FILE] a.txt"), "{:?}", found[0]);
    assert_eq!(found[1], (ToolStatus::Ok, "alpha\n".to_owned()));
    assert_eq!(found[2].0, ToolStatus::Error, "{:?}", found[2]);
}

#[test]
fn time() {
    let Some(program) = program("python/bin/mcp-server-time") else { return };
    let (found, names) = run(
        settings(&program, &["--local-timezone", "UTC"]),
        &[],
        &[
            ("s_get_current_time", json!({ "timezone": "UTC" })),
            ("s_get_current_time", json!({ "timezone": "Nowhere/Land" })),
        ],
        &mut Notes::default(),
    );
    assert!(names.ends_with(&["s_get_current_time".to_owned(), "s_convert_time".to_owned()]), "{names:?}");
    assert!(found[0].0 == ToolStatus::Ok && found[0].1.contains("\"UTC\""), "{:?}", found[0]);
    assert_eq!(found[1].0, ToolStatus::Error, "{:?}", found[1]);
}

#[test]
fn git() {
    let Some(program) = program("python/bin/mcp-server-git") else { return };
    let (found, _) = run(
        settings(&program, &[]),
        &[("a.txt", "alpha\n")],
        &[
            ("shell", json!({ "cmd": "git init -q ." })),
            ("s_git_status", json!({ "repo_path": "." })),
            ("s_git_status", json!({ "repo_path": "/nowhere" })),
        ],
        &mut Notes::default(),
    );
    assert!(found[1].0 == ToolStatus::Ok && found[1].1.contains("a.txt"), "{:?}", found[1]);
    assert_eq!(found[2].0, ToolStatus::Error, "{:?}", found[2]);
}
