//! P6: what is not collected cannot be. Everything that a user or a model can choose is made of one word; that word is
//! in no byte that a collector gets, and in no file of telemetry's.

use std::fs;

use serde_json::json;

use crate::server::{self, Server};
use crate::setup::{Home, shape};

const CANARY: &str = "canary";

#[test]
fn p6_nothing_that_was_said_or_read_leaves() {
    let collector = Server::collector();
    let home = Home::sending_to(&collector)
        .with("TELEMETRY_ENABLED", "true")
        .with("CHAT_KEY", "sk-canary-key")
        .with("SOME_VARIABLE", "canary-environment")
        .with("USER", "canary-login")
        .with("HOSTNAME", "canary-host");
    home.write("canary-folder/canary-file.txt", "canary-content");
    let chat = Server::chat([
        server::calls("read_file", &json!({"path": "canary-folder/canary-file.txt"})),
        server::calls("read_file", &json!({"path": "canary-missing.txt"})),
        server::calls("shell", &json!({"cmd": "echo canary-argument; echo canary-error >&2; exit 3"})),
        server::calls("read_file", &json!({"canary-parameter": "canary-value"})),
        server::calls("canary_invented_tool", &json!({})),
        server::says("canary-answer"),
    ]);
    let text = format!(
        "agents:
  root:
    model: canary-model
    description: canary-description
    instruction: canary-instruction
    welcome_message: canary-welcome
    toolsets: [{{type: filesystem}}, {{type: shell}}]
models:
  canary-model: {{provider: openai, model: gpt-4o, base_url: '{}', token_key: CHAT_KEY}}
",
        chat.base_url()
    );
    home.write("canary-agents/canary-agent.yaml", &text);
    home.write("canary.env", "CANARY=canary-variable\n");
    let run: [&str; 11] = [
        "run",
        "canary-agents/canary-agent.yaml",
        "canary-prompt",
        "--yolo",
        "--model",
        "canary-model",
        "--working-dir",
        ".",
        "--env-from-file",
        "canary.env",
        "--debug",
    ];
    let ran = home.run(&run).ok();
    assert_eq!(ran.stdout, "canary-answer\n");
    let _refused = home.run(&["canary-command", "--canary-flag", "canary-positional"]);
    let _refused = home.run(&["run", "canary-missing.yaml", "canary-prompt", "--log-file", "canary.log"]);
    let failing = Server::start(|_| {
        server::answer(400, "application/json", r#"{"error":{"message":"canary-refusal"}}"#)
    });
    let refused = text.replace(&chat.base_url(), &failing.base_url());
    home.write("canary-agents/canary-agent.yaml", &refused);
    assert_eq!(home.run(&["run", "canary-agents/canary-agent.yaml", "canary-prompt"]).code, 1);

    let kept = |home: &Home| {
        for file in home.files(".local/state/docker-agent/telemetry") {
            let content = String::from_utf8_lossy(&fs::read(&file).unwrap()).to_lowercase();
            assert!(!content.contains(CANARY), "{}: {content}", file.display());
            assert!(!file.strip_prefix(home.path()).unwrap().display().to_string().contains(CANARY));
        }
    };
    kept(&home);
    let _flushed = home.flush().ok();
    kept(&home);
    for got in collector.got() {
        let bytes = format!("{}{}", got.head, got.body).to_lowercase();
        assert!(!bytes.contains(CANARY), "{bytes}");
    }
    // All of it was recorded; it is just not in there.
    let mut sent = shape(&collector.records());
    sent.sort();
    let expected = [
        "run 0",
        "run 1 config",
        "run 1 invalid_arguments",
        "session end completed",
        "session end failed",
        "session start",
        "session start",
        "token usage",
        "token usage",
        "token usage",
        "token usage",
        "token usage",
        "token usage",
        "tool read_file error",
        "tool read_file error",
        "tool read_file ok",
        "tool shell error",
        "tool unknown error",
        "unknown 2 usage",
    ];
    assert_eq!(sent, expected);
}

#[test]
fn p6_names_with_private_words_or_hidden_names_are_custom() {
    for (variable, value) in [("USER", "canary"), ("TELEMETRY_NAMES", "hide")] {
        let home = Home::new().with("CHAT_KEY", "x").with(variable, value);
        let chat = Server::chat([server::says("hello")]);
        let text = format!(
            "agents: {{canary-helper: {{model: m}}}}\nmodels: {{m: {{provider: openai, model: canary-model, base_url: '{}', token_key: CHAT_KEY}}}}\n",
            chat.base_url()
        );
        home.write("agent.yaml", &text);
        let _ran = home.run(&["run", "agent.yaml", "hi"]).ok();
        let records = home.pending();
        assert_eq!(records[0]["properties"]["agent_name"], "custom");
        assert_eq!(records[0]["properties"]["model_name"], "custom");
    }
}
