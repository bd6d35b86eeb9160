//! `cargo xtask bench`: what telemetry costs, measured beside a yardstick in the same run.
//!
//! Prints medians and differences; it never judges, because machines are noisy.
//! `bench exit`: each line is one endpoint, the same two commands with telemetry off and on alternately, so that a slow
//! moment of the machine hits both. `bench telemetry`: one event, beside a bare `write(2)` of the same bytes.
//! `bench collector`: what the collector takes and how fast it answers, beside nginx and bare SQLite.
//! `bench scaling`: what populations of several sizes need, simulated.

mod collector;
mod endpoint;
mod peers;
mod record;
mod scaling;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use self::endpoint::{Endpoint, Kind};
use self::peers::Peers;
use crate::process::Interrupt;
use crate::{session, terminal, workspace};

/// How long a tool call of the session takes.
const TOOL_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The time that telemetry adds to a short command and to a session, for endpoints in every state.
    Exit {
        /// How many pairs of runs each line is the median of.
        #[arg(long, default_value_t = PAIRS)]
        pairs: usize,
        /// Measures posthog-rs and OpenTelemetry beside it, so many pairs each; builds them first, which takes minutes.
        #[arg(long, default_value_t = 0)]
        peers: usize,
    },
    /// What one recorded event costs: time, allocations, bytes.
    Telemetry,
    /// What the collector takes, beside nginx and bare SQLite, and how long its answers take.
    Collector(collector::Options),
    /// How many nodes and how much disk a population needs, simulated from measured numbers.
    Scaling(scaling::Options),
}

const PAIRS: usize = 30;

/// Measures one part, or all of them.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let program = || workspace::build_binaries(&interrupt).map(|binaries| binaries.docker_agent);
    match &options.part {
        Some(Part::Collector(options)) => collector::run(options, &interrupt),
        Some(Part::Exit { pairs, peers }) => exit(&program()?, *pairs, *peers, &interrupt),
        Some(Part::Scaling(options)) => {
            scaling::run(options);
            Ok(())
        }
        Some(Part::Telemetry) => record::run(&program()?, &interrupt),
        None => {
            let program = program()?;
            exit(&program, PAIRS, 0, &interrupt)?;
            terminal::out("");
            record::run(&program, &interrupt)
        }
    }
}

/// Measures the time that telemetry adds to a short command and to a session, for endpoints in every state.
fn exit(program: &Path, pairs: usize, peer_pairs: usize, interrupt: &Interrupt) -> anyhow::Result<()> {
    let peers = if peer_pairs > 0 { Some(Peers::build()?) } else { None };
    terminal::out(&format!(
        "wall time in ms: off, on, and what on adds; medians of {pairs} alternating pairs"
    ));
    terminal::out(
        "`first`: a new home for every run; `later`: one home, so that a run can learn from the last one\n",
    );
    terminal::out(&format!(
        "{:<18} {:<8} {:<8} {:>9} {:>9} {:>9} {:>9}",
        "endpoint", "command", "home", "off", "on", "added", "worst"
    ));
    for kind in Kind::ALL {
        let endpoint = Endpoint::start(kind)?;
        for work in [Work::Version, Work::Session] {
            for reuse in [false, true] {
                interrupt.check()?;
                line(program, &endpoint, work, reuse, pairs)?;
            }
        }
        if let Some(peers) = &peers {
            peer_lines(peers, &endpoint, peer_pairs, interrupt)?;
        }
    }
    Ok(())
}

/// The same measurement of other clients, with their documented flush.
fn peer_lines(peers: &Peers, endpoint: &Endpoint, pairs: usize, interrupt: &Interrupt) -> anyhow::Result<()> {
    let base = endpoint.url().trim_end_matches("/events/v1/track");
    for (program, name) in peers::NAMES {
        for (work, like) in peers::WORKS {
            let (mut off, mut on) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
            for _ in 0..pairs {
                interrupt.check()?;
                off.push(millis(peers.time(program, false, base, work)?));
                on.push(millis(peers.time(program, true, base, work)?));
            }
            let added: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on - off).collect();
            row(&endpoint.name(), like, name, off, on, added);
        }
    }
    Ok(())
}

fn row(endpoint: &str, command: &str, home: &str, off: Vec<f64>, on: Vec<f64>, added: Vec<f64>) {
    let worst = added.iter().copied().fold(f64::MIN, f64::max);
    terminal::out(&format!(
        "{endpoint:<18} {command:<8} {home:<8} {:>9.2} {:>9.2} {:>+9.2} {worst:>+9.2}",
        median(off),
        median(on),
        median(added),
    ));
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A command of a few milliseconds that records one event.
    Version,
    /// A replayed session with ten tool calls of 20 ms.
    Session,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Session => "session",
        }
    }

    const fn events(self) -> usize {
        match self {
            Self::Version => 1,
            Self::Session => session::EVENTS,
        }
    }
}

fn line(program: &Path, endpoint: &Endpoint, work: Work, reuse: bool, pairs: usize) -> anyhow::Result<()> {
    let mut off = Vec::with_capacity(pairs);
    let mut added = Vec::with_capacity(pairs);
    let mut on = Vec::with_capacity(pairs);
    let mut homes = Vec::new();
    for pair in 0..pairs {
        if pair == 0 || !reuse {
            homes.push(Home::new()?);
        }
        let Some(home) = homes.last() else { bail!("no home") };
        let without = home.time(program, work, None)?;
        let with = home.time(program, work, Some(endpoint.url()))?;
        off.push(without);
        on.push(with);
        added.push(millis(with) - millis(without));
    }
    let in_ms = |times: &[Duration]| times.iter().copied().map(millis).collect();
    row(&endpoint.name(), work.name(), if reuse { "later" } else { "first" }, in_ms(&off), in_ms(&on), added);
    // What was recorded is there, or has been delivered.
    let kept: u64 =
        homes.iter().map(|home| home.recorded(program, endpoint.url())).sum::<anyhow::Result<u64>>()?;
    let expected = (pairs * work.events()) as u64;
    if kept != expected {
        bail!("{kept} events were recorded, {expected} expected");
    }
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A home with the session's files.
#[derive(Debug)]
struct Home(TempDir);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder; is TMPDIR writable?")?;
        session::write(folder.path(), TOOL_PAUSE)?;
        Ok(Self(folder))
    }

    fn command(&self, program: &Path, endpoint: Option<&str>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.0.path().join("home"));
        match endpoint {
            Some(url) => command.env("TELEMETRY_ENABLED", "true").env("TELEMETRY_ENDPOINT", url),
            None => command.env("TELEMETRY_ENABLED", "false").env("HOME", self.0.path().join("home-off")),
        };
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn time(&self, program: &Path, work: Work, endpoint: Option<&str>) -> anyhow::Result<Duration> {
        let mut command = self.command(program, endpoint);
        match work {
            Work::Version => command.arg("version"),
            Work::Session => command.args(session::ARGUMENTS),
        };
        let begun = Instant::now();
        let status = command.status().context("cannot start docker-agent")?;
        let took = begun.elapsed();
        if !status.success() {
            bail!("docker-agent ended with {status}");
        }
        Ok(took)
    }

    /// Delivers everything.
    fn flush(&self, program: &Path, endpoint: &str) -> anyhow::Result<()> {
        let status = self.command(program, Some(endpoint)).args(["telemetry", "flush"]).status()?;
        if !status.success() {
            bail!("not everything was taken");
        }
        Ok(())
    }

    fn recorded(&self, program: &Path, endpoint: &str) -> anyhow::Result<u64> {
        let mut command = self.command(program, Some(endpoint));
        let output = command.args(["telemetry", "status", "--json"]).stdout(Stdio::piped()).output()?;
        let status: Value = serde_json::from_slice(&output.stdout).context("status is not JSON")?;
        status["recorded"].as_u64().context("status has no number `recorded`")
    }
}
