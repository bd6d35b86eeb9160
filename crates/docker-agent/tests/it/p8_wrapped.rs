//! P8: every command is wrapped.

use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::server::{self, PATIENCE, Server};
use crate::setup::{Home, Ran, shape};

#[test]
fn p8_every_command_line_is_recorded_with_its_exit_code() {
    let home = Home::new();
    home.write("bad.yaml", "agents: {root: {modle: x}}");
    home.write("keyless.yaml", "agents: {root: {model: openai/gpt-4o}}");
    home.write("later.yaml", "agents: {root: {model: amazon-bedrock/claude-sonnet-4-5}}");
    let table: [(&[&str], i32, &str); 18] = [
        (&["version"], 0, "version 0"),
        (&["frobnicate"], 2, "unknown 2 usage"),
        (&["--nonsense"], 2, "unknown 2 usage"),
        (&["run"], 2, "run 2 usage"),
        (&["run", "a.yaml", "--nonsense"], 2, "run 2 usage"),
        (&["version", "more"], 2, "version 2 usage"),
        (&["run", "missing.yaml", "hi"], 1, "run 1 config"),
        (&["run", "bad.yaml", "hi"], 1, "run 1 config"),
        (&["run", "keyless.yaml", "hi"], 1, "run 1 auth"),
        (&["run", "later.yaml", "hi"], 1, "run 1 config"),
        (&["run", "keyless.yaml", "--fake", "missing.yaml", "hi"], 1, "run 1 config"),
        (&["run", "keyless.yaml", "hi", "--env-from-file", "missing.env"], 1, "run 1 config"),
        (&["run", "keyless.yaml", "--dry-run"], 1, "run 1 auth"),
        (&["debug", "config", "keyless.yaml"], 0, "debug config 0"),
        (&["debug", "config", "bad.yaml"], 1, "debug config 1 config"),
        (&["debug", "config"], 2, "debug config 2 usage"),
        (&["debug"], 2, "unknown 2 usage"),
        (&["debug", "nothing"], 2, "unknown 2 usage"),
    ];
    for (arguments, code, _) in table {
        assert_eq!(home.run(arguments).code, code, "{arguments:?}");
    }
    assert_eq!(shape(&home.pending()), table.map(|(_, _, shape)| shape));
}

#[test]
fn p8_what_only_looks_is_not_recorded() {
    let home = Home::new();
    let looks: [&[&str]; 12] = [
        &[],
        &["--help"],
        &["-h"],
        &["--version"],
        &["help", "run"],
        &["run", "--help"],
        &["docker-cli-plugin-metadata"],
        &["telemetry"],
        &["telemetry", "status"],
        &["telemetry", "explain", "--json"],
        &["telemetry", "preview"],
        &["telemetry", "log"],
    ];
    for arguments in looks {
        assert_eq!(home.run(arguments).code, 0, "{arguments:?}");
    }
    assert_eq!(home.run(&["telemetry", "bogus"]).code, 2);
    assert_eq!(home.pending().len(), 0);
    assert_eq!(home.files(".local"), [] as [std::path::PathBuf; 0]);
}

#[test]
fn p8_flags_are_recorded_by_name() {
    let home = Home::new();
    let _ran =
        home.run(&["-d", "run", "--yolo", "missing.yaml", "--model=secret/model", "-a", "secret", "--bogus"]);
    let records = home.pending();
    assert_eq!(records[0]["properties"]["flags"], json!(["agent", "debug", "model", "yolo"]));
    assert!(!records[0].to_string().contains("secret"));
}

/// Starts an agent whose model never answers, and waits until it was asked.
fn waiting_for_its_model(home: &Home) -> Child {
    let (asked, is_asked) = mpsc::channel();
    let chat = Server::start(move |_| {
        let _ = asked.send(());
        loop {
            std::thread::park();
        }
    });
    let file = home.agent(&chat);
    let mut command = home.command(&["run", &file, "hi"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    is_asked.recv_timeout(PATIENCE).expect("a request");
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a signal");
}

/// Looks again and again until something is so.
fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn p8_a_run_whose_reader_does_not_read_ends_all_the_same() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let home = Home::new().with("CHAT_KEY", "x");
        let chat = Server::chat([server::says(&"an answer longer than a pipe\n".repeat(10_000))]);
        let file = home.agent(&chat);
        let mut command = home.command(&["run", &file, "hi"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let stdout = child.stdout.take().expect("stdout");
        until(|| rustix::io::ioctl_fionread(&stdout).expect("a pipe") > 60_000);
        send(&child, signal);
        until(|| child.try_wait().expect("a child").is_some());
        assert_eq!(child.wait().expect("an end").code(), Some(code));
        assert_eq!(shape(&home.pending()).last(), Some(&format!("run {code} cancelled")));
    }
}

#[test]
fn p8_signals_are_recorded_as_what_they_are() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new().with("CHAT_KEY", "x");
        let child = waiting_for_its_model(&home);
        send(&child, signal);
        let ran = Ran::of(&child.wait_with_output().expect("an end"));
        assert_eq!(ran.code, code, "{ran:?}");
        let expected = ["session start", "session end cancelled", &format!("run {code} cancelled")];
        assert_eq!(shape(&home.pending()), expected);
    }
}

#[test]
fn p8_two_signals_end_a_run_once() {
    let home = Home::new().with("CHAT_KEY", "x");
    // The tool says that it runs by writing to a pipe, and takes no hint to stop.
    let fifo = home.path().join("started");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).expect("a pipe");
    let script = "trap '' INT TERM HUP; echo started > started; while :; do sleep 600; done";
    let chat = Server::chat([server::calls("shell", &json!({"cmd": script, "timeout": 600}))]);
    let file = home.agent(&chat);
    let mut command = home.command(&["run", &file, "hi", "--yolo"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    assert_eq!(std::fs::read_to_string(&fifo).expect("a word from the tool"), "started\n");
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    let ran = Ran::of(&child.wait_with_output().expect("an end"));
    assert!(matches!(ran.code, 130 | 143), "{ran:?}");
    let run = format!("run {} cancelled", ran.code);
    let expected = ["session start", "token usage", "tool shell cancelled", "session end cancelled", &run];
    assert_eq!(shape(&home.pending()), expected);
}

#[test]
fn p8_a_signal_while_waiting_for_stdin_is_recorded() {
    let home = Home::new().with("CHAT_KEY", "x");
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let mut command = home.command(&["run", &file, "--fake", "tape.yaml"]);
    home.write("tape.yaml", "version: 2\ninteractions: []\n");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    // Waiting for the process would close it.
    let _stays_open = child.stdin.take();
    // What it says before it reads.
    let mut said = std::io::BufReader::new(child.stderr.take().expect("stderr"));
    let mut line = String::new();
    while !line.contains("tools really run") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).expect("a line") > 0);
    }
    send(&child, Signal::INT);
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert_eq!(shape(&home.pending()), ["run 130 cancelled"]);
}

#[test]
fn p8_a_limit_is_its_own_failure() {
    let home = Home::new().with("CHAT_KEY", "x");
    home.write("notes.txt", "hello");
    let chat =
        Server::chat([server::calls("read_file", &json!({"path": "notes.txt"})), server::says("unheard")]);
    let file = home.agent(&chat);
    let text = std::fs::read_to_string(home.path().join(&file)).expect("the agent file");
    home.write(&file, &text.replace("    model: m\n", "    model: m\n    max_iterations: 1\n"));
    assert_eq!(home.run(&["run", &file, "hi"]).code, 1);
    assert_eq!(shape(&home.pending()).last().map(String::as_str), Some("run 1 limit"));
}

#[test]
fn p8_a_process_that_was_killed_leaves_what_it_had_recorded() {
    let home = Home::new().with("CHAT_KEY", "x");
    let mut child = waiting_for_its_model(&home);
    send(&child, Signal::KILL);
    child.wait().expect("an end");
    assert_eq!(shape(&home.pending()), ["session start"]);
}

#[test]
fn p8_a_failed_provider_gives_the_command_its_class() {
    let table = [(401, "auth"), (404, "not_found"), (400, "invalid_arguments")];
    for (status, class) in table {
        let chat = Server::start(move |_| {
            server::answer(status, "application/json", r#"{"error":{"message":"no"}}"#)
        });
        let home = Home::new().with("CHAT_KEY", "x");
        let file = home.agent(&chat);
        let ran = home.run(&["run", &file, "hi"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("error: "), "{ran:?}");
        let expected = ["session start", "session end failed", &format!("run 1 {class}")];
        assert_eq!(shape(&home.pending()), expected);
    }
}

#[test]
fn p8_a_conversation_is_recorded_from_start_to_end() {
    let home = Home::new().with("CHAT_KEY", "x");
    home.write("notes.txt", "hello");
    let chat = Server::chat([
        server::calls("read_file", &json!({"path": "notes.txt"})),
        server::says("one"),
        server::calls("no_such_tool", &json!({})),
        server::says("two"),
    ]);
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "first", "second"]).ok();
    let records = home.pending();
    let expected = [
        "session start",
        "token usage",
        "tool read_file ok",
        "token usage",
        "token usage",
        "tool unknown error",
        "token usage",
        "session end completed",
        "run 0",
    ];
    assert_eq!(shape(&records), expected);
    let end = &records[7]["properties"];
    assert_eq!(
        (&end["turns"], &end["tool_calls"], &end["total_tokens"]),
        (&json!(2), &json!(2), &json!(600))
    );
}
