//! Processes of a small tool: in this process where that is enough, real ones where they are killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent_telemetry::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};
use agent_telemetry::{
    Cx, Dirs, Ended, Inputs, Name, Provider, SessionOutcome, Telemetry, ToolKind, Usage, catalogue,
};
use serde_json::Value;

use crate::server::Server;

catalogue! {
    pub(crate) static CATALOGUE = {
        events: [CommandEnded, SessionStarted, SessionEnded, ToolCalled, TokensUsed],
        commands: ["run", "version"],
        flags: ["debug", "yolo"],
        agents: ["root"],
        tools: ["read_file"],
        models: ["gpt-4o"],
    };
}

/// A machine with a home folder, a collector, and what its environment says.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new(server: &Server) -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new() }
            .with("TELEMETRY_ENDPOINT", &server.url())
    }

    /// A machine on which somebody said yes explicitly.
    pub(crate) fn consenting(server: &Server) -> Self {
        Self::new(server).with("TELEMETRY_ENABLED", "true")
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

    /// A process of the tool.
    pub(crate) fn process(&self) -> Telemetry {
        let lookup = |name: &str| {
            let given = self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.into());
            given.or_else(|| (name == "HOME").then(|| self.home.path().as_os_str().to_owned()))
        };
        Telemetry::builder("acme", "1.2.3", &CATALOGUE)
            .inputs(Inputs::from_lookup(lookup))
            .dirs(Dirs::from_lookup("acme", lookup))
            .build()
    }

    /// A real process that shows the notice when it is due and runs a command with a session of 5 events; when this
    /// returns, it and its sender are gone.
    pub(crate) fn run(&self) {
        let ended = self.spawn("run").wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }

    /// Sends what may be sent; returns what is left.
    pub(crate) fn flush(&self) -> u64 {
        self.process().flush(Duration::from_secs(20)).left
    }

    /// Flushes until nothing is left; the sender of an earlier handle in this test process may still hold its segment
    /// for a moment.
    pub(crate) fn flush_all(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.flush() > 0 {
            assert!(Instant::now() < deadline, "{:?}", self.process().status());
            std::thread::yield_now();
        }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home.path().join(".local/state/acme/telemetry")
    }

    pub(crate) fn consent_file(&self) -> PathBuf {
        self.home.path().join(".config/acme/telemetry.json")
    }

    /// The files below home, relative to it.
    pub(crate) fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(self.home.path(), &mut found);
        let mut names: Vec<String> = found
            .iter()
            .map(|path| path.strip_prefix(self.home.path()).unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Starts this test binary again as a process of the tool that plays `role`.
    pub(crate) fn spawn(&self, role: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::child", "--nocapture", "--test-threads=1"]).env_clear();
        command.env("HOME", self.home.path()).env("ROLE", role).stdout(Stdio::piped()).stderr(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.spawn().unwrap()
    }
}

/// Does what the notice asks of a tool.
pub(crate) fn show_notice(telemetry: &Telemetry) -> bool {
    let due = telemetry.notice().is_some();
    if due {
        telemetry.notice_shown().unwrap();
    }
    due
}

/// A session that records 4 events.
pub(crate) fn session(cx: &Cx) -> Ended {
    let session = cx.session(Name::agent("root")).model(Provider::OpenAi, Name::model("gpt-4o")).start();
    session.turn();
    session.tool(Name::tool("read_file"), ToolKind::Builtin).ok();
    session.tokens(Usage::delta(100, 50));
    session.end(SessionOutcome::Completed);
    Ended::SUCCESS
}

/// The ids of records, sorted, each once: a request that was given up at an exit is repeated.
pub(crate) fn ids(records: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> =
        records.iter().map(|record| record["event_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The events of records as `event/action`, in order.
pub(crate) fn kinds(records: &[Value]) -> Vec<String> {
    let kind = |record: &Value| {
        let action = record["properties"]["action"].as_str().unwrap_or_default();
        format!("{}/{action}", record["event"].as_str().unwrap_or_default())
    };
    records.iter().map(kind).collect()
}

/// Not a test of its own: what [`Machine::spawn`] runs in another process.
#[test]
fn child() {
    let Ok(role) = std::env::var("ROLE") else { return };
    let telemetry = Telemetry::builder("acme", "1.2.3", &CATALOGUE)
        .inputs(Inputs::from_process())
        .dirs(Dirs::standard("acme"))
        .build();
    match role.as_str() {
        "run" => {
            show_notice(&telemetry);
            telemetry.command("run", session);
            std::process::exit(0);
        }
        "killed-after-tool" => {
            let cx = telemetry.cx();
            let session = cx.session(Name::agent("root")).start();
            session.tool(Name::tool("read_file"), ToolKind::Builtin).ok();
            kill_self();
        }
        "exit-at-once" => {
            for _ in 0..23 {
                let _ = telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            }
            std::process::exit(0);
        }
        "killed-after-23" => {
            for _ in 0..23 {
                let _ = telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            }
            kill_self();
        }
        other => panic!("no role {other}"),
    }
}

fn kill_self() {
    let pid = std::process::id().to_string();
    let _ = Command::new("/bin/kill").args(["-KILL", &pid]).status();
    loop {
        std::thread::park();
    }
}
