//! The shell tool with real commands, as a model uses it.

use agent_runtime::{
    Agent, Choice, Conversation, Environment, Settings, ToolStatus, Transport, config, http,
};
use agent_telemetry::testing::capture;
use serde_json::{Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file, environment, quick};

/// Runs one shell call, allowed, and returns its status and text.
fn shell_in(
    file: impl Fn(&str) -> String,
    environment: &Environment,
    arguments: Value,
) -> (ToolStatus, String, Stage) {
    let server = Server::start([calls(&[("shell", arguments)]), says("ok")]);
    let text = file(&agent_file(&server.base_url, "permissions: { allow: [shell] }\n"));
    let transport = Transport::live(http::Options::new("test/1", environment));
    let mut stage = Stage::build(&text, transport, |settings| settings, environment, &Choice::default());
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let (_, status, text) = notes.results().remove(0);
    (status, text, stage)
}

fn shell(arguments: Value) -> (ToolStatus, String) {
    let (status, text, _) = shell_in(str::to_owned, &environment(), arguments);
    (status, text)
}

fn command(cmd: &str) -> (ToolStatus, String) {
    shell(json!({ "cmd": cmd }))
}

/// Waits for a killed process to be gone, or a zombie that nobody has collected yet.
pub fn assert_gone(pid: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = state.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if matches!(state, None | Some('Z' | 'X')) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "process {pid} still runs: {state:?}");
        std::thread::yield_now();
    }
}

#[test]
fn output_and_errors_in_the_order_they_were_written() {
    assert_eq!(command("echo a; echo b >&2; echo c"), (ToolStatus::Ok, "a\nb\nc\n".to_owned()));
    assert_eq!(command("true"), (ToolStatus::Ok, "the command printed nothing".to_owned()));
    assert_eq!(command("cat"), (ToolStatus::Ok, "the command printed nothing".to_owned()));
}

#[test]
fn an_exit_code_other_than_zero_is_an_error() {
    assert_eq!(command("echo no; exit 3"), (ToolStatus::Error, "no\n\n[exit status: 3]".to_owned()));
    assert_eq!(command("kill -9 $$"), (ToolStatus::Error, "[signal: 9 (SIGKILL)]".to_owned()));
}

#[test]
fn it_runs_in_the_working_folder_or_where_it_is_told() {
    let (status, text, stage) = shell_in(str::to_owned, &environment(), json!({ "cmd": "pwd -P" }));
    let folder = stage.folder.path().canonicalize().unwrap();
    assert_eq!((status, text), (ToolStatus::Ok, format!("{}\n", folder.display())));
    assert_eq!(shell(json!({ "cmd": "pwd", "cwd": "/" })), (ToolStatus::Ok, "/\n".to_owned()));
    assert_eq!(
        shell(json!({ "cmd": "pwd", "cwd": "/nowhere" })),
        (ToolStatus::Error, "cwd: /nowhere is no folder".to_owned())
    );
}

#[test]
fn wrong_arguments_are_explained() {
    let text = |arguments| shell(arguments).1;
    assert_eq!(text(json!({})), "invalid arguments for shell: missing field `cmd`");
    assert_eq!(text(json!({ "cmd": " " })), "cmd: expected a command");
    assert_eq!(text(json!({ "cmd": "x", "timeout": 0 })), "timeout: expected 1 to 3600 seconds, found 0");
    assert_eq!(
        text(json!({ "cmd": "x", "timeout": "1m" })),
        "invalid arguments for shell: invalid type: string \"1m\", expected u64"
    );
}

#[test]
fn a_command_that_ignores_being_asked_to_end_is_made_to() {
    let (status, text) =
        shell(json!({ "cmd": "trap '' TERM; echo begun; sleep 1000 & wait; sleep 1000", "timeout": 1 }));
    assert_eq!((status, text), (ToolStatus::Error, "begun\n\n[ended after 1 seconds]".to_owned()));
}

#[test]
fn what_is_left_in_the_background_ends_with_the_command() {
    let (status, text, stage) =
        shell_in(str::to_owned, &environment(), json!({ "cmd": "sleep 1000 & echo $! > pid; echo done" }));
    assert_eq!((status, text), (ToolStatus::Ok, "done\n".to_owned()));
    let pid = stage.read("pid").trim().to_owned();
    assert_gone(&pid);
}

#[test]
fn long_output_keeps_its_head_and_its_tail() {
    let (status, text) = command("echo first; yes 'é é é é é é é é é' | head -n 50000; echo last");
    assert_eq!(status, ToolStatus::Ok);
    assert!(text.starts_with("first\né"), "{}", &text[..20]);
    assert!(text.ends_with("é\nlast\n"));
    let characters = text.chars().count();
    assert!((30_000..30_100).contains(&characters), "{characters}");
    assert!(!text.contains('\u{fffd}'));
}

#[test]
fn children_get_no_credentials_but_an_opt_out() {
    let path = std::env::var("PATH").unwrap_or_default();
    let process = [
        ("PATH", path.as_str()),
        ("HOME", "/home/x"),
        ("OPENAI_API_KEY", "canary"),
        ("ANTHROPIC_API_KEY", "canary"),
        ("MY_OWN_KEY", "canary"),
        ("TELEMETRY_API_KEY", "canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "canary"),
        ("OTEL_SERVICE_NAME", "kept"),
        ("TELEMETRY_ENABLED", "true"),
    ];
    let environment = Environment::new(process.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .with_file(
            agent_runtime::parse_env_file("FILE_SECRET=canary\nTELEMETRY_ENABLED=false\nDO_NOT_TRACK=1")
                .unwrap(),
        );
    let file = |text: &str| {
        text.replace("    model: gpt-4o\n", "    model: gpt-4o\n    token_key: MY_OWN_KEY\n")
            .replace("type: shell", "type: shell\n        env: { GIVEN: '${env.HOME}!' }")
    };
    let (status, text, _) = shell_in(file, &environment, json!({ "cmd": "env | sort" }));
    assert_eq!(status, ToolStatus::Ok);
    assert!(!text.contains("canary"), "{text}");
    for kept in [
        "HOME=/home/x\n",
        "OTEL_SERVICE_NAME=kept\n",
        "TELEMETRY_ENABLED=false\n",
        "DO_NOT_TRACK=1\n",
        "GIVEN=/home/x!\n",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
}

#[test]
fn an_env_file_cannot_turn_telemetry_on_in_children() {
    let environment = Environment::new([
        ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
        ("DO_NOT_TRACK".to_owned(), "1".to_owned()),
    ])
    .with_file(agent_runtime::parse_env_file("TELEMETRY_ENABLED=yes\nDO_NOT_TRACK=0").unwrap());
    let (_, text, _) = shell_in(str::to_owned, &environment, json!({ "cmd": "env" }));
    assert!(!text.contains("TELEMETRY_ENABLED"), "{text}");
    assert!(text.contains("DO_NOT_TRACK=1"), "{text}");
}

#[test]
fn a_turn_that_is_dropped_kills_its_command() {
    let server = Server::start([calls(&[("shell", json!({ "cmd": "echo $$ > pid; sleep 1000" }))])]);
    let folder = tempfile::tempdir().unwrap();
    let text = agent_file(&server.base_url, "permissions: { allow: [shell] }\n");
    let config = config::from_yaml("agent.yaml", &text).unwrap();
    let environment = environment();
    let agent = Agent::new(&config, &Choice::default(), &environment).unwrap();
    let (cx, _capture) = capture();
    let transport = Transport::live(http::Options::new("test/1", &environment));
    let settings = Settings::new(folder.path()).retry(quick());
    let mut conversation = Conversation::new(agent, transport, settings, &environment, &cx).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pid_file = folder.path().join("pid");
    runtime.block_on(async {
        let cancel = agent_runtime::Cancel::new();
        let mut notes = Notes::default();
        let turn = conversation.turn("?", &mut notes, &cancel);
        tokio::pin!(turn);
        while std::fs::read_to_string(&pid_file).unwrap_or_default().is_empty() {
            let pause = tokio::time::sleep(std::time::Duration::from_millis(5));
            tokio::select! {
                outcome = &mut turn => panic!("the turn ended: {outcome:?}"),
                () = pause => {}
            }
        }
    });
    let pid = std::fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    assert_gone(&pid);
}
