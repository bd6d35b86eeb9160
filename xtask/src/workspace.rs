//! Where things are: the root of the workspace, cargo's view of it, and the binaries that users would build.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};

use crate::process::{Guard, Interrupt};

/// The binaries that demo, generated files and tests run.
pub(crate) const BINARIES: [&str; 2] = ["docker-agent", "telemetry-collector"];

/// The arguments that build [`BINARIES`] the way users do without waiting: optimised, no LTO.
pub(crate) const BUILD_BINARIES: [&str; 7] =
    ["build", "--locked", "--release", "-p", "docker-agent", "-p", "telemetry-collector"];

/// Returns the folder that holds the workspace's `Cargo.toml`: the one that cargo runs us for, else where we were built.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns a command that runs cargo in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Returns what cargo knows about the workspace's own packages; dependencies are not resolved.
pub(crate) fn metadata() -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cannot read the workspace; `cargo metadata --no-deps` shows what is wrong")
}

/// The Rust that the packages promise to build with, if `at_work` (as in `rustc 1.95.0 (…)`) is another one.
pub(crate) fn oldest_rust(metadata: &Metadata, at_work: &str) -> Option<String> {
    let promised = metadata.packages.iter().filter_map(|package| package.rust_version.as_ref()).min()?;
    let promised = format!("{}.{}", promised.major, promised.minor);
    let is_at_work = at_work.split([' ', '-']).nth(1)?.starts_with(&format!("{promised}."));
    (!is_at_work).then_some(promised)
}

/// The release builds of the two programs.
#[derive(Debug)]
pub(crate) struct Binaries {
    /// The command line program.
    pub(crate) docker_agent: PathBuf,
    /// The collector.
    pub(crate) telemetry_collector: PathBuf,
}

/// Builds both programs, with cargo's progress on stderr, and returns where they are.
pub(crate) fn build_binaries(interrupt: &Interrupt) -> anyhow::Result<Binaries> {
    let child = cargo()
        .args(BUILD_BINARIES)
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut build = Guard::new(child, "cargo build");
    let stdout = build.take_stdout()?;
    let mut found = BINARIES.map(|_| None);
    for message in Message::parse_stream(BufReader::new(stdout)) {
        interrupt.check()?;
        if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")?
            && let Some(executable) = artifact.executable
            && let Some(index) = BINARIES.iter().position(|name| *name == artifact.target.name)
        {
            found[index] = Some(executable.into_std_path_buf());
        }
    }
    let status = build.wait()?;
    interrupt.check()?;
    if !status.success() {
        bail!("the build failed; repeat it with: cargo {}", BUILD_BINARIES.join(" "));
    }
    match found {
        [Some(docker_agent), Some(telemetry_collector)] => Ok(Binaries { docker_agent, telemetry_collector }),
        _ => bail!("cargo built no executable for one of: {}", BINARIES.join(", ")),
    }
}
