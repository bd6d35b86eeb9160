//! `cargo xtask soak`: programs that exit at once, are killed, run side by side or have no network, by the hundred.
//!
//! Counts on both sides: what the programs say they recorded, and what a real collector has stored.
//! Ends with an error when one event was lost or doubled, or when a dead network was asked again and again.

mod books;
mod home;
mod offline;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use self::books::Books;
use self::home::Home;
use crate::demo::collector::Collector;
use crate::process::{Guard, Interrupt};
use crate::{session, terminal, workspace};

/// Processes that run at once.
const AT_ONCE: usize = 40;
/// Longer than a run takes on any machine.
const RUN_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many sessions each part runs.
    #[arg(long, default_value_t = 200)]
    runs: usize,
    /// How many short commands run without a network.
    #[arg(long, default_value_t = 1000)]
    offline_runs: usize,
    /// The folder with release builds of both programs; without it they are built.
    #[arg(long)]
    bin_dir: Option<PathBuf>,
    /// What the random moments are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs all parts.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let (agent, collector) = match &options.bin_dir {
        Some(folder) => (folder.join("docker-agent"), folder.join("telemetry-collector")),
        None => {
            let built = workspace::build_binaries(&interrupt)?;
            (built.docker_agent, built.telemetry_collector)
        }
    };
    // Declared before the programs that use it, so that it goes after them.
    let stage = TempDir::new().context("cannot make a temporary folder; is TMPDIR writable?")?;
    let collector = Collector::start(collector, stage.path(), 0, &interrupt)?;
    let soak = Soak { agent, collector: collector.url(), runs: options.runs, interrupt };
    let mut random = Random(options.seed.max(1));

    terminal::out(Books::HEAD);
    let mut faults = Vec::new();
    for (part, home) in [
        ("exit at once", soak.exit_at_once()?),
        ("killed at any moment", soak.killed(&mut random)?),
        ("side by side, half killed", soak.side_by_side(&mut random)?),
    ] {
        faults.extend(soak.settle(part, &home)?.report(part));
    }
    faults.extend(offline::run(&soak, options.offline_runs)?);
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    terminal::out("\nNothing was lost, nothing was doubled.");
    Ok(())
}

/// What all parts use.
#[derive(Debug)]
struct Soak {
    agent: PathBuf,
    collector: String,
    runs: usize,
    interrupt: Interrupt,
}

impl Soak {
    fn home(&self) -> anyhow::Result<Home> {
        Home::new(&self.agent, &self.collector)
    }

    /// Sessions that end right after the last event was recorded.
    fn exit_at_once(&self) -> anyhow::Result<Home> {
        let mut home = self.home()?;
        for _ in 0..self.runs {
            self.interrupt.check()?;
            let mut run = Guard::new(home.start(&session::ARGUMENTS, Stdio::null())?, "docker-agent");
            let status = run.wait_for(RUN_LIMIT, &self.interrupt)?;
            if !status.success() {
                bail!("docker-agent ended with {status}");
            }
            home.must_record(session::EVENTS);
        }
        Ok(home)
    }

    /// Sessions that are killed with SIGKILL, at a moment anywhere in their life.
    fn killed(&self, random: &mut Random) -> anyhow::Result<Home> {
        let home = self.home()?;
        let begun = Instant::now();
        Guard::new(home.start(&session::ARGUMENTS, Stdio::null())?, "docker-agent")
            .wait_for(RUN_LIMIT, &self.interrupt)?;
        let life = begun.elapsed();
        for _ in 0..self.runs {
            self.interrupt.check()?;
            let mut run = Guard::new(home.start(&session::ARGUMENTS, Stdio::null())?, "docker-agent");
            std::thread::sleep(random.part_of(life));
            run.kill();
        }
        Ok(home)
    }

    /// Sessions that run at once in one home; every other one is killed.
    fn side_by_side(&self, random: &mut Random) -> anyhow::Result<Home> {
        let home = self.home()?;
        let mut left = self.runs;
        while left > 0 {
            let now = left.min(AT_ONCE);
            left -= now;
            let begun = Instant::now();
            let start = |_| Ok(Guard::new(home.start(&session::ARGUMENTS, Stdio::null())?, "docker-agent"));
            let mut running = (0..now).map(start).collect::<anyhow::Result<Vec<_>>>()?;
            let life = begun.elapsed() * 2;
            for (at, run) in running.iter_mut().enumerate() {
                self.interrupt.check()?;
                if at % 2 == 0 {
                    std::thread::sleep(random.part_of(life / u32::try_from(now).unwrap_or(1)));
                    run.kill();
                }
            }
            for run in &mut running {
                run.wait_for(RUN_LIMIT, &self.interrupt)?;
            }
        }
        Ok(home)
    }

    /// One more command and a flush, and then both sides are counted.
    fn settle(&self, part: &str, home: &Home) -> anyhow::Result<Books> {
        home.run(&["version"])?;
        home.flush().with_context(|| format!("{part}: not everything was taken"))?;
        Books::balance(home, &self.collector, 1)
    }
}

/// Random moments that can be had again.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Marsaglia's xorshift64.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn part_of(&mut self, whole: Duration) -> Duration {
        whole * u32::try_from(self.next() % 1000).unwrap_or(0) / 1000
    }
}
