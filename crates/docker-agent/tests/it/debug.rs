//! `debug config`: what an agent file says, without running it.

use std::path::Path;
use std::process::Command;

use crate::setup::Home;

const FILE: &str = "agents:
  root:
    model: google/gemini-2.5-flash
    fallback: {models: [openai/gpt-4o]}
    toolsets:
      - {type: shell, env: {API_KEY: sk-canary, REGION: eu}}
      - {type: mcp, ref: clock}
mcps:
  clock: {command: ./started, env: {TOKEN: \"${env.CLOCK_TOKEN}\"}}
";

#[test]
fn a_file_is_printed_as_it_is_understood() {
    let home = Home::quiet().with("CLOCK_TOKEN", "canary-of-the-environment");
    home.write("agent.yaml", FILE);
    let ran = home.run(&["debug", "config", "agent.yaml"]).ok();
    for part in
        ["retries: 2", "cooldown: 1m", "command: ./started", "REGION: eu", "TOKEN: ${env.CLOCK_TOKEN}"]
    {
        assert!(ran.stdout.contains(part), "{part} in {ran:?}");
    }
    assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{ran:?}");
    assert!(
        ran.stderr.contains("note: not supported yet: agent.yaml:3: provider `google` in agents.root.model"),
        "{ran:?}"
    );
    // What is printed is an agent file that says the same.
    home.write("again.yaml", &ran.stdout);
    assert_eq!(home.run(&["debug", "config", "again.yaml"]).ok().stdout, ran.stdout);
}

#[test]
fn json_has_the_same_shape() {
    let home = Home::quiet();
    home.write("agent.yaml", FILE);
    let json = home.run(&["debug", "config", "agent.yaml", "--json"]).ok().json();
    assert_eq!(json["agents"]["root"]["fallback"]["retries"], 2);
    assert_eq!(json["agents"]["root"]["toolsets"][1]["command"], "./started");
}

#[test]
fn nothing_is_started_and_nothing_is_left() {
    let home = Home::quiet();
    home.write("agent.yaml", FILE);
    let script = home.write("started", "#!/bin/sh\ntouch was-started\n");
    let made = Command::new("chmod").arg("+x").arg(&script).status().expect("chmod");
    assert!(made.success());
    let before = home.files(".");
    let _ran = home.run(&["debug", "config", "agent.yaml"]).ok();
    assert_eq!(home.files("."), before);
}

#[test]
fn every_problem_is_said_at_once() {
    let home = Home::quiet();
    home.write("bad.yaml", "agents:\n  root:\n    modle: x\n    add_date: maybe\n");
    let ran = home.run(&["debug", "config", "bad.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    for part in
        ["error: bad.yaml:3:5: ", "\nbad.yaml:4:15: ", " 4 |     add_date: maybe\n   |               ^"]
    {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.stderr);
    }
    let ran = home.run(&["debug", "config", "missing.yaml"]);
    assert!(ran.stderr.contains("hint: give the path of an agent.yaml"), "{ran:?}");
}

#[test]
fn the_program_accepts_every_example() {
    let home = Home::quiet();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let list = std::fs::read_to_string(examples.join("README.md")).expect("the list of examples");
    let names: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("| [")?.split(']').next()).collect();
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        let file = examples.join(name);
        let ran = home.run(&["debug", "config", file.to_str().expect("a path in UTF-8")]).ok();
        assert!(ran.stdout.starts_with("version: "), "{name}: {ran:?}");
    }
}
