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

/// An MCP server that is made for tests, in one of its moods.
fn with_server(home: &Home, mood: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-runtime/tests/data/mcp-server.sh");
    let text = format!(
        "agents:
  root:
    model: openai/gpt-4o
    sub_agents: [helper]
    toolsets:
      - {{type: think}}
      - {{type: mcp, name: s, command: sh, args: ['{}', {mood}], tools: [echo, fail]}}
  helper:
    model: openai/gpt-4o
    description: Helps.
    toolsets: [{{type: shell, tools: [shell]}}]
",
        script.display()
    );
    home.write("agent.yaml", &text);
}

#[test]
fn tools_are_listed_those_of_servers_included() {
    let home = Home::quiet();
    with_server(&home, "usual");
    let ran = home.run(&["debug", "toolsets", "agent.yaml"]).ok();
    insta::assert_snapshot!(ran.stdout, @"
    root: 4 tools
      think          Writes a thought down, to reason step by step before acting.
      s_echo         Does echo.
      s_fail         Does fail.
      transfer_task  Gives a task to another agent, which works on it alone, and returns its answer.
    helper: 1 tool
      shell  Runs a command in a shell and waits for it.
    ");
    let json = home.run(&["debug", "toolsets", "agent.yaml", "--json", "--agent", "helper"]).ok().json();
    assert_eq!(json["agents"][0]["tools"][0]["name"], "shell");
    assert_eq!(json["agents"][0]["tools"][0]["parameters"]["type"], "object");
    assert_eq!(home.run(&["debug", "toolsets", "agent.yaml", "-a", "nobody"]).code, 2);
    // The server has ended: whoever asks again starts another one.
    let started = std::fs::read_to_string(home.path().join("pid")).expect("a server");
    for pid in started.lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} still runs");
    }
}

#[test]
fn tools_that_cannot_be_had_are_a_failure() {
    let home = Home::quiet();
    with_server(&home, "broken");
    let ran = home.run(&["debug", "toolsets", "agent.yaml"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("\n  think "), "what there is, is shown: {ran:?}");
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("cannot find my files"), "{ran:?}");
}
