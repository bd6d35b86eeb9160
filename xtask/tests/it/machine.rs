//! A machine with an empty home, the two programs, and an agent that talks to a scripted model.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// The release builds, or `None` after saying why not.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    agent: PathBuf,
    collector: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> Option<Self> {
        let folder = std::env::var_os("RELEASE_BIN_DIR").map(PathBuf::from);
        let found = folder.map(|folder| Self {
            agent: folder.join("docker-agent"),
            collector: folder.join("telemetry-collector"),
        });
        let complete = found.filter(|programs| programs.agent.is_file() && programs.collector.is_file());
        if complete.is_none() {
            skip("RELEASE_BIN_DIR with docker-agent and telemetry-collector");
        }
        complete
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        self.agent.parent().unwrap()
    }
}

/// Says that something is missing; with `REQUIRE_TOOLS=1` that is a failure.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should see it")]
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("REQUIRE_TOOLS").is_none_or(|value| value != "1"), "missing: {what}");
    eprintln!("skipped: missing {what}");
}

/// A program that not every machine has.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        skip(name);
    }
    found
}

/// A home, a working folder, and what the environment says.
#[derive(Debug)]
pub(crate) struct Machine {
    programs: Programs,
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new(programs: &Programs) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        Self { programs: programs.clone(), folder, variables: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file into the working folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An agent with files and a shell whose model is at `url`.
    pub(crate) fn agent_file(&self, name: &str, url: &str) -> PathBuf {
        let text = format!(
            "agents:\n  root:\n    model: scripted\n    instruction: Do it.\n    toolsets:\n      - type: filesystem\n      - type: shell\n\
             models:\n  scripted:\n    provider: openai\n    model: gpt-4o\n    base_url: {url}\n    token_key: MODEL_KEY\n"
        );
        self.file(name, &text)
    }

    /// An agent and a recording that it replays: one command that takes long enough for a sender to be at work, then an
    /// answer. No network is needed, so every socket is telemetry's. Returns the arguments that run it.
    pub(crate) fn replay(&self) -> [&'static str; 7] {
        self.agent_file("replayed.yaml", "http://127.0.0.1:1/v1");
        let call = json!({ "index": 0, "id": "call_0", "type": "function",
            "function": { "name": "shell", "arguments": json!({ "cmd": "sleep 0.5" }).to_string() } });
        let answers =
            [(json!({ "tool_calls": [call] }), "tool_calls"), (json!({ "content": "Done." }), "stop")];
        let mut messages = vec![json!({ "role": "user", "content": "go" })];
        let interactions: Vec<Value> = answers
            .into_iter()
            .map(|(delta, reason)| {
                let chunk = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
                let request = json!({ "messages": messages }).to_string();
                messages.extend([json!({ "role": "assistant" }), json!({ "role": "tool" })]);
                json!({
                    "request": { "method": "POST", "url": "http://127.0.0.1:1/v1/chat/completions", "body": request },
                    "response": { "code": 200, "body": format!("data: {chunk}\n\ndata: [DONE]\n\n") },
                })
            })
            .collect();
        self.file("recording.yaml", &json!({ "version": 2, "interactions": interactions }).to_string());
        ["run", "replayed.yaml", "--exec", "--yolo", "--fake", "recording.yaml", "go"]
    }

    /// A command in the working folder with nothing but this machine's environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home()).env("MODEL_KEY", "key");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.work()).stdin(Stdio::null());
        command
    }

    pub(crate) fn agent(&self) -> Command {
        self.command(&self.programs.agent)
    }

    pub(crate) fn agent_program(&self) -> &Path {
        &self.programs.agent
    }

    /// Runs `docker-agent` with arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.agent().args(arguments).output().unwrap()
    }

    /// Runs it and expects success.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["telemetry", "status", "--json"])).unwrap()
    }

    /// Files below home, relative to it.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.home(), &mut found);
        let home = self.home();
        let mut names: Vec<String> = found
            .iter()
            .map(|path| path.strip_prefix(&home).unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Starts a collector whose data is on this machine.
    pub(crate) fn collector(&self) -> Collector {
        let data = self.folder.path().join("data");
        let mut child = self
            .command(&self.programs.collector)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim().strip_prefix("listening on ").expect("the first line names the address").to_owned();
        Collector { child, url, data }
    }
}

/// The files below a folder.
pub(crate) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { walk(&path, found) } else { found.push(path) }
    }
}

/// A running collector; killed when dropped.
#[derive(Debug)]
pub(crate) struct Collector {
    child: Child,
    url: String,
    pub(crate) data: PathBuf,
}

impl Collector {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn track_url(&self) -> String {
        format!("{}/events/v1/track", self.url)
    }

    /// The stored events, as records.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = ureq::get(format!("{}/api/v1/events?limit=1000", self.url))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["events"].as_array().expect("a list of events").clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many of some records are of an event.
pub(crate) fn count(records: &[Value], event: &str) -> usize {
    records.iter().filter(|record| record["event"] == event).count()
}
