//! The events as the collector has stored them, asked for page by page and told in one line each.

use anyhow::{Context, bail};
use serde_json::Value;

use super::http;
use crate::terminal;

const PAGE: usize = 200;

/// Prints events once.
#[derive(Debug, Default)]
pub(super) struct Shown {
    after: u64,
}

impl Shown {
    /// Prints what was stored since the last call.
    pub(super) fn print_new(&mut self, url: &str) -> anyhow::Result<()> {
        for event in after(url, &mut self.after)? {
            terminal::out(&format!("  {}", line(&event)));
        }
        Ok(())
    }
}

/// Returns all stored events.
pub(crate) fn all(url: &str) -> anyhow::Result<Vec<Value>> {
    after(url, &mut 0)
}

/// Returns the events behind a position, which moves to the last of them.
fn after(url: &str, position: &mut u64) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    loop {
        let address = format!("{url}/api/v1/events?after={position}&limit={PAGE}");
        let Value::Object(mut page) = http::get(&address)? else { bail!("{address} is no object") };
        let Some(Value::Array(events)) = page.remove("events") else { bail!("{address} has no `events`") };
        let Some(last) = events.last() else { return Ok(found) };
        let row = last["row"].as_u64().with_context(|| format!("{address}: an event has no `row`"))?;
        if row <= *position {
            bail!("{address} answers with events at or before {position}");
        }
        *position = row;
        found.extend(events);
    }
}

/// Returns a property of an event, wherever in the answer it stands.
pub(crate) fn property<'a>(event: &'a Value, name: &str) -> &'a Value {
    match &event["properties"][name] {
        Value::Null => &event[name],
        found => found,
    }
}

/// Tells an event: time, event, action, what it is about, and its main numbers.
fn line(event: &Value) -> String {
    let (about, numbers): (&[&str], &[&str]) = match event["event"].as_str().unwrap_or_default() {
        "command" => (&["flags", "error"], &["exit_code", "duration_ms"]),
        "session" => (
            &["agent_name", "model_provider", "model_name", "outcome"],
            &["turns", "tool_calls", "tool_errors", "total_tokens", "cost", "duration_ms"],
        ),
        "tool" => (&["tool_name", "tool_kind", "outcome", "error"], &["duration_ms"]),
        "token" => (
            &["model_provider", "model_name", "purpose"],
            &["input_tokens", "output_tokens", "cost", "duration_ms"],
        ),
        _ => (&[], &[]),
    };
    let words = about.iter().map(|name| word(property(event, name))).filter(|word| !word.is_empty());
    let numbers = numbers.iter().filter_map(|name| match property(event, name) {
        Value::Null => None,
        number => Some(format!("{name}={}", word(number))),
    });
    let time = time_of_day(event["event_timestamp"].as_u64().unwrap_or_default());
    let (kind, action) = (word(&event["event"]), word(property(event, "action")));
    let rest = words.chain(numbers).collect::<Vec<_>>().join(" ");
    format!("{time}  {kind:<8} {action:<8} {rest}")
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Renders the UTC time of day of a Unix time in milliseconds.
fn time_of_day(ms: u64) -> String {
    let seconds = ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_told_in_a_line() {
        let event = json!({
            "row": 7, "event_id": "x", "event": "tool", "event_timestamp": 1_790_000_000_012_u64,
            "properties": {"action": "call", "tool_name": "read_file", "tool_kind": "builtin", "outcome": "error",
                           "error": "not_found", "duration_ms": 3, "user_uuid": "u"}
        });
        assert_eq!(
            line(&event),
            "14:13:20.012  tool     call     read_file builtin error not_found duration_ms=3"
        );
    }

    #[test]
    fn lists_are_joined_and_what_is_absent_is_left_out() {
        let event = json!({
            "event": "command", "event_timestamp": 0, "action": "run", "flags": ["exec", "yolo"], "exit_code": 0
        });
        assert_eq!(line(&event), "00:00:00.000  command  run      exec,yolo exit_code=0");
    }
}
