//! A home for many runs of the program, and what the program says of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::session;

/// A home whose owner said yes.
#[derive(Debug)]
pub(super) struct Home {
    folder: TempDir,
    program: PathBuf,
    endpoint: String,
    /// Events that runs must have recorded because they ended well.
    pub(super) expected: usize,
}

impl Home {
    /// A home whose events go to the collector at a base URL.
    pub(super) fn new(program: &Path, collector: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("cannot make a temporary folder; is TMPDIR writable?")?;
        session::write(folder.path(), Duration::ZERO)?;
        let endpoint = format!("{collector}/events/v1/track");
        Ok(Self { folder, program: program.to_owned(), endpoint, expected: 0 })
    }

    /// Sends events elsewhere from now on.
    pub(super) fn send_to(&mut self, base: &str) {
        self.endpoint = format!("{base}/events/v1/track");
    }

    /// Notes that a run recorded some events for sure.
    pub(super) fn must_record(&mut self, events: usize) {
        self.expected += events;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path().join("home"));
        command.env("TELEMETRY_ENABLED", "true").env("TELEMETRY_ENDPOINT", &self.endpoint);
        // The debug log is an account of its own: an event is there when it was recorded.
        command.args(arguments).args(["--debug", "--log-file", "debug.log"]);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts the program.
    pub(super) fn start(&self, arguments: &[&str], stdout: Stdio) -> anyhow::Result<Child> {
        self.command(arguments).stdout(stdout).spawn().context("cannot start docker-agent")
    }

    fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.command(arguments).output().context("cannot start docker-agent")
    }

    /// Runs a command that must end well.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.output(arguments)?;
        if !output.status.success() {
            bail!("docker-agent {} ended with {}", arguments.join(" "), output.status);
        }
        String::from_utf8(output.stdout).context("docker-agent wrote no UTF-8")
    }

    /// Delivers everything.
    pub(super) fn flush(&self) -> anyhow::Result<()> {
        self.run(&["telemetry", "flush", "--timeout", "60"]).map(drop)
    }

    /// What `telemetry status --json` says.
    pub(super) fn status(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.run(&["telemetry", "status", "--json"])?).context("status is not JSON")
    }

    /// The ids of the events that the debug log shows: their recording was over.
    pub(super) fn seen(&self) -> anyhow::Result<HashSet<String>> {
        let log = std::fs::read(self.folder.path().join("debug.log")).context("there is no debug log")?;
        let log = String::from_utf8_lossy(&log);
        let events =
            log.lines().filter_map(|line| line.split_once("telemetry event ")).map(|(_, event)| event);
        let id =
            |event: &str| Some(serde_json::from_str::<Value>(event).ok()?["event_id"].as_str()?.to_owned());
        Ok(events.filter_map(id).collect())
    }

    /// Bytes and number of the files below the telemetry folder's `part`.
    pub(super) fn size(&self, part: &str) -> (u64, usize) {
        let folder = self.folder.path().join("home/.local/state/docker-agent/telemetry").join(part);
        let files: Vec<u64> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
            .collect();
        (files.iter().sum(), files.len())
    }
}
