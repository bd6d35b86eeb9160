//! A second, small opinion of what is taken: from a body to the rows that must come of it.
//!
//! Knows the exported catalogue as plain JSON and the rules as `docs` state them; shares no code with the collector
//! but the JSON parser.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::harness::{DAY, NOW};

/// The rows of all bodies so far.
pub(crate) struct Model {
    catalogue: Value,
    seen: BTreeSet<String>,
    pub(crate) rows: Vec<Value>,
}

impl Model {
    /// `catalogue` as it is exported.
    pub(crate) fn new(catalogue: Value) -> Self {
        Self { catalogue, seen: BTreeSet::new(), rows: Vec::new() }
    }

    /// Takes a body; returns how many new rows come of it.
    pub(crate) fn take(&mut self, body: &[u8]) -> usize {
        let before = self.rows.len();
        if body.len() > 65_536 {
            return 0;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return 0 };
        let Some(records) = body.get("records").and_then(Value::as_array) else { return 0 };
        if !(1..=64).contains(&records.len()) {
            return 0;
        }
        for record in records {
            if let Some(row) = self.row(record) {
                let id = row["event_id"].as_str().map(str::to_owned);
                // The first content of an id stays.
                if id.is_none_or(|id| self.seen.insert(id)) {
                    self.rows.push(row);
                }
            }
        }
        self.rows.len() - before
    }

    fn row(&self, record: &Value) -> Option<Value> {
        if record.to_string().len() > 4096 || record.get("source")? != "docker-agent" {
            return None;
        }
        let given = record.get("properties")?.as_object()?;
        let event = record.get("event")?.as_str()?;
        let definition = self.catalogue["events"].as_array()?.iter().find(|definition| {
            let action = definition.get("action");
            definition["event"] == event && (action.is_none() || action == given.get("action"))
        })?;
        let at = whole(record.get("event_timestamp")?, 1 << 53)?;
        if !(NOW - 45 * DAY..=NOW + DAY).contains(&i64::try_from(at).ok()?) {
            return None;
        }
        let id = match record.get("event_id") {
            None => Value::Null,
            Some(id) => uuid(id)?,
        };
        let mut kept = Map::new();
        kept.extend(definition.get("action").map(|action| ("action".to_owned(), action.clone())));
        for field in definition["fields"].as_array()?.iter().chain(self.catalogue["common"].as_array()?) {
            let name = field["name"].as_str()?;
            match given.get(name) {
                Some(value) => kept.insert(name.to_owned(), property(&field["kind"], value)?),
                None if field["required"] == true => return None,
                None => match field["absent_means"].as_u64() {
                    Some(_) if field["kind"]["type"] == "map" => kept.insert(name.to_owned(), json!({})),
                    Some(number) => kept.insert(name.to_owned(), number.into()),
                    None => continue,
                },
            };
        }
        Some(json!({
            "event_id": id, "event": event, "event_timestamp": at, "source": "docker-agent", "properties": kept,
        }))
    }
}

fn property(kind: &Value, value: &Value) -> Option<Value> {
    let listed =
        |key: &str, word: &str| kind[key].as_array().is_some_and(|words| words.iter().any(|w| w == word));
    match kind["type"].as_str()? {
        "bool" => value.as_bool().map(Value::Bool),
        "count" | "tokens" | "millis" => whole(value, 1 << 53).map(Value::from),
        "exit_code" => whole(value, 255).map(Value::from),
        "usd" => dollars(value),
        "uuid" => uuid(value),
        "closed" => value.as_str().filter(|word| listed("values", word)).map(Value::from),
        "version" => value.as_str().filter(|text| is_version(text)).map(Value::from),
        "language" => value.as_str().filter(|text| is_language(text)).map(Value::from),
        "name" => value.as_str().filter(|text| is_name(text)).map(Value::from),
        "set" => {
            let mut kept: Vec<Value> = Vec::new();
            for word in value.as_array()? {
                if listed("values", word.as_str()?) && !kept.contains(word) {
                    kept.push(word.clone());
                }
            }
            Some(Value::Array(kept))
        }
        "map" => {
            let mut kept = Map::new();
            for (key, count) in value.as_object()? {
                let count = whole(count, 1 << 53)?;
                if listed("keys", key) {
                    kept.insert(key.clone(), count.into());
                }
            }
            Some(Value::Object(kept))
        }
        other => panic!("{other}"),
    }
}

fn whole(value: &Value, max: u64) -> Option<u64> {
    let number = value.as_f64()?;
    (number >= 0.0 && number.fract() == 0.0 && number <= max as f64)
        .then(|| value.as_u64().unwrap_or(number as u64))
        .filter(|number| *number <= max)
}

/// To the nearest nano-dollar, and not above 2^53 of them.
fn dollars(value: &Value) -> Option<Value> {
    let nano = (value.as_f64()? * 1e9).round();
    (value.as_f64()? >= 0.0 && nano <= (1_u64 << 53) as f64).then(|| json!(nano / 1e9))
}

fn uuid(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let shaped = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    shaped.then(|| Value::from(text.to_ascii_lowercase()))
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(byte);
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(allowed)
        && !["..", "://"].iter().any(|part| text.contains(part))
        && !(bytes.len() >= 3 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":/")
}

fn is_version(text: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().is_ok_and(|number| number.to_string() == text);
    let (numbers, stage) =
        text.split_once('-').map_or((text, None), |(numbers, stage)| (numbers, Some(stage)));
    let stage_ok = match stage {
        None | Some("dev") => true,
        Some(stage) => stage
            .split_once('.')
            .is_some_and(|(word, count)| ["alpha", "beta", "rc"].contains(&word) && number(count)),
    };
    text == "dev" || (numbers.split('.').count() == 3 && numbers.split('.').all(number) && stage_ok)
}

fn is_language(text: &str) -> bool {
    let letters = |text: &str, lower: bool| {
        text.len() == 2
            && text.bytes().all(|b| if lower { b.is_ascii_lowercase() } else { b.is_ascii_uppercase() })
    };
    match text.split_once('-') {
        None => letters(text, true),
        Some((language, region)) => letters(language, true) && letters(region, false),
    }
}
