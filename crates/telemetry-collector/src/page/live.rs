//! The newest events, exactly as they were stored; a script adds those that arrive.

use askama::Template;
use serde_json::Value;

use super::format::{Shown, moment, moment_seen};
use super::layout::Layout;
use super::state::State;
use crate::store::{EventRow, UnixMs};

/// How many events the page starts with.
pub(crate) const LIVE_EVENTS: u32 = 50;
/// Properties that say where an event comes from, not what happened.
const ORIGIN: [&str; 8] = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema", "action"];

/// The list of the newest events.
#[derive(Debug, Template)]
#[template(path = "live.html")]
pub(crate) struct Live {
    pub(crate) layout: Layout,
    events: Vec<Event>,
    /// The script continues after it.
    last_row: i64,
    made_at: Shown,
}

#[derive(Debug)]
struct Event {
    row: i64,
    at: Shown,
    event: String,
    action: String,
    facts: Vec<(String, String)>,
    origin: String,
    install: String,
}

impl Live {
    /// The newest events, oldest first; days and filters of the state are kept for the other pages.
    pub(crate) fn new(newest: &[EventRow], state: &State, now_ms: UnixMs) -> Self {
        Self {
            layout: Layout::of("live", "/live", state).with_live(),
            events: newest.iter().rev().map(|event| Event::new(event, now_ms)).collect(),
            last_row: newest.last().map_or(0, |event| event.row),
            made_at: moment(now_ms),
        }
    }
}

impl Event {
    fn new(event: &EventRow, now_ms: UnixMs) -> Self {
        let text = |name: &str| match event.properties.get(name) {
            Some(Value::String(text)) => text.clone(),
            // As the script writes it.
            Some(Value::Number(number)) => number.to_string().trim_end_matches(".0").to_owned(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let own = event.properties.keys().filter(|name| !ORIGIN.contains(&name.as_str()));
        Self {
            row: event.row,
            at: moment_seen(event.event_timestamp, now_ms),
            event: event.event.clone(),
            action: text("action"),
            facts: own.map(|name| (name.clone(), text(name))).collect(),
            origin: format!("{} {}/{} {}", text("version"), text("os"), text("arch"), text("caller")),
            install: text("user_uuid").chars().take(8).collect(),
        }
    }
}
