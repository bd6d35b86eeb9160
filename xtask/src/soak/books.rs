//! Both sides' books: what a home says it recorded, and what the collector has of it.

use std::collections::HashSet;

use anyhow::Context;
use serde_json::Value;

use super::home::Home;
use crate::demo::events;
use crate::terminal;

/// What was counted.
#[derive(Debug)]
pub(super) struct Books {
    /// Events that must have been recorded, whatever anybody says.
    expected: usize,
    /// Events whose recording was over, by the debug log.
    seen: usize,
    /// Events the client says it recorded.
    recorded: u64,
    /// Events the client says it gave up.
    lost: u64,
    /// Events the client says are still there.
    pending: u64,
    /// Events that the collector lists.
    listed: usize,
    /// Different events among these.
    stored: usize,
    /// Events whose recording was over and that the collector does not have.
    missing: usize,
}

impl Books {
    pub(super) const HEAD: &'static str =
        "part                        expected    seen  recorded  stored  doubled  given up  pending";

    /// Compares a home with the collector; `more` events were recorded by commands that are not sessions.
    pub(super) fn balance(home: &Home, collector: &str, more: usize) -> anyhow::Result<Self> {
        let status = home.status()?;
        let number = |value: &Value| value.as_u64().context("a number is missing in the status");
        let user = status["user_uuid"].as_str().context("there is no id in the status")?.to_owned();
        let listed: Vec<String> = events::all(collector)?
            .iter()
            .filter(|event| *events::property(event, "user_uuid") == *user)
            .filter_map(|event| event["event_id"].as_str().map(str::to_owned))
            .collect();
        let stored: HashSet<&String> = listed.iter().collect();
        let seen = home.seen()?;
        let losses = status["losses"].as_object().context("there are no losses in the status")?;
        Ok(Self {
            expected: if home.expected > 0 { home.expected + more } else { 0 },
            recorded: number(&status["recorded"])?,
            lost: losses.values().filter_map(Value::as_u64).sum(),
            pending: number(&status["pending"]["events"])?,
            missing: seen.iter().filter(|id| !stored.contains(id)).count(),
            seen: seen.len(),
            stored: stored.len(),
            listed: listed.len(),
        })
    }

    /// Prints a line and returns what is wrong.
    pub(super) fn report(&self, part: &str) -> Vec<String> {
        let expected = if self.expected > 0 { self.expected.to_string() } else { "-".to_owned() };
        terminal::out(&format!(
            "{part:<27} {expected:>8} {:>7} {:>9} {:>7} {:>8} {:>9} {:>8}",
            self.seen,
            self.recorded,
            self.stored,
            self.listed - self.stored,
            self.lost,
            self.pending
        ));
        let mut faults = Vec::new();
        let mut check = |fine: bool, fault: String| {
            if !fine {
                faults.push(format!("{part}: {fault}"));
            }
        };
        check(self.missing == 0, format!("{} recorded events are not stored", self.missing));
        check(self.listed == self.stored, format!("{} events are stored twice", self.listed - self.stored));
        check(
            self.recorded == self.stored as u64 + self.lost + self.pending,
            format!(
                "{} recorded, but {} stored, {} given up, {} pending",
                self.recorded, self.stored, self.lost, self.pending
            ),
        );
        check(
            self.expected == 0 || self.stored == self.expected,
            format!("{} stored, {} expected", self.stored, self.expected),
        );
        check(self.lost == 0, format!("{} given up", self.lost));
        check(self.pending == 0, format!("{} left over", self.pending));
        faults
    }
}
