//! The log of `--debug`: what the program decided about telemetry, and each event exactly as it was journaled.
//!
//! It changes nothing about what is sent. A line that cannot be written is lost.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use agent_telemetry::consent::{Decision, State};

/// The file's name where state is kept.
pub(crate) const NAME: &str = "docker-agent.debug.log";

/// An open log; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DebugLog {
    file: Arc<File>,
}

impl DebugLog {
    /// Opens the log, adding to what is there; readable for its owner only.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Writes a line, in one write.
    pub(crate) fn line(&self, text: &str) {
        let _ = (&*self.file).write_all(format!("{text}\n").as_bytes());
    }

    /// Writes an event's exact bytes.
    pub(crate) fn event(&self, record: &str) {
        self.line(&format!("telemetry event {record}"));
    }

    /// Writes what was decided, and why.
    pub(crate) fn decision(&self, decision: &Decision, endpoint: &str) {
        let by = decision.decided_by;
        let value = decision.inputs.iter().find(|input| input.name == by).map(|input| input.value.as_str());
        let value = value.unwrap_or("not set");
        self.line(&match decision.state {
            State::Off => format!("telemetry is off, nothing is recorded: {by} ({value})"),
            State::Held => format!("telemetry is held, events are kept here: {by} ({value})"),
            State::On => format!("telemetry is on, events go to {endpoint}: {by} ({value})"),
        });
    }
}
