//! P1: you are told first; by the programs.

use crate::chat::{Model, Say};
use crate::machine::{Machine, Programs, count};
use crate::sink::BlackHole;

const RUN: [&str; 4] = ["run", "agent.yaml", "--exec", "hello"];

#[test]
fn p1_the_first_run_shows_the_notice_and_sends_nothing_the_next_process_sends_both() {
    let Some(programs) = Programs::find() else { return };
    let model = Model::start(vec![Say::Text("Hello.")]);
    let machine = Machine::new(&programs);
    machine.agent_file("agent.yaml", &model.url());
    let watch = BlackHole::start();
    let machine = machine.with("TELEMETRY_ENDPOINT", &watch.url());
    let first = machine.run(&RUN);
    assert!(first.status.success());
    let stderr = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(
        stderr.contains("anonymous usage data") && stderr.contains("TELEMETRY_ENABLED=false"),
        "{stderr}"
    );
    assert!(!String::from_utf8_lossy(&first.stdout).contains("anonymous"));
    assert_eq!(watch.connections(), 0);
    assert_eq!(machine.status()["pending"]["events"], 4, "command, session start and end, tokens");

    let collector = machine.collector();
    let machine = machine.with("TELEMETRY_ENDPOINT", &collector.track_url());
    let second = machine.run(&RUN);
    assert!(!String::from_utf8_lossy(&second.stderr).contains("anonymous"), "shown once");
    machine.ok(&["telemetry", "flush", "--timeout", "20"]);
    let events = collector.events();
    assert_eq!((count(&events, "command"), count(&events, "session"), count(&events, "token")), (2, 4, 2));
}

#[test]
fn p1_with_an_explicit_yes_the_first_run_sends() {
    let Some(programs) = Programs::find() else { return };
    let model = Model::start(vec![Say::Text("Hello.")]);
    let machine = Machine::new(&programs).with("TELEMETRY_ENABLED", "true");
    machine.agent_file("agent.yaml", &model.url());
    let collector = machine.collector();
    let machine = machine.with("TELEMETRY_ENDPOINT", &collector.track_url());
    assert!(machine.run(&RUN).status.success());
    assert!(!collector.events().is_empty(), "the session's start left while the model was asked");
}

#[test]
fn p1_a_run_that_was_off_in_between_drops_what_was_held() {
    let Some(programs) = Programs::find() else { return };
    let model = Model::start(vec![Say::Text("Hello.")]);
    let machine = Machine::new(&programs);
    machine.agent_file("agent.yaml", &model.url());
    let collector = machine.collector();
    let machine = machine.with("TELEMETRY_ENDPOINT", &collector.track_url());
    assert!(machine.run(&RUN).status.success());
    assert_eq!(machine.status()["pending"]["events"], 4);
    let machine = machine.with("TELEMETRY_ENABLED", "false");
    assert!(machine.run(&RUN).status.success());
    let machine = machine.without("TELEMETRY_ENABLED");
    assert_eq!(machine.status()["pending"]["events"], 0);
    machine.ok(&["telemetry", "flush"]);
    assert!(collector.events().is_empty());
}
