//! A home folder of its own for each test, and the program in it with nothing else in its environment.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::server::Server;

/// Stands in every notice.
pub(crate) const NOTICE: &str = "collects anonymous usage data";

pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// How a run of the program ended.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout.clone()).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr"),
            code: output.status.code().expect("an exit code"),
        }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    pub(crate) fn notices(&self) -> usize {
        self.stderr.matches(NOTICE).count()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("JSON on stdout")
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
    }

    /// A home whose events go to a server.
    pub(crate) fn sending_to(server: &Server) -> Self {
        Self::new().with("TELEMETRY_ENDPOINT", &server.url())
    }

    /// A home where telemetry is not what the test is about.
    pub(crate) fn quiet() -> Self {
        Self::new().with("TELEMETRY_ENABLED", "false")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn consent_file(&self) -> PathBuf {
        self.path().join(".config/docker-agent/telemetry.json")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join(".local/state/docker-agent")
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    /// The program with its arguments, in the home folder, without stdin.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_docker-agent"));
        command.args(arguments).env_clear().current_dir(self.path()).stdin(Stdio::null());
        command.env("HOME", self.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("the program"))
    }

    pub(crate) fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        // Whether it reads it is its own business.
        let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
        Ran::of(&child.wait_with_output().expect("an end"))
    }

    /// Events that wait.
    pub(crate) fn pending(&self) -> Vec<Value> {
        let ran = self.run(&["telemetry", "log", "--pending", "--json"]).ok();
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    pub(crate) fn status(&self) -> Value {
        self.run(&["telemetry", "status", "--json"]).ok().json()
    }

    /// Sends what may be sent.
    pub(crate) fn flush(&self) -> Ran {
        self.run(&["telemetry", "flush", "--timeout", "30"])
    }

    /// Every file below a folder.
    pub(crate) fn files(&self, below: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { walk(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        walk(&self.path().join(below), &mut files);
        files.sort();
        files
    }

    /// An agent file whose model is a server, with all tools.
    pub(crate) fn agent(&self, chat: &Server) -> String {
        self.agent_with(chat, "")
    }

    pub(crate) fn agent_with(&self, chat: &Server, more: &str) -> String {
        let url = chat.base_url();
        let text = format!(
            "agents:
  root:
    model: m
    instruction: You help.
    toolsets: [{{type: filesystem}}, {{type: shell}}]
models:
  m: {{provider: openai, model: gpt-4o, base_url: '{url}', token_key: CHAT_KEY}}
{more}"
        );
        self.write("agent.yaml", &text);
        "agent.yaml".to_owned()
    }
}

/// What is recorded of each event, in short: `run 0`, `session end completed`.
pub(crate) fn shape(records: &[Value]) -> Vec<String> {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shape = |record: &Value| {
        let properties = &record["properties"];
        let (event, action) = (word(&record["event"]), word(&properties["action"]));
        match event.as_str() {
            "command" => match properties.get("error") {
                Some(error) => format!("{action} {} {}", properties["exit_code"], word(error)),
                None => format!("{action} {}", properties["exit_code"]),
            },
            "session" if action == "end" => format!("session end {}", word(&properties["outcome"])),
            "tool" => format!("tool {} {}", word(&properties["tool_name"]), word(&properties["outcome"])),
            _ => format!("{event} {action}"),
        }
    };
    records.iter().map(shape).collect()
}
