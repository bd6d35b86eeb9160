//! MCP servers that other people wrote, in two languages, through the program: what the model gets to read, how the run
//! ends, and what is recorded of it.
//!
//! `.ci/mcp-servers FOLDER` installs them; `MCP_SERVERS_DIR` names the folder.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::Home;
use crate::tools::mcp_server;

/// A run in which a model made calls, one per answer.
struct Ran {
    /// What the model got for each call.
    results: Vec<String>,
    /// What was recorded of each call: name, kind, outcome and class of error.
    recorded: Vec<[String; 4]>,
}

/// Has a model call the tools of a server, whose toolset is called `s`; files are there before.
fn run(program: &Path, arguments: &[&str], files: &[(&str, &str)], calls: &[(&str, Value)]) -> Ran {
    let answers = calls.iter().map(|(tool, arguments)| server::calls(tool, arguments));
    let chat = Server::chat(answers.chain([server::says("Done.")]));
    let home = Home::new().with("CHAT_KEY", "x");
    for (name, content) in files {
        home.write(name, content);
    }
    let server = json!({"type": "mcp", "name": "s", "command": program, "args": arguments});
    let text = format!(
        "agents: {{root: {{model: m, toolsets: [{server}, {{type: shell}}]}}}}
models: {{m: {{provider: openai, model: gpt-4o, base_url: '{}', token_key: CHAT_KEY}}}}
permissions: {{allow: ['s_*', 'shell:cmd=git init*']}}
",
        chat.base_url()
    );
    home.write("agent.yaml", &text);
    let ran = home.run(&["run", "agent.yaml", "go"]).ok();
    assert_eq!(ran.stdout, "Done.\n", "{ran:?}");
    // The last request has the whole conversation.
    let got = chat.got();
    assert_eq!(got.len(), calls.len() + 1, "{ran:?}");
    let messages = got[calls.len()].json()["messages"].as_array().unwrap().clone();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    let results = results.map(|message| message["content"].as_str().unwrap().to_owned()).collect();
    let records = home.pending();
    let calls = records.iter().filter(|record| record["event"] == "tool").map(|record| {
        ["tool_name", "tool_kind", "outcome", "error"]
            .map(|key| record["properties"][key].as_str().unwrap_or("-").to_owned())
    });
    let recorded = calls.collect();
    let last = &records.last().unwrap()["properties"];
    assert_eq!(
        (&last["action"], &last["exit_code"], &last["is_success"]),
        (&json!("run"), &json!(0), &json!(true))
    );
    Ran { results, recorded }
}

#[test]
fn p11_everything() {
    let Some(program) = mcp_server("node_modules/.bin/mcp-server-everything") else { return };
    let calls = [
        ("s_echo", json!({"message": "hello"})),
        ("s_get-sum", json!({"a": 2, "b": 40})),
        ("s_get-sum", json!({"a": "two"})),
        ("s_no-such-tool", json!({})),
    ];
    let Ran { results, recorded } = run(&program, &["stdio"], &[], &calls);
    assert_eq!(results[0], "Echo: hello");
    assert!(results[1].contains("42"), "{results:?}");
    assert!(results[3].contains("there is no tool `s_no-such-tool`"), "{results:?}");
    let expected = [
        ["s_echo", "mcp", "ok", "-"],
        ["s_get-sum", "mcp", "ok", "-"],
        // The server answers, and says itself that this is an error.
        ["s_get-sum", "mcp", "error", "tool_error"],
        // A name that only the model knows is not recorded.
        ["unknown", "builtin", "error", "not_found"],
    ];
    assert_eq!(recorded, expected);
}

#[test]
fn p11_filesystem() {
    let Some(program) = mcp_server("node_modules/.bin/mcp-server-filesystem") else { return };
    let calls = [
        ("s_list_directory", json!({"path": "."})),
        ("s_read_text_file", json!({"path": "a.txt"})),
        ("s_read_text_file", json!({"path": "/etc/hostname"})),
    ];
    let Ran { results, recorded } = run(&program, &["."], &[("a.txt", "alpha\n")], &calls);
    assert!(results[0].contains("[FILE] a.txt"), "{results:?}");
    assert_eq!(results[1], "alpha\n");
    assert!(!results[2].is_empty(), "{results:?}");
    let expected = [
        ["s_list_directory", "mcp", "ok", "-"],
        ["s_read_text_file", "mcp", "ok", "-"],
        ["s_read_text_file", "mcp", "error", "tool_error"],
    ];
    assert_eq!(recorded, expected);
}

#[test]
fn p11_time() {
    let Some(program) = mcp_server("python/bin/mcp-server-time") else { return };
    let calls = [
        ("s_get_current_time", json!({"timezone": "UTC"})),
        ("s_get_current_time", json!({"timezone": "Nowhere/Land"})),
    ];
    let Ran { results, recorded } = run(&program, &["--local-timezone", "UTC"], &[], &calls);
    assert!(results[0].contains("\"UTC\""), "{results:?}");
    assert!(results[1].contains("Nowhere/Land"), "{results:?}");
    let expected =
        [["s_get_current_time", "mcp", "ok", "-"], ["s_get_current_time", "mcp", "error", "tool_error"]];
    assert_eq!(recorded, expected);
}

#[test]
fn p11_git() {
    let Some(program) = mcp_server("python/bin/mcp-server-git") else { return };
    let calls = [
        ("shell", json!({"cmd": "git init -q ."})),
        ("s_git_status", json!({"repo_path": "."})),
        ("s_git_status", json!({"repo_path": "/nowhere"})),
    ];
    let Ran { results, recorded } = run(&program, &[], &[("a.txt", "alpha\n")], &calls);
    assert!(results[1].contains("a.txt"), "{results:?}");
    assert!(results[2].contains("/nowhere"), "{results:?}");
    let expected = [
        ["shell", "builtin", "ok", "-"],
        ["s_git_status", "mcp", "ok", "-"],
        ["s_git_status", "mcp", "error", "tool_error"],
    ];
    assert_eq!(recorded, expected);
}
