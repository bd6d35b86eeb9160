//! P6: nothing private is in any byte that is sent, kept for sending, or stored.

use serde_json::json;

use crate::chat::{Model, Say};
use crate::machine::{Machine, Programs, count, walk};

#[test]
fn p6_no_canary_in_requests_state_or_the_collectors_database() {
    let Some(programs) = Programs::find() else { return };
    let model = Model::start(vec![
        Say::Call("read_file", json!({ "path": "canary-folder/canary-file.txt" })),
        Say::Call("shell", json!({ "cmd": "echo canary-argument; echo canary-stderr >&2; exit 3" })),
        Say::Call("read_file", json!({ "path": "/canary-missing" })),
        Say::Call("canary_invented_tool", json!({ "canary-key": "canary-value" })),
        Say::Text("canary-answer"),
        Say::Error(400, "canary-provider-error"),
    ]);
    let machine = Machine::new(&programs)
        .with("TELEMETRY_ENABLED", "true")
        .with("MODEL_KEY", "sk-canary-model-key")
        .with("CANARY_VARIABLE", "canary-environment")
        .with("USER", "canary-login")
        .with("HOSTNAME", "canary-host")
        .with("TELEMETRY_TAGS", "canary=canary-tag")
        .with("TELEMETRY_API_KEY", "canary-telemetry-key");
    machine.file("canary-folder/canary-file.txt", "canary-content");
    let path = machine.agent_file("canary-agents/canary-agent.yaml", &model.url());
    let path = path.to_str().unwrap();
    let collector = machine.collector();
    let machine = machine.with("TELEMETRY_ENDPOINT", &collector.track_url());
    let run = machine.run(&["run", path, "--exec", "--yolo", "--debug", "canary-prompt"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    // A provider's error, a wrong flag, an unknown command, a missing file.
    assert!(!machine.run(&["run", path, "--exec", "canary-second-prompt"]).status.success());
    assert!(!machine.run(&["run", "--canary-flag=canary"]).status.success());
    assert!(!machine.run(&["canary-command"]).status.success());
    assert!(!machine.run(&["run", "canary-missing.yaml", "x"]).status.success());
    machine.ok(&["telemetry", "flush", "--timeout", "20"]);

    // The test would be worthless if the canaries had not been alive.
    let asked = model.requests().join("\n");
    for word in [
        "canary-content",
        "canary-argument",
        "canary-stderr",
        "canary-prompt",
        "sk-canary-model-key",
        "canary_invented_tool",
    ] {
        assert!(asked.contains(word), "{word} did not reach the model");
    }
    let events = collector.events();
    assert_eq!(count(&events, "tool"), 4, "{events:?}");
    assert_eq!(count(&events, "command"), 5, "{events:?}");
    let invented = events.iter().find(|event| event["properties"]["tool_name"] == "unknown");
    assert!(invented.is_some(), "{events:?}");

    // Requests, as the local log shows them, with what the collector answered.
    let log = machine.ok(&["telemetry", "log", "--json"]);
    assert!(log.contains("tool_name"), "{log}");
    assert_no_canary("the log of requests", log.as_bytes());
    let mut files = Vec::new();
    walk(&machine.home().join(".local/state/docker-agent/telemetry"), &mut files);
    walk(&machine.home().join(".config"), &mut files);
    walk(&collector.data, &mut files);
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_no_canary(&file.to_string_lossy(), &std::fs::read(&file).unwrap());
    }
    // The debug log holds the events too, and is ours alone.
    let debug =
        std::fs::read_to_string(machine.home().join(".local/state/docker-agent/docker-agent.debug.log"))
            .unwrap();
    let events = debug.lines().filter(|line| line.contains("telemetry event {"));
    assert!(events.clone().count() > 5, "{debug}");
    events.for_each(|line| assert_no_canary("an event in the debug log", line.as_bytes()));
}

fn assert_no_canary(place: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    let found = lower.windows(6).position(|window| window == b"canary");
    if let Some(at) = found {
        let around = &bytes[at.saturating_sub(40)..(at + 40).min(bytes.len())];
        panic!("{place}: …{}…", String::from_utf8_lossy(around));
    }
}
