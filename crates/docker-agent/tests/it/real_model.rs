//! A model server that this project did not write (llama.cpp with a small model), in each wire format.
//!
//! What a small model says is its own business; looked at are the protocol, the counts and what really happened.
//! `MODEL_SERVER_DIR` names the folder that `.ci/model/install` has filled.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::server::Server;
use crate::setup::Home;

/// Longest start of the server: a gigabyte from a slow disk.
const START: Duration = Duration::from_secs(180);

/// A running model server; it ends with its stdin.
struct ModelServer {
    url: String,
    child: Child,
    _stdin: Option<ChildStdin>,
}

impl ModelServer {
    /// Starts it, or says what is missing.
    fn start() -> Option<Self> {
        let Some(folder) = std::env::var_os("MODEL_SERVER_DIR").map(PathBuf::from) else {
            skip("MODEL_SERVER_DIR, a folder filled by .ci/model/install");
            return None;
        };
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/model");
        let mut child = Command::new(folder.join("venv/bin/python"))
            .arg(ours.join("serve.py"))
            .arg(folder.join("model.gguf"))
            .arg(ours.join("fence.jinja"))
            // Threads that spin while they wait starve everybody else on a small machine.
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the model server's python");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let ready = stdout
                .lines()
                .map_while(Result::ok)
                .find_map(|line| line.strip_prefix("READY ").map(str::to_owned));
            sender.send(ready)
        });
        let url = receiver.recv_timeout(START).ok().flatten().expect("a model server that is ready");
        Some(Self { url, child, _stdin: stdin })
    }

    /// The model in one format, as an agent file has it.
    fn model(&self, format: &str) -> String {
        let (provider, path) =
            if format == "anthropic_messages" { ("anthropic", "") } else { ("openai", "/v1") };
        format!(
            "{{ provider: {provider}, model: qwen, base_url: '{}{path}', temperature: 0, max_tokens: 256, provider_opts: {{ api_type: {format} }} }}",
            self.url
        )
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that something is missing; with `REQUIRE_TOOLS=1` that is a failure.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should see it")]
fn skip(what: &str) {
    assert!(std::env::var_os("REQUIRE_TOOLS").is_none_or(|value| value != "1"), "missing: {what}");
    eprintln!("skipped: missing {what}");
}

fn agent(home: &Home, model: &str) -> String {
    let text = format!(
        "agents:
  root:
    model: m
    instruction: You are a coding agent. Use the tools to answer.
    max_iterations: 4
    toolsets: [{{ type: filesystem, tools: [read_file, write_file] }}]
models:
  m: {model}
"
    );
    home.write("agent.yaml", &text);
    "agent.yaml".to_owned()
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

/// Sums of the usage that a run shows, by count.
fn sums(events: &[Value]) -> (u64, u64, u64) {
    let sum =
        |name: &str| of_type(events, "usage").iter().map(|usage| usage["call"][name].as_u64().unwrap()).sum();
    (sum("input_tokens"), sum("output_tokens"), sum("cached_tokens"))
}

fn reads_a_file(server: &ModelServer, format: &str) {
    let collector = Server::collector();
    let home = Home::sending_to(&collector).with("TELEMETRY_ENABLED", "true");
    home.write("notes.txt", "the answer is 4711\n");
    let agent = agent(&home, &server.model(format));
    let question = "Read the file notes.txt and tell me what it says.";
    let ran = home.run(&["run", "--json", "--record", "tape.yaml", &agent, question]).ok();
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results = of_type(&events, "tool_result");
    assert_eq!(results[0]["name"], "read_file", "{format}: {events:?}");
    assert_eq!((&results[0]["status"], &results[0]["text"]), (&"ok".into(), &"the answer is 4711\n".into()));
    assert!(!of_type(&events, "text_delta").is_empty(), "{format}: {events:?}");
    let usages = of_type(&events, "usage");
    let calls = usages.len() as u64;
    assert_eq!(of_type(&events, "turn_ended")[0]["model_calls"], calls, "{format}");
    let (input, output, cached) = sums(&events);
    // Each request holds the one before, and the server says how much of it it still knew.
    assert!(usages[1]["call"]["input_tokens"].as_u64() > usages[0]["call"]["input_tokens"].as_u64());
    assert!(cached > 0 && cached < input && output >= calls, "{format}: {input} {output} {cached}");
    let total = &usages[usages.len() - 1]["total"];
    assert_eq!(
        (&total["input_tokens"], &total["output_tokens"]),
        (&input.into(), &output.into()),
        "{format}"
    );
    let _ = home.flush().ok();
    let sent = collector.records();
    let tokens: Vec<&Value> = sent.iter().filter(|record| record["event"] == "token").collect();
    let counted =
        |name: &str| tokens.iter().map(|token| token["properties"][name].as_u64().unwrap_or(0)).sum::<u64>();
    assert_eq!(
        (counted("input_tokens"), counted("output_tokens"), counted("cache_read_tokens")),
        (input, output, cached)
    );
    // Nobody knows what such a model costs.
    assert!(tokens.iter().all(|token| token["properties"].get("cost").is_none()), "{tokens:?}");
    // What was recorded plays back without the server.
    let played = home.run(&["run", "--json", "--fake", "tape.yaml", &agent, question]).ok();
    let played: Vec<Value> = played.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(sums(&played), (input, output, cached), "{format}");
}

fn writes_a_file(server: &ModelServer, format: &str) {
    let home = Home::quiet();
    let agent = agent(&home, &server.model(format));
    let question = "Write the word hello into the file greeting.txt.";
    let ran = home.run(&["run", "--json", "--yolo", &agent, question]).ok();
    let greeting = fs::read_to_string(home.path().join("greeting.txt"));
    assert!(greeting.as_ref().is_ok_and(|text| text.contains("hello")), "{format}: {greeting:?} {ran:?}");
}

fn is_too_long(server: &ModelServer, format: &str) {
    let home = Home::quiet();
    let agent = agent(&home, &server.model(format));
    let ran = home.run(&["run", "--json", &agent, &"word ".repeat(6_000)]);
    assert_eq!(ran.code, 1, "{format}: {ran:?}");
    assert!(ran.stdout.contains("\"class\":\"context_too_long\""), "{format}: {ran:?}");
}

#[test]
fn a_server_that_we_did_not_write_in_every_format() {
    let Some(server) = ModelServer::start() else { return };
    for format in ["openai_chatcompletions", "openai_responses", "anthropic_messages"] {
        reads_a_file(&server, format);
        writes_a_file(&server, format);
        is_too_long(&server, format);
    }
}
