//! P10: what a killed process had recorded arrives with a later run, once.

use serde_json::json;

use crate::chat::{Model, Say};
use crate::machine::{Machine, Programs, count};
use crate::sink::closed_port;

#[test]
fn p10_killed_right_after_a_tool_call() {
    let Some(programs) = Programs::find() else { return };
    let model = Model::start(vec![
        Say::Call("shell", json!({ "cmd": "echo one" })),
        // The shell's parent is the agent.
        Say::Call("shell", json!({ "cmd": "kill -9 $PPID" })),
    ]);
    let machine = Machine::new(&programs).with("TELEMETRY_ENABLED", "true");
    machine.agent_file("agent.yaml", &model.url());
    // Nobody takes events while it runs, so that all of them are left to the later run.
    let machine = machine.with("TELEMETRY_ENDPOINT", &closed_port());
    let killed = machine.run(&["run", "agent.yaml", "--exec", "--yolo", "go"]);
    assert_eq!(killed.status.code(), None, "killed by a signal");

    let collector = machine.collector();
    let machine = machine.with("TELEMETRY_ENDPOINT", &collector.track_url());
    machine.ok(&["version"]);
    machine.ok(&["telemetry", "flush", "--timeout", "20"]);
    let events = collector.events();
    let tools: Vec<_> = events.iter().filter(|event| event["event"] == "tool").collect();
    assert_eq!(tools.len(), 1, "{events:?}");
    assert_eq!(tools[0]["properties"]["tool_name"], "shell");
    assert_eq!(tools[0]["properties"]["is_success"], true);
    assert_eq!((count(&events, "session"), count(&events, "token"), count(&events, "command")), (1, 2, 1));
    let status = machine.status();
    assert_eq!(status["recorded"], 5);
    assert_eq!(status["pending"]["events"], 0);
}
