//! Other telemetry clients beside ours, in the same run: what their users wait for.
//!
//! They live in `bench/peers`, a workspace of its own, so that nothing of theirs reaches our dependency tree.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::workspace;

/// The programs of `bench/peers`.
#[derive(Debug)]
pub(super) struct Peers {
    folder: PathBuf,
}

/// Their names, and what they are called in the table.
pub(super) const NAMES: [(&str, &str); 2] = [("peer-posthog", "posthog"), ("peer-otel", "otel")];
/// What each can do, by the name of our command that does the like.
pub(super) const WORKS: [(&str, &str); 2] = [("short", "version"), ("session", "session")];

impl Peers {
    /// Builds them; the first time takes minutes.
    pub(super) fn build() -> anyhow::Result<Self> {
        let source = workspace::root().join("bench").join("peers");
        let target = source.join("target");
        let built = workspace::cargo()
            .current_dir(&source)
            .args(["build", "--locked", "--release", "--target-dir"])
            .arg(&target)
            .status()
            .context("cannot start cargo")?;
        if !built.success() {
            bail!("the peers do not build; repeat it in {}", source.display());
        }
        Ok(Self { folder: target.join("release") })
    }

    /// How long one of them takes, with its telemetry off or on; `url` is the endpoint's base.
    pub(super) fn time(&self, name: &str, on: bool, url: &str, work: &str) -> anyhow::Result<Duration> {
        let mut command = Command::new(self.folder.join(name));
        command.env_clear().env("PATH", "/usr/bin:/bin").args([if on { "on" } else { "off" }, url, work]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let status = command.status().with_context(|| format!("cannot start {name}"))?;
        let took = begun.elapsed();
        if !status.success() {
            bail!("{name} ended with {status}");
        }
        Ok(took)
    }
}
