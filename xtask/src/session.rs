//! A session to time and to kill: an agent and a conversation that the agent replays, made here.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

/// Tool calls in the session.
const CALLS: usize = 10;
/// Command, session start and end, one event per tool call, one per answer of the model.
pub(crate) const EVENTS: usize = 3 + CALLS + CALLS + 1;
/// How the session is run.
pub(crate) const ARGUMENTS: [&str; 7] =
    ["run", "agent.yaml", "--exec", "--yolo", "--fake", "recording.yaml", "go"];

const AGENT: &str = "\
agents:
  root:
    model: openai/gpt-4o
    instruction: Do it.
    toolsets:
      - type: shell
";

/// Writes the agent and its recording into a folder; each tool call takes as long as `pause`.
pub(crate) fn write(folder: &Path, pause: Duration) -> anyhow::Result<()> {
    std::fs::write(folder.join("agent.yaml"), AGENT).context("cannot write the agent")?;
    std::fs::write(folder.join("recording.yaml"), recording(pause)).context("cannot write the recording")?;
    Ok(())
}

/// JSON is YAML, so the recording needs no writer of its own.
fn recording(pause: Duration) -> String {
    let interactions: Vec<Value> = (0..=CALLS).map(|round| interaction(round, pause)).collect();
    json!({ "version": 2, "interactions": interactions }).to_string()
}

fn interaction(round: usize, pause: Duration) -> Value {
    let mut messages =
        vec![json!({ "role": "system", "content": "" }), json!({ "role": "user", "content": "go" })];
    for _ in 0..round {
        messages.push(json!({ "role": "assistant" }));
        messages.push(json!({ "role": "tool" }));
    }
    let (delta, reason) = if round < CALLS {
        let wait = if pause.is_zero() { ":".to_owned() } else { format!("sleep {}", pause.as_secs_f64()) };
        // Each call differs, so that no guard against repetition steps in.
        let arguments = json!({ "cmd": format!("{wait} # {round}") }).to_string();
        let call = json!({ "index": 0, "id": format!("call_{round}"), "type": "function",
            "function": { "name": "shell", "arguments": arguments } });
        (json!({ "role": "assistant", "tool_calls": [call] }), "tool_calls")
    } else {
        (json!({ "role": "assistant", "content": "Done." }), "stop")
    };
    let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "model": "gpt-4o",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 } });
    json!({
        "id": round,
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions",
            "body": json!({ "model": "gpt-4o", "messages": messages }).to_string(),
        },
        "response": {
            "status": "200 OK",
            "code": 200,
            "duration": "1ms",
            "body": format!("data: {chunk}\n\ndata: [DONE]\n\n"),
        },
    })
}
