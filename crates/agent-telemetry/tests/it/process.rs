//! Processes of a small tool: in this process where that is enough, real ones where they are killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent_telemetry::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};
use agent_telemetry::{
    Cx, Dirs, Ended, Inputs, Name, Outcome, Provider, SessionOutcome, Status, Telemetry, ToolKind, Usage,
    catalogue,
};
use serde_json::Value;

use crate::server::Server;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

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

    /// Another machine on which the environment says the same, and more.
    pub(crate) fn with_all<'a>(like: &Self, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let same = Self { home: tempfile::tempdir().unwrap(), variables: like.variables.clone() };
        more.into_iter().fold(same, |machine, (name, value)| machine.with(name, value))
    }

    /// A process of the tool.
    pub(crate) fn process(&self) -> Telemetry {
        self.process_with(&[])
    }

    /// A process of the tool that saves choices where the others do and keeps everything else in another folder, so that
    /// what it deletes is not theirs.
    pub(crate) fn process_elsewhere(&self) -> Telemetry {
        let elsewhere = self.home.path().join("elsewhere");
        self.process_with(&[("ACME_DATA_DIR", elsewhere.to_str().unwrap())])
    }

    fn process_with(&self, more: &[(&str, &str)]) -> Telemetry {
        let lookup = |name: &str| {
            let more = more.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            let given =
                || self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.into());
            more.or_else(given).or_else(|| (name == "HOME").then(|| self.home.path().as_os_str().to_owned()))
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
    ///
    /// An earlier handle in this test process is no dead process yet: its sender may need a moment to let go.
    pub(crate) fn flush(&self) -> u64 {
        let deadline = Instant::now() + LONG;
        loop {
            let flushed = self.process().flush(LONG);
            let is_free = !flushed.reason.is_some_and(|reason| reason.contains("another process"));
            if flushed.left == 0 || is_free || Instant::now() > deadline {
                return flushed.left;
            }
            std::thread::yield_now();
        }
    }

    /// Flushes until the status is as wanted.
    pub(crate) fn until(&self, wanted: impl Fn(&Status) -> bool) {
        let deadline = Instant::now() + LONG;
        while !wanted(&self.process().status()) {
            assert!(Instant::now() < deadline, "{:?}", self.process().status());
            let _ = self.process().flush(LONG);
        }
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

    /// The segments in the journal, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state().join("journal")).into_iter().flatten();
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .collect();
        found.sort();
        found
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
        self.start(Command::new(std::env::current_exe().unwrap()), role)
    }

    /// What a process that plays `role` says, after a shell did `first`.
    pub(crate) fn ask(&self, first: &str, role: &str) -> Vec<String> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{first}\nexec \"$0\" \"$@\"")]).arg(std::env::current_exe().unwrap());
        let output = self.start(shell, role).wait_with_output().unwrap();
        assert!(output.status.success(), "{role}: {}", output.status);
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().filter_map(|line| Some(line.split_once("says: ")?.1.to_owned())).collect()
    }

    fn start(&self, mut command: Command, role: &str) -> Child {
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
        "waits-for-an-answer" => {
            let receipt = telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            println!("says: {:?}", receipt.wait(LONG));
        }
        "records-and-waits-for-an-answer" => {
            let receipt = telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            println!("says: recorded");
            println!("says: {:?}", receipt.wait(LONG));
        }
        "has-nothing-left-to-send" => {
            let receipt = telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            println!("says: {:?}", receipt.wait(LONG));
            println!("says: {}", sleeps_until_it_is_woken("telemetry"));
        }
        "has-an-agent-named-after-its-host" => {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let label = host.split('.').next().unwrap_or_default();
            let name = Name::agent(&format!("of-{}-only", label.to_uppercase()));
            let _ = telemetry.cx().session(name).start();
            println!("says: {}", name.as_str());
        }
        "flushes" => println!("says: {}", telemetry.flush(LONG).left),
        "records-a-hundred" => {
            let record = |_| telemetry.cx().record_tool_call("read_file", "", "root", Duration::ZERO, None);
            let receipts: Vec<_> = (0..100).map(record).collect();
            let kept = |receipt: &&agent_telemetry::Receipt| {
                matches!(receipt.wait(Duration::ZERO), Outcome::Journaled)
            };
            println!("says: {}", receipts.iter().filter(kept).count());
        }
        "has-no-memory-for-a-thread" => {
            let cx = telemetry.cx();
            limit_address_space();
            let receipt = cx.record_tool_call("read_file", "", "root", Duration::ZERO, None);
            println!("says: {:?}", receipt.wait(LONG));
            println!("says: {}", telemetry.flush(LONG).reason.unwrap_or_default());
        }
        other => panic!("no role {other}"),
    }
}

/// Whether a thread of this process comes to sleep in futex(2) without a timeout, by what `/proc` says of the system call
/// that it is in: `202`, the number on x86-64, and its arguments, the fourth of which is the timeout.
fn sleeps_until_it_is_woken(name: &str) -> bool {
    let is_it =
        |task: &Path| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name);
    let deadline = Instant::now() + LONG / 4;
    while Instant::now() < deadline {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let call = tasks
            .filter(|task| is_it(task))
            .find_map(|task| std::fs::read_to_string(task.join("syscall")).ok());
        let call = call.unwrap_or_default();
        let call: Vec<&str> = call.split(' ').collect();
        if matches!(call[..], ["202", _, _, _, "0x0", ..]) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Leaves this process less memory than a thread's stack takes.
fn limit_address_space() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size =
        status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next()).unwrap();
    let limit = Some((size.parse::<u64>().unwrap() + 512) * 1024);
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
}

fn kill_self() {
    let pid = std::process::id().to_string();
    let _ = Command::new("/bin/kill").args(["-KILL", &pid]).status();
    loop {
        std::thread::park();
    }
}
