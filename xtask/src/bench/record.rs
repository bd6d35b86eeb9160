//! `cargo xtask bench telemetry`: what one event costs its caller and the wire.
//!
//! The measuring program has a workspace of its own, `bench/record`, because counting allocations needs `unsafe`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::endpoint::{Endpoint, Kind};
use super::{Home, Work};
use crate::process::{self, Interrupt};
use crate::{terminal, workspace};

/// Calls that an instruction counter sees; the difference of the two leaves out what happens once.
const CALLS: [u64; 2] = [1_000, 11_000];
/// Sessions whose bytes are counted.
const SESSIONS: usize = 10;

/// Measures and prints.
pub(super) fn run(program: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    let bench = build()?;
    let folder = TempDir::new().context("cannot make a temporary folder; is TMPDIR writable?")?;
    terminal::out(process::stdout(Command::new(&bench).arg(folder.path()))?.trim_end());
    interrupt.check()?;
    match instructions(&bench) {
        Some(count) => terminal::out(&format!("{:<34} {count:>9.1}", "instructions per call when off")),
        None => terminal::note("no valgrind: instructions are not counted"),
    }
    interrupt.check()?;
    wire(program)
}

fn build() -> anyhow::Result<PathBuf> {
    let manifest = workspace::root().join("bench/record/Cargo.toml");
    let target = workspace::metadata()?.target_directory.into_std_path_buf().join("bench");
    let status = workspace::cargo()
        .args(["build", "--locked", "--release", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("bench/record was not built");
    }
    Ok(target.join("release/bench-record"))
}

/// Instructions of one call when telemetry is off, by callgrind.
fn instructions(bench: &Path) -> Option<f64> {
    let count = |calls: u64| -> Option<u64> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(bench);
        let output = valgrind.args(["off", &calls.to_string()]).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
    };
    let (few, many) = (count(CALLS[0])?, count(CALLS[1])?);
    #[expect(clippy::cast_precision_loss, reason = "thousands of instructions")]
    let per_call = many.saturating_sub(few) as f64 / (CALLS[1] - CALLS[0]) as f64;
    Some(per_call)
}

/// Bytes that sessions send.
fn wire(program: &Path) -> anyhow::Result<()> {
    let endpoint = Endpoint::start(Kind::Healthy)?;
    let home = Home::new()?;
    for _ in 0..SESSIONS {
        home.time(program, Work::Session, Some(endpoint.url()))?;
    }
    home.flush(program, endpoint.url())?;
    let arrived = endpoint.arrived();
    let events = SESSIONS * Work::Session.events();
    terminal::out(&format!("{:<34} {:>9}", "body bytes sent per event", arrived.bodies / events));
    let all = arrived.bodies + arrived.heads;
    terminal::out(&format!("{:<34} {:>9}", "  the same with headers", all / events));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let per_session = arrived.requests as f64 / SESSIONS as f64;
    terminal::out(&format!("{:<34} {per_session:>9.1}", "requests per session"));
    Ok(())
}
