//! What [`Capture`](super::Capture) and [`FakeCollector`](super::FakeCollector) can be asked, with answers that say
//! what was there instead.

use std::fmt::Write as _;

use serde_json::Value;

/// The questions about single events, for a type that has `records()`; `$came` says how they came there.
macro_rules! questions {
    ($came:literal) => {
        #[doc = concat!("How many events ", $came, " of a name (`tool`) or of a name and action (`session.end`).")]
        #[must_use]
        pub fn count(&self, event: &str) -> usize {
            self.all(event).len()
        }

        #[doc = concat!("The properties of all events that ", $came, " of a name (`tool`) or of a name and action")]
        /// (`session.end`), in order.
        #[must_use]
        pub fn all(&self, event: &str) -> Vec<Value> {
            assertions::properties(&self.records(), event)
        }

        #[doc = concat!("The properties of the one event that ", $came, " of a name (`tool`) or of a name and action")]
        /// (`session.end`).
        ///
        /// # Panics
        ///
        /// Unless there is exactly one; says what there is instead.
        #[must_use]
        #[track_caller]
        pub fn only(&self, event: &str) -> Value {
            assertions::only(&self.records(), event)
        }
    };
}
pub(super) use questions;

/// Records as JSON.
#[track_caller]
pub(super) fn parse(lines: &[String]) -> Vec<Value> {
    let parse = |line: &String| match serde_json::from_str(line) {
        Ok(record) => record,
        Err(error) => panic!("a record is not JSON ({error}): {line}"),
    };
    lines.iter().map(parse).collect()
}

/// The properties of all records that an event's name means, in order.
pub(super) fn properties(records: &[Value], event: &str) -> Vec<Value> {
    records.iter().filter(|record| is(record, event)).map(|record| record["properties"].clone()).collect()
}

/// The properties of the one record that an event's name means.
#[track_caller]
pub(super) fn only(records: &[Value], event: &str) -> Value {
    let mut found = properties(records, event);
    assert!(found.len() == 1, "expected one `{event}`, found {}{}", found.len(), listed(records));
    found.remove(0)
}

fn is(record: &Value, event: &str) -> bool {
    let (name, action) = event.split_once('.').map_or((event, None), |(name, action)| (name, Some(action)));
    record["event"] == name && action.is_none_or(|action| record["properties"]["action"] == action)
}

/// The records in a list for people.
pub(super) fn listed(records: &[Value]) -> String {
    if records.is_empty() {
        return "; nothing was recorded (is the event in the catalogue that the test uses?)".to_owned();
    }
    let mut out = String::from("; recorded:");
    for record in records {
        let event = record["event"].as_str().unwrap_or("?");
        let action = record["properties"]["action"].as_str().map(|action| format!(".{action}"));
        // Writing to a `String` cannot fail.
        let _ = write!(out, "\n  {event}{} {}", action.unwrap_or_default(), record["properties"]);
    }
    out
}

/// Fails when one of the texts is in the bytes, in upper or lower case.
#[track_caller]
pub(super) fn no_text(place: &str, bytes: &[u8], texts: &[&str]) {
    const AROUND: usize = 60;
    for text in texts {
        assert!(!text.is_empty(), "an empty text is everywhere");
        let found = bytes.windows(text.len()).position(|part| part.eq_ignore_ascii_case(text.as_bytes()));
        if let Some(at) = found {
            let excerpt = &bytes[at.saturating_sub(AROUND)..bytes.len().min(at + text.len() + AROUND)];
            panic!("{text:?} is in {place}: …{}…", String::from_utf8_lossy(excerpt));
        }
    }
}
