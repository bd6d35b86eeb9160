//! `telemetry stats`: your own numbers, from what is on this machine: the log of requests and what waits.
//!
//! The log keeps the last 4 to 8 MiB, so these are recent numbers, not all there ever were.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use agent_telemetry::{Ended, LogLine};
use serde::Serialize;
use serde_json::Value;

use super::time;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup, json: bool) -> Outcome {
    let telemetry = startup.telemetry();
    let pending = telemetry.pending();
    let stats = Stats::of(records(&telemetry.log(), &pending));
    if json {
        output::data(&format!("{}\n", serde_json::to_string(&stats).unwrap_or_default()))?;
    } else {
        output::data(&stats.page())?;
    }
    Ok(Ended::SUCCESS)
}

/// The records of logged requests and those that wait, each once: a repeated request repeats its records.
fn records(log: &[LogLine], pending: &[String]) -> Vec<Value> {
    let bodies = log.iter().filter_map(|line| match line {
        LogLine::Request { body, .. } => serde_json::from_str::<Value>(body).ok(),
        _ => None,
    });
    let sent = bodies.flat_map(|mut body| match body["records"].take() {
        Value::Array(records) => records,
        _ => Vec::new(),
    });
    let waiting = pending.iter().filter_map(|record| serde_json::from_str(record).ok());
    let mut seen = HashSet::new();
    sent.chain(waiting)
        .filter(|record: &Value| record["event_id"].as_str().is_some_and(|id| seen.insert(id.to_owned())))
        .collect()
}

/// Calls of something, and how many failed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Calls {
    calls: u64,
    failures: u64,
}

/// What a model used. Money is in nano-dollars, so that sums are exact.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Model {
    calls: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost_nano_usd: u64,
    unpriced_calls: u64,
}

/// Your own numbers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Stats {
    since_ms: Option<u64>,
    events: u64,
    commands: BTreeMap<String, Calls>,
    tools: BTreeMap<String, Calls>,
    models: BTreeMap<String, Model>,
    sessions: BTreeMap<String, u64>,
}

impl Stats {
    fn of(records: Vec<Value>) -> Self {
        let mut stats = Self::default();
        for record in records {
            stats.add(&record);
        }
        stats
    }

    fn add(&mut self, record: &Value) {
        let at = record["event_timestamp"].as_u64();
        self.since_ms = match (self.since_ms, at) {
            (Some(since), Some(at)) => Some(since.min(at)),
            (since, at) => since.or(at),
        };
        self.events += 1;
        let properties = &record["properties"];
        let word = |name: &str| properties[name].as_str().unwrap_or("unknown").to_owned();
        let number = |name: &str| properties[name].as_u64().unwrap_or_default();
        let failed = properties["is_success"] == false;
        match (record["event"].as_str(), properties["action"].as_str()) {
            (Some("command"), Some(action)) => count(&mut self.commands, action.to_owned(), failed),
            (Some("tool"), _) => count(&mut self.tools, word("tool_name"), word("outcome") == "error"),
            (Some("session"), Some("end")) => *self.sessions.entry(word("outcome")).or_default() += 1,
            (Some("token"), _) => {
                let model = self
                    .models
                    .entry(format!("{}/{}", word("model_provider"), word("model_name")))
                    .or_default();
                model.calls += 1;
                model.input_tokens += number("input_tokens");
                model.output_tokens += number("output_tokens");
                match properties["cost"].as_f64() {
                    Some(cost) => model.cost_nano_usd += agent_telemetry::NanoUsd::from_usd(cost).get(),
                    None => model.unpriced_calls += 1,
                }
            }
            _ => {}
        }
    }

    fn page(&self) -> String {
        let Some(since) = self.since_ms else { return "Nothing is recorded here yet.\n".to_owned() };
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{} since {}, from this machine's own log.",
            super::events(self.events),
            time::at(since)
        );
        for (title, calls) in [("Commands", &self.commands), ("Tools", &self.tools)] {
            let rows = calls
                .iter()
                .map(|(name, calls)| (name, format!("{:>7}  {:>6} failed", calls.calls, calls.failures)));
            table(&mut out, title, rows);
        }
        let models = self.models.iter().map(|(name, model)| {
            let cost = match (model.unpriced_calls, model.cost_nano_usd) {
                (0, nano) => usd(nano),
                (unpriced, 0) => format!("price unknown ({unpriced} calls)"),
                (unpriced, nano) => format!("{} and {unpriced} calls of unknown price", usd(nano)),
            };
            (
                name,
                format!(
                    "{:>7}  {:>9} in  {:>9} out  {cost}",
                    model.calls, model.input_tokens, model.output_tokens
                ),
            )
        });
        table(&mut out, "Models", models);
        table(
            &mut out,
            "Sessions",
            self.sessions.iter().map(|(outcome, count)| (outcome, format!("{count:>7}"))),
        );
        out
    }
}

fn count(calls: &mut BTreeMap<String, Calls>, name: String, failed: bool) {
    let entry = calls.entry(name).or_default();
    entry.calls += 1;
    entry.failures += u64::from(failed);
}

fn table<'a>(out: &mut String, title: &str, rows: impl Iterator<Item = (&'a String, String)>) {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let _ = writeln!(out, "\n{title}");
    for (name, row) in rows {
        let _ = writeln!(out, "  {name:<width$} {row}");
    }
}

fn usd(nano: u64) -> String {
    let micro = nano.div_ceil(1000);
    format!("${}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: u32, event: &str, properties: Value) -> Value {
        json!({ "event_id": id.to_string(), "event": event, "event_timestamp": 1_790_000_000_000_u64 + u64::from(id), "properties": properties })
    }

    #[test]
    fn each_record_counts_once_and_sums_are_exact() {
        let records = [
            record(1, "command", json!({ "action": "run", "is_success": false })),
            record(2, "command", json!({ "action": "run", "is_success": true })),
            record(
                3,
                "tool",
                json!({ "action": "call", "tool_name": "shell", "outcome": "denied", "is_success": false }),
            ),
            record(
                4,
                "tool",
                json!({ "action": "call", "tool_name": "shell", "outcome": "error", "is_success": false }),
            ),
            record(
                5,
                "token",
                json!({ "model_provider": "openai", "model_name": "gpt-4o", "input_tokens": 100, "output_tokens": 5, "cost": 0.1 }),
            ),
            record(
                6,
                "token",
                json!({ "model_provider": "openai", "model_name": "gpt-4o", "input_tokens": 1, "output_tokens": 1, "cost": 0.2 }),
            ),
            record(
                7,
                "token",
                json!({ "model_provider": "openai", "model_name": "gpt-4o", "input_tokens": 1, "output_tokens": 1 }),
            ),
            record(8, "session", json!({ "action": "end", "outcome": "completed" })),
        ];
        let body = json!({ "records": records[..4] }).to_string();
        let line = |body: &str| LogLine::Request {
            id: String::new(),
            at_ms: 0,
            method: String::new(),
            url: String::new(),
            headers: Vec::new(),
            body: body.to_owned(),
        };
        let pending: Vec<String> = records[3..].iter().map(ToString::to_string).collect();
        let stats = Stats::of(super::records(&[line(&body), line(&body)], &pending));
        assert_eq!(stats.events, 8);
        assert_eq!(stats.commands["run"], Calls { calls: 2, failures: 1 });
        assert_eq!(stats.tools["shell"], Calls { calls: 2, failures: 1 });
        let model = &stats.models["openai/gpt-4o"];
        assert_eq!((model.cost_nano_usd, model.unpriced_calls, model.input_tokens), (300_000_000, 1, 102));
        assert!(stats.page().contains("$0.300000 and 1 calls of unknown price"), "{}", stats.page());
    }
}
