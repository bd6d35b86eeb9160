//! What a tool call costs beside the command that it runs: `cargo bench -p agent-runtime`.
//!
//! One answer of a model asks for 200 commands; the yardstick is a loop that starts the same shell as often. Both
//! are measured several times, in turns, and the best of each is compared.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agent_runtime::{
    Agent, Answer, Approval, BoxFuture, Cancel, Choice, Confirmation, Conversation, Environment, Event,
    Frontend, Settings, Transport, TurnOutcome, config, http,
};
use serde_json::json;

const CALLS: usize = 200;
const ROUNDS: usize = 7;

struct Quiet;

impl Frontend for Quiet {
    fn event(&mut self, _event: &Event) {}

    fn confirm<'a>(&'a mut self, _request: &'a Confirmation) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::ready(Answer::NobodyToAsk))
    }
}

fn main() {
    let (mut calls, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        calls = calls.min(tool_calls());
        bare = bare.min(spawns());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e3 / CALLS as f64;
    let ratio = calls.as_secs_f64() / bare.as_secs_f64();
    println!("{CALLS} shell calls: {:.3} ms each", each(calls));
    println!("{CALLS} bare spawns: {:.3} ms each", each(bare));
    println!("ratio: {ratio:.2} (limit 1.5)");
}

fn spawns() -> Duration {
    let begun = Instant::now();
    for number in 0..CALLS {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("echo {number}")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success());
    }
    begun.elapsed()
}

/// Takes one turn with all calls and returns how long the turn took.
fn tool_calls() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let provider = std::thread::spawn(move || {
        let list: Vec<_> = (0..CALLS)
            .map(|number| {
                let arguments = json!({ "cmd": format!("echo {number}") }).to_string();
                let function = json!({ "name": "shell", "arguments": arguments });
                json!({ "index": number, "id": format!("c{number}"), "function": function })
            })
            .collect();
        serve(
            &listener,
            &json!({ "choices": [{ "delta": { "tool_calls": list }, "finish_reason": "tool_calls" }] }),
        );
        serve(&listener, &json!({ "choices": [{ "delta": { "content": "ok" }, "finish_reason": "stop" }] }));
    });
    let file = format!(
        "agents: {{ root: {{ model: m, toolsets: [{{ type: shell }}] }} }}\n\
         models: {{ m: {{ provider: openai, model: gpt-4o, base_url: '{base_url}' }} }}\n"
    );
    let environment = Environment::new(
        [("OPENAI_API_KEY", "k"), ("PATH", "/usr/bin:/bin")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let config = config::from_yaml("agent.yaml", &file).unwrap();
    let agent = Agent::new(&config, &Choice::default(), &environment).unwrap();
    let (cx, _capture) = agent_telemetry::testing::capture();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path()).approval(Approval::All);
    let transport = Transport::live(http::Options::new("bench/1", &environment));
    let mut conversation = Conversation::new(agent, transport, settings, &environment, &cx).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let outcome = runtime.block_on(conversation.turn("?", &mut Quiet, &Cancel::new()));
    let took = begun.elapsed();
    assert_eq!(outcome, TurnOutcome::Completed);
    provider.join().unwrap();
    took
}

/// Answers one request with one chunk.
fn serve(listener: &TcpListener, chunk: &serde_json::Value) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    write!(stream, "{head}data: {chunk}\n\ndata: [DONE]\n\n").unwrap();
}
