//! P11: a recorded conversation of two agents, with everything that can happen in one, yields exactly the events that
//! one would write by hand.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};

use crate::server::PATIENCE;
use crate::setup::{Home, Ran};

const AGENTS: &str = "
agents:
  root:
    model: large
    fallback: {models: [small], retries: -1, cooldown: 1h}
    instruction: You lead.
    sub_agents: [worker]
    toolsets: [{type: shell}]
  worker:
    model: small
    instruction: You work.
    toolsets: [{type: shell}, {type: filesystem}]
models:
  large: {provider: openai, model: gpt-4o, base_url: 'http://127.0.0.1:8080/v1'}
  small: {provider: openai, model: gpt-4o-mini, base_url: 'http://127.0.0.1:8080/v1'}
permissions: {allow: [shell], deny: [remove_directory]}
";

/// The recording, as the project keeps it.
fn recording() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/release.yaml");
    fs::read_to_string(file).expect("the recording")
}

/// Plays the recording, and presses Ctrl-C when the last tool runs: everything that was recorded.
fn records() -> Vec<Value> {
    let home = Home::new();
    home.write("agent.yaml", AGENTS);
    home.write("release.yaml", &recording());
    // The last tool says that it runs by writing to a pipe.
    let fifo = home.path().join("started");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).expect("a pipe");
    let messages = ["Prepare the release.", "Then set the tag."];
    let mut command =
        home.command(&["run", "agent.yaml", messages[0], messages[1], "--fake", "release.yaml", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    // If it never does, the test ends all the same.
    let (heard, word) = mpsc::channel();
    std::thread::spawn(move || heard.send(fs::read_to_string(&fifo)));
    let word = word.recv_timeout(PATIENCE).expect("a tool that runs");
    assert_eq!(word.expect("a word from the tool"), "started\n");
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    let ran = Ran::of(&child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 130, "{ran:?}");
    home.pending()
}

/// Every record in a line: its event, then all of its properties by name. Sessions are numbered in the order of their
/// appearance; how long something took is `_`; what every event has beside these is left out.
fn lines(records: &[Value]) -> Vec<String> {
    const COMMON: [&str; 7] = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema"];
    let mut sessions: Vec<String> = Vec::new();
    let mut word = |name: &str, value: &Value| match (name, value) {
        ("session_id" | "parent_session_id", Value::String(id)) => {
            let known = sessions.iter().position(|known| known == id);
            let number = known.unwrap_or_else(|| {
                sessions.push(id.clone());
                sessions.len() - 1
            });
            format!("s{number}")
        }
        ("duration_ms", Value::Number(_)) => "_".to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    };
    let mut line = |record: &Value| {
        let mut properties: Map<String, Value> =
            record["properties"].as_object().expect("properties").clone();
        properties.retain(|name, _| !COMMON.contains(&name.as_str()));
        let mut names: Vec<&String> = properties.keys().collect();
        names.sort();
        let words = names.iter().map(|name| format!("{name}={}", word(name, &properties[*name])));
        format!("{} {}", record["event"].as_str().expect("an event"), words.collect::<Vec<_>>().join(" "))
    };
    records.iter().map(&mut line).collect()
}

#[test]
fn p11_a_recorded_conversation_yields_the_events_that_one_would_write_by_hand() {
    // A million tokens cost, in dollars: gpt-4o 2.50 in, 1.25 from the cache, 10.00 out; gpt-4o-mini 0.15 and 0.60.
    let expected = [
        // The conversation begins with the model that the file names.
        "session action=start agent_name=root model_name=gpt-4o model_provider=openai session_id=s0",
        // 600 · 2.50 + 400 · 1.25 + 20 · 10.00 = 2,200 millionths.
        "token action=usage agent_name=root cache_read_tokens=400 cost=0.0022 duration_ms=_ input_tokens=1000 \
         model_name=gpt-4o model_provider=openai output_tokens=20 purpose=turn session_id=s0 total_tokens=1020",
        // There: a task is a session of its own.
        "session action=start agent_name=worker model_name=gpt-4o-mini model_provider=openai parent_session_id=s0 \
         session_id=s1",
        // 500 · 0.15 + 30 · 0.60 = 93 millionths.
        "token action=usage agent_name=worker cost=0.000093 duration_ms=_ input_tokens=500 model_name=gpt-4o-mini \
         model_provider=openai output_tokens=30 purpose=turn session_id=s1 total_tokens=530",
        // The command ended with 3, the other tool is forbidden: one failure, one refusal.
        "tool action=call agent_name=worker duration_ms=_ error=nonzero_exit is_success=false outcome=error \
         session_id=s1 tool_kind=builtin tool_name=shell",
        "tool action=call agent_name=worker duration_ms=_ error=denied is_success=false outcome=denied session_id=s1 \
         tool_kind=builtin tool_name=remove_directory",
        // 600 · 0.15 + 10 · 0.60 = 96 millionths.
        "token action=usage agent_name=worker cost=0.000096 duration_ms=_ input_tokens=600 model_name=gpt-4o-mini \
         model_provider=openai output_tokens=10 purpose=turn session_id=s1 total_tokens=610",
        // And back: 500 + 600 in, 30 + 10 out, 93 + 96 millionths. A tool that fails is no error of the conversation.
        "session action=end agent_name=worker cost=0.000189 cost_known=true duration_ms=_ input_tokens=1100 \
         is_success=true model_name=gpt-4o-mini model_provider=openai outcome=completed output_tokens=40 \
         parent_session_id=s0 session_id=s1 tool_calls=2 tool_errors=1 total_tokens=1140 turns=1",
        "tool action=call agent_name=root duration_ms=_ is_success=true outcome=ok session_id=s0 tool_kind=agent \
         tool_name=transfer_task",
        // gpt-4o failed and told no tokens. The other one answered: 120,000 · 0.15 + 50 · 0.60 = 18,030 millionths.
        "token action=usage agent_name=root cost=0.01803 duration_ms=_ input_tokens=120000 model_name=gpt-4o-mini \
         model_provider=openai output_tokens=50 purpose=turn session_id=s0 total_tokens=120050",
        // The summary, before the second turn is answered: 2,000 · 0.15 + 100 · 0.60 = 360 millionths.
        "token action=usage agent_name=root cost=0.00036 duration_ms=_ input_tokens=2000 model_name=gpt-4o-mini \
         model_provider=openai output_tokens=100 purpose=compaction session_id=s0 total_tokens=2100",
        // 300 · 0.15 + 25 · 0.60 = 60 millionths.
        "token action=usage agent_name=root cost=0.00006 duration_ms=_ input_tokens=300 model_name=gpt-4o-mini \
         model_provider=openai output_tokens=25 purpose=turn session_id=s0 total_tokens=325",
        // Ctrl-C: the tool did not fail.
        "tool action=call agent_name=root duration_ms=_ error=cancelled is_success=false outcome=cancelled \
         session_id=s0 tool_kind=builtin tool_name=shell",
        // 1,000 + 120,000 + 2,000 + 300 in, 20 + 50 + 100 + 25 out, 2,200 + 18,030 + 360 + 60 millionths; the worker's
        // are its own. Two calls, of which none failed; the model that did, and the end by the user.
        "session action=end agent_name=root cost=0.02065 cost_known=true duration_ms=_ error_count=2 \
         errors={\"cancelled\":1,\"server\":1} input_tokens=123300 is_success=false model_name=gpt-4o \
         model_provider=openai outcome=cancelled output_tokens=195 session_id=s0 tool_calls=2 total_tokens=123495 \
         turns=2",
        "command action=run duration_ms=_ error=cancelled exit_code=130 flags=[\"fake\",\"json\"] is_success=false",
    ];
    let found = lines(&records());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn p11_the_sums_are_what_the_provider_said() {
    // What the recording says, read by nobody but this test: every line that has counts.
    let mut said = (0, 0, 0);
    for line in recording().lines().filter_map(|line| line.trim().strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let number = |path: &str| event.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        said.0 += number("/usage/prompt_tokens");
        said.1 += number("/usage/completion_tokens");
        said.2 += number("/usage/prompt_tokens_details/cached_tokens");
    }
    assert_eq!(said, (124_400, 235, 400));
    let records = records();
    let sum = |event: &str, action: &str, name: &str| -> u64 {
        let of_kind = records.iter().filter(|record| {
            (record["event"].as_str(), record["properties"]["action"].as_str()) == (Some(event), Some(action))
        });
        of_kind.map(|record| record["properties"][name].as_u64().unwrap_or(0)).sum()
    };
    assert_eq!(
        (sum("token", "usage", "input_tokens"), sum("token", "usage", "output_tokens")),
        (said.0, said.1)
    );
    assert_eq!(sum("token", "usage", "cache_read_tokens"), said.2);
    assert_eq!(
        (sum("session", "end", "input_tokens"), sum("session", "end", "output_tokens")),
        (said.0, said.1)
    );
}
