//! `cargo xtask demo`: the main job on a fresh machine, with real programs and nothing else.
//!
//! Builds what users build, starts the collector, lets the example agents run with telemetry on, and shows each event
//! as it was stored.
//! With `--once` it is a check: the collector is killed in the middle, a command runs while nobody listens, every
//! request is repeated, and then the client's own account is held against what the collector has.
//! Nothing here knows what the numbers should be; they are counted on both sides and must agree.

mod account;
mod agent;
pub(crate) mod collector;
pub(crate) mod events;
mod examples;
mod http;
mod summary;
mod totals;

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use self::account::{Account, Reckoning};
use self::agent::Agent;
use self::collector::Collector;
use self::examples::{EXAMPLES, Example};
use crate::process::Interrupt;
use crate::{terminal, workspace};

/// Where the collector takes events.
const TRACK_PATH: &str = "/events/v1/track";

/// The run after which `--once` kills the collector.
const RUNS_BEFORE_KILL: usize = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Checks that nothing was lost or doubled, also when the collector is killed, and ends.
    #[arg(long)]
    once: bool,
    /// The port of the collector; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Runs the demo.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let binaries = workspace::build_binaries(&interrupt)?;
    // Declared before the programs that use it, so that it goes after them.
    let stage = Stage::set()?;
    let mut collector =
        Collector::start(binaries.telemetry_collector, stage.path(), options.port, &interrupt)?;
    let agent = Agent::new(binaries.docker_agent, stage.path(), &collector.url());
    terminal::out(&format!("collector {}", collector.url()));

    let mut shown = events::Shown::default();
    for (index, example) in EXAMPLES.iter().enumerate() {
        run_example(&agent, example, &interrupt)?;
        if options.once && index + 1 == RUNS_BEFORE_KILL {
            interrupt_delivery(&mut collector, &agent, &interrupt)?;
        } else {
            agent.flush(&interrupt)?;
            shown.print_new(&collector.url())?;
        }
    }

    if options.once {
        return settle(&agent, &collector.url(), &interrupt);
    }
    show_summary(&collector.url())?;
    terminal::out(&format!("\nThe page is at {}/ until you press Ctrl-C.", collector.url()));
    interrupt.wait_until(|| collector.has_ended())?;
    bail!("the collector has ended by itself; its last words:\n{}", collector.last_words())
}

fn run_example(agent: &Agent, example: &Example, interrupt: &Interrupt) -> anyhow::Result<()> {
    terminal::out(&format!("\n{}: {}", example.name, example.shows));
    let said = agent.run(example, interrupt).with_context(|| format!("example {} failed", example.name))?;
    said.lines().for_each(|line| terminal::out(&format!("  | {line}")));
    Ok(())
}

/// Kills the collector while it may be receiving, has a command recorded while nobody listens, and starts it again.
fn interrupt_delivery(collector: &mut Collector, agent: &Agent, interrupt: &Interrupt) -> anyhow::Result<()> {
    collector.kill();
    terminal::out("\nthe collector was killed (SIGKILL) before anybody waited for delivery");
    agent.version(interrupt).context("a command failed because nobody takes its telemetry")?;
    terminal::out("one more command ran while nobody listened");
    collector.restart(interrupt)?;
    terminal::out("the collector is back, with the same port and data");
    Ok(())
}

/// Holds the client's account against the collector's, prints the result as the last line, and fails if they differ.
fn settle(agent: &Agent, url: &str, interrupt: &Interrupt) -> anyhow::Result<()> {
    let account =
        Account::read(&agent.status(interrupt)?, &agent.log(interrupt)?, &agent.pending(interrupt)?)?;
    // What a client does that never got an answer. Nothing may come of it.
    for body in account.bodies() {
        http::post(&format!("{url}{TRACK_PATH}"), body).context("a repeated request was refused")?;
    }
    terminal::out(&format!("\neach request was repeated ({})", account.bodies().len()));
    let summary = show_summary(url)?;
    let stored = events::all(url)?;
    let reckoning = Reckoning::new(&account, &stored, &summary);
    for problem in &reckoning.problems {
        terminal::note(&format!("problem: {problem}"));
    }
    terminal::out(&reckoning.line(EXAMPLES.len(), &format!("{url}/")));
    if reckoning.problems.is_empty() {
        Ok(())
    } else {
        bail!("what the client recorded and what the collector has do not agree")
    }
}

fn show_summary(url: &str) -> anyhow::Result<Value> {
    let summary = http::get(&format!("{url}/api/v1/summary"))?;
    terminal::out("");
    summary::lines(&summary).iter().for_each(|line| terminal::out(line));
    Ok(summary)
}

/// The folders that the programs use; they go with this value.
#[derive(Debug)]
struct Stage(TempDir);

impl Stage {
    fn set() -> anyhow::Result<Stage> {
        let folder = tempfile::Builder::new().prefix("docker-agent-demo-").tempdir();
        let stage = Stage(folder.context("cannot make a temporary folder; is TMPDIR writable?")?);
        std::fs::create_dir(stage.path().join("home")).context("cannot make a home folder")?;
        let examples = workspace::root().join("examples");
        copy_folder(&examples, &stage.path().join("work").join("examples"))
            .with_context(|| format!("cannot copy {}", examples.display()))?;
        Ok(stage)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_copied_with_what_is_below() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir_all(from.join("deep")).unwrap();
        std::fs::write(from.join("deep").join("file"), "text").unwrap();
        copy_folder(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("deep").join("file")).unwrap(), "text");
    }
}
