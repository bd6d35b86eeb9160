//! How long each answer takes on a store with many events, without filters and with four.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::stage;
use crate::demo::collector::Collector;
use crate::process::{self, Interrupt};
use crate::terminal;

const DAYS: u64 = 90;
/// The last day of the made-up events: any fixed one does.
const FIRST_AND_LAST: (&str, &str) = ("2026-08-03", "2026-10-31");
/// What a made-up installation records a day, on average.
const EVENTS_PER_INSTALL_DAY: u64 = 7;
const ANSWERS: [&str; 8] =
    ["summary", "commands", "tools", "models", "sessions", "adoption", "retention", "health"];
const FILTERS: &str = "&version=1.5.0&os=linux&arch=amd64&caller=ci";
const TIMES: usize = 7;
const LIMIT_MS: f64 = 150.0;
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes up the events, asks, and prints.
pub(super) fn run(program: &Path, events: u64, interrupt: &Interrupt) -> anyhow::Result<()> {
    let stage = stage()?;
    let installs = (events / (DAYS * EVENTS_PER_INSTALL_DAY)).max(1);
    terminal::note(&format!("making up the events of {installs} installations"));
    let mut seed = Command::new(program);
    seed.args(["seed", "--installs", &installs.to_string(), "--days", &DAYS.to_string()]);
    seed.args(["--end", FIRST_AND_LAST.1, "--data"]).arg(stage.path().join("data"));
    terminal::out(process::stdout(&mut seed)?.trim_end());
    interrupt.check()?;
    let begun = Instant::now();
    let collector = Collector::start(program.to_owned(), stage.path(), 0, interrupt)?;
    let opened = begun.elapsed();
    let bytes = folder_bytes(&stage.path().join("data"))?;
    terminal::out(&format!(
        "opened in {:.2} s (limit 2); {:.0} MiB on disk",
        opened.as_secs_f64(),
        bytes as f64 / f64::from(1 << 20)
    ));
    terminal::out(&format!(
        "{:<12} {:>12} {:>12}   limit {LIMIT_MS:.0}",
        "median ms", "no filter", "4 filters"
    ));
    for answer in ANSWERS {
        interrupt.check()?;
        let (from, to) = FIRST_AND_LAST;
        let url = format!("{}/api/v1/{answer}?from={from}&to={to}", collector.url());
        let plain = median(&url)?;
        let filtered = median(&format!("{url}{FILTERS}"))?;
        terminal::out(&format!("{answer:<12} {plain:>12} {filtered:>12}"));
    }
    Ok(())
}

/// The median of several tries after a first one, or the status if it is no answer.
fn median(url: &str) -> anyhow::Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..=TIMES {
        let begun = Instant::now();
        let mut answer = agent.get(url).call().with_context(|| format!("cannot get {url}"))?;
        let status = answer.status();
        answer.body_mut().read_to_vec().with_context(|| format!("cannot read {url}"))?;
        if !status.is_success() {
            return Ok(format!("({})", status.as_u16()));
        }
        took.push(super::super::millis(begun.elapsed()));
    }
    Ok(format!("{:.1}", super::super::median(took.split_off(1))))
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
