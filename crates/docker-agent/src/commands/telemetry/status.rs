//! `telemetry status`: whether anything is sent, what decided that, and what waits.

use std::fmt::Write as _;

use agent_telemetry::{Ended, Status};

use super::time;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup, json: bool, check: bool) -> Outcome {
    let status = startup.telemetry().status();
    if json {
        let text = serde_json::to_string_pretty(&status).unwrap_or_default();
        output::data(&format!("{text}\n"))?;
    } else {
        output::data(&page(&status, time::now_ms()))?;
    }
    if check && (status.state != "on" || keeps_nothing(&status)) {
        super::not_reached()
    } else {
        Ok(Ended::SUCCESS)
    }
}

/// Whether nothing is recorded although nothing says off: only an explicit yes in the environment sends from memory.
fn keeps_nothing(status: &Status) -> bool {
    status.not_kept.is_some() && !(status.state == "on" && status.decided_by == "TELEMETRY_ENABLED")
}

/// What a state means, in a sentence or two.
fn meaning(status: &Status) -> String {
    let decided_by = status.decided_by;
    let nowhere = status.endpoint_problem.unwrap_or("no endpoint");
    match (status.state, &status.not_kept) {
        ("off", _) => format!("off: nothing is recorded or sent, because of the {}", named(decided_by)),
        (state, Some(problem)) if keeps_nothing(status) => {
            format!("{state}, but nothing is recorded or sent:\n{problem}")
        }
        ("on", Some(problem)) => format!("on: events are sent, but cannot be kept for later:\n{problem}"),
        ("on", None) if decided_by == "notice" => {
            "on: events are sent. The notice was shown in an earlier run".to_owned()
        }
        ("on", None) => format!("on: events are sent, because of the {}", named(decided_by)),
        (_, _) if decided_by == "notice" => {
            "held: events wait here until a command that runs after the notice".to_owned()
        }
        (_, _) => format!("held: events are kept on this machine ({nowhere})"),
    }
}

/// An input in the middle of a sentence.
fn named(input: &str) -> String {
    if input.starts_with(|c: char| c.is_ascii_uppercase()) {
        format!("variable {input}")
    } else {
        input.to_owned()
    }
}

/// What an input does in a state, in words that follow its value; nothing where it does nothing.
fn effect(effect: &str, state: &str) -> &'static str {
    match (effect, state) {
        ("off", _) => ": says no",
        ("on", _) => ": says yes",
        ("hold", "held") => ": keeps events here",
        ("ignored", _) => ": is ignored",
        _ => "",
    }
}

fn page(status: &Status, now_ms: u64) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Telemetry is {}.\n", meaning(status));
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let names = width(&mut status.inputs.iter().map(|input| input.name.chars().count()));
    for input in &status.inputs {
        let mark = if input.name == status.decided_by { '*' } else { ' ' };
        let effect = effect(input.effect, status.state);
        let _ = writeln!(out, "{mark} {:names$}  {}{effect}", input.name, input.value);
    }
    out.push_str("\n* decides\n");
    out.push('\n');
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<15}{value}");
    };
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or_else(|| "nowhere: HOME is not set".to_owned(), |path| path.display().to_string())
    };
    row("goes to", status.endpoint.clone().unwrap_or_else(|| "none".to_owned()));
    row("installation", status.user_uuid.clone().unwrap_or_else(|| "no id yet".to_owned()));
    row("settings", path(&status.dirs.config));
    row("files", path(&status.dirs.telemetry));
    row("waiting", waiting(status, now_ms));
    row("recorded", format!("{} so far", super::events(status.recorded)));
    row("lost", lost(status));
    row("last delivery", status.last_delivery_ms.map_or("never".to_owned(), |at| time::ago(at, now_ms)));
    if status.breaker.failures > 0 {
        let pause = match status.breaker.open_until_ms {
            Some(until) => format!(", next attempt in {}", time::span(until.saturating_sub(now_ms))),
            None => String::new(),
        };
        row("failures", format!("{} in a row{pause}", status.breaker.failures));
    }
    row("log", time::size(status.log_bytes));
    out.push_str("\nSee more:       telemetry log, telemetry log --pending, telemetry explain\n");
    let _ = match (status.state, status.decided_by) {
        // A saved yes would not help.
        ("off", name @ ("TELEMETRY_ENABLED" | "DO_NOT_TRACK")) => {
            writeln!(out, "Turn it on:     unset {name}")
        }
        ("off", _) => writeln!(out, "Turn it on:     telemetry enable"),
        _ => writeln!(out, "Turn it off:    telemetry disable"),
    };
    out
}

fn waiting(status: &Status, now_ms: u64) -> String {
    let pending = &status.pending;
    let oldest = match pending.oldest_ms {
        Some(at) if pending.events > 0 => format!(", the oldest from {}", time::ago(at, now_ms)),
        _ => String::new(),
    };
    format!("{}, {}{oldest}", super::events(pending.events), time::size(pending.bytes))
}

fn lost(status: &Status) -> String {
    let losses = &status.losses;
    let reasons = [
        (losses.evicted, "for lack of room"),
        (losses.expired, "too old"),
        (losses.rejected, "refused by the collector"),
        (losses.too_big, "too big"),
    ];
    let reasons: Vec<String> =
        reasons.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") }
}
