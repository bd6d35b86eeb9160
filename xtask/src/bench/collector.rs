//! `cargo xtask bench collector`: what the collector takes, and how fast it answers.
//!
//! Taking is measured beside two yardsticks in the same run, best of several rounds: an nginx that writes nothing but its
//! access log, for requests with one event, and a bare SQLite insert loop with the same durable batches. The load comes
//! from `bench/load` on the same machine, so its share of the processors is missing from all of them alike.

mod answers;
mod yardstick;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use self::yardstick::Nginx;
use crate::demo::collector::Collector;
use crate::process::{self, Interrupt};
use crate::{terminal, workspace};

/// Clients that send one event a request, and those that send batches: enough that a slow disk does not leave them all
/// waiting for one commit.
const SINGLE_CLIENTS: u64 = 256;
const BATCH_CLIENTS: u64 = 32;
const BATCH: u64 = 64;
/// The limits that the table names.
const RATIO: f64 = 0.4;
const P99_MS: f64 = 100.0;
const MEMORY_MIB: f64 = 150.0;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How often each is measured; the best counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Answers are timed on a store with about so many made-up events; 0 leaves that out.
    #[arg(long, default_value_t = 0)]
    events: u64,
    /// The folder with a release build of the collector; without it that is built.
    #[arg(long)]
    bin_dir: Option<PathBuf>,
}

/// Measures and prints.
pub(super) fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    let program = match &options.bin_dir {
        Some(folder) => folder.join("telemetry-collector"),
        None => workspace::build_binaries(interrupt)?.telemetry_collector,
    };
    let bench = Bench { load: build()?, program, seconds: options.seconds, interrupt };
    bench.taking(options.rounds)?;
    if options.events > 0 {
        terminal::out("");
        answers::run(&bench.program, options.events, interrupt)?;
    }
    Ok(())
}

fn build() -> anyhow::Result<PathBuf> {
    let target = workspace::metadata()?.target_directory.into_std_path_buf().join("bench");
    let status = workspace::cargo()
        .args(["build", "--locked", "--release", "--manifest-path"])
        .arg(workspace::root().join("bench/load/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("bench/load was not built");
    }
    Ok(target.join("release/bench-load"))
}

struct Bench<'a> {
    load: PathBuf,
    program: PathBuf,
    seconds: u64,
    interrupt: &'a Interrupt,
}

/// The best of all rounds.
#[derive(Debug, Default)]
struct Best {
    nginx: Option<Load>,
    singles: Option<Load>,
    sqlite: f64,
    batches: Option<Load>,
    memory_mib: f64,
}

/// What the load generator saw.
#[derive(Debug, Clone, Copy)]
struct Load {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Bench<'_> {
    fn taking(&self, rounds: u32) -> anyhow::Result<()> {
        let mut best = Best::default();
        for _ in 0..rounds {
            self.round(&mut best)?;
        }
        let (Some(singles), Some(batches)) = (best.singles, best.batches) else { bail!("no round was run") };
        terminal::out(&format!(
            "best of {rounds} rounds of {} s; {SINGLE_CLIENTS} clients with single events, {BATCH_CLIENTS} with batches",
            self.seconds
        ));
        terminal::out(&format!("{:<44} {:>12} {:>9} {:>9}", "", "a second", "p50 ms", "p99 ms"));
        match best.nginx {
            Some(nginx) => row("nginx, access log only: requests", nginx),
            None => terminal::out("nginx, access log only: skipped, there is no nginx (apt: nginx-light)"),
        }
        row("collector, one event each: requests", singles);
        if let Some(nginx) = best.nginx {
            ratio(singles.per_second / nginx.per_second);
        }
        terminal::out(&format!("{:<44} {:>12.0}", "bare SQLite insert loop: events", best.sqlite));
        let events = Load { per_second: batches.per_second * BATCH as f64, ..batches };
        row(&format!("collector, batches of {BATCH}: events"), events);
        ratio(events.per_second / best.sqlite);
        self.at_half_load(singles, batches)?;
        terminal::out(&format!(
            "{:<44} {:>12.0}   limit {MEMORY_MIB:.0}",
            "anonymous memory after all that, MiB", best.memory_mib
        ));
        Ok(())
    }

    fn round(&self, best: &mut Best) -> anyhow::Result<()> {
        if let Some(nginx) = Nginx::start(self.interrupt)? {
            better(&mut best.nginx, self.http(nginx.address(), SINGLE_CLIENTS, 1, None)?);
        }
        let (_stage, collector) = self.collector()?;
        better(&mut best.singles, self.http(&address(&collector), SINGLE_CLIENTS, 1, None)?);
        drop(collector);
        let folder = stage()?;
        let bare = self.load(&["sqlite", &folder.path().to_string_lossy(), &BATCH.to_string()], &[])?;
        best.sqlite = best.sqlite.max(number(&bare, "events_per_second")?);
        let (_stage, collector) = self.collector()?;
        better(&mut best.batches, self.http(&address(&collector), BATCH_CLIENTS, BATCH, None)?);
        best.memory_mib = best.memory_mib.max(memory_mib(collector.id())?);
        Ok(())
    }

    /// How long an answer takes when there is time: latencies count from when a request was due.
    fn at_half_load(&self, singles: Load, batches: Load) -> anyhow::Result<()> {
        for (what, clients, records, full) in
            [("one event each", SINGLE_CLIENTS, 1, singles), ("batches", BATCH_CLIENTS, BATCH, batches)]
        {
            let (_stage, collector) = self.collector()?;
            let rate = (full.per_second / 2.0) as u64;
            let half = self.http(&address(&collector), clients, records, Some(rate))?;
            row(&format!("collector, {what}, at half that load: requests"), half);
            terminal::out(&format!("{:<44} {:>12} {:>19.0}   limit {P99_MS:.0}", "", "", half.p99_ms));
        }
        Ok(())
    }

    fn collector(&self) -> anyhow::Result<(TempDir, Collector)> {
        let stage = stage()?;
        let collector = Collector::start(self.program.clone(), stage.path(), 0, self.interrupt)?;
        Ok((stage, collector))
    }

    fn http(&self, address: &str, clients: u64, records: u64, rate: Option<u64>) -> anyhow::Result<Load> {
        let rate: Vec<String> = rate.iter().map(u64::to_string).collect();
        let rate: Vec<&str> = rate.iter().map(String::as_str).collect();
        let seen = self.load(&["http", address, &clients.to_string(), &records.to_string()], &rate)?;
        let (not_ok, broken) = (number(&seen, "not_ok")?, number(&seen, "broken")?);
        if not_ok > 0.0 || broken > 0.0 {
            bail!("{not_ok} answers were not 200, {broken} connections broke");
        }
        Ok(Load {
            per_second: number(&seen, "requests_per_second")?,
            p50_ms: number(&seen, "p50_us")? / 1000.0,
            p99_ms: number(&seen, "p99_us")? / 1000.0,
        })
    }

    fn load(&self, args: &[&str], after: &[&str]) -> anyhow::Result<Value> {
        self.interrupt.check()?;
        let mut command = Command::new(&self.load);
        command.args(args).arg(self.seconds.to_string()).args(after);
        serde_json::from_str(&process::stdout(&mut command)?).context("bench-load printed no JSON")
    }
}

fn stage() -> anyhow::Result<TempDir> {
    TempDir::new().context("cannot make a temporary folder; is TMPDIR writable?")
}

fn address(collector: &Collector) -> String {
    collector.url().trim_start_matches("http://").to_owned()
}

fn better(best: &mut Option<Load>, load: Load) {
    if best.is_none_or(|best| load.per_second > best.per_second) {
        *best = Some(load);
    }
}

fn row(what: &str, Load { per_second, p50_ms, p99_ms }: Load) {
    terminal::out(&format!("{what:<44} {per_second:>12.0} {p50_ms:>9.2} {p99_ms:>9.2}"));
}

fn ratio(ratio: f64) {
    terminal::out(&format!("{:<44} {ratio:>12.2}   limit {RATIO}", "  of that"));
}

fn number(seen: &Value, name: &str) -> anyhow::Result<f64> {
    seen[name].as_f64().with_context(|| format!("bench-load says nothing of {name}"))
}

/// What a process has that is not a file: heap and stacks.
fn memory_mib(id: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"))
        .context("cannot read the collector's memory")?;
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib: f64 = anonymous
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok())
        .context("the system does not say how much memory is anonymous")?;
    Ok(kib / 1024.0)
}

/// Longer than any of the programs takes to start.
const START_LIMIT: Duration = Duration::from_secs(20);
