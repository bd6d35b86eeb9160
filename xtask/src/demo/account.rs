//! Two accounts of the same events, and whether they agree.
//!
//! The client says how many events it recorded and shows every request it made; the collector shows what it stored.
//! An event is lost if the client knows its id and the collector does not, or if the client counted it and cannot
//! name it; it is doubled if the collector has its id twice.
//! A retry may send an id twice, so what was requested is a set.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::{Value, json};

use super::events::property;
use super::totals;

/// The kinds of event that the examples must show.
pub(super) const EVENTS: [&str; 4] = ["command", "session", "tool", "token"];

/// What the client says.
#[derive(Debug, Default)]
pub(super) struct Account {
    recorded: u64,
    /// The records that were in requests or are waiting, by id.
    records: BTreeMap<String, Value>,
    /// The bodies of all requests that were made, in their order.
    bodies: Vec<String>,
}

impl Account {
    /// Reads the JSON of `telemetry status`, `telemetry log` and `telemetry log --pending`.
    pub(super) fn read(status: &str, log: &str, pending: &str) -> anyhow::Result<Account> {
        let status: Value = serde_json::from_str(status).context("`telemetry status --json` is no JSON")?;
        let recorded = status["recorded"].as_u64();
        let recorded = recorded.with_context(|| format!("the status has no number `recorded`: {status}"))?;
        let mut account = Account { recorded, ..Account::default() };
        for value in documents(log) {
            let value = value.context("`telemetry log --json` is no JSON")?;
            collect_records(&value, &mut account.records);
            collect_bodies(&value, &mut account.bodies);
        }
        for value in documents(pending) {
            let value = value.context("`telemetry log --pending --json` is no JSON")?;
            collect_records(&value, &mut account.records);
        }
        Ok(account)
    }

    /// Returns the bodies of all requests that were made, as they were sent.
    pub(super) fn bodies(&self) -> &[String] {
        &self.bodies
    }
}

/// Reads JSON documents that follow each other: one, or one a line.
fn documents(text: &str) -> impl Iterator<Item = serde_json::Result<Value>> {
    serde_json::Deserializer::from_str(text).into_iter()
}

/// Finds request bodies: objects with `records`, or the text of one.
fn collect_bodies(value: &Value, bodies: &mut Vec<String>) {
    let is_body = |value: &Value| value["records"].is_array();
    match value {
        Value::Object(_) if is_body(value) => bodies.push(value.to_string()),
        Value::Object(fields) => fields.values().for_each(|field| collect_bodies(field, bodies)),
        Value::Array(items) => items.iter().for_each(|item| collect_bodies(item, bodies)),
        Value::String(text) if serde_json::from_str(text).is_ok_and(|inner| is_body(&inner)) => {
            bodies.push(text.clone());
        }
        _ => {}
    }
}

/// Finds all objects with an `event_id`, also in request bodies that are kept as the text that was sent.
fn collect_records(value: &Value, records: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(id)) = fields.get("event_id") {
                records.insert(id.clone(), value.clone());
            }
            fields.values().for_each(|field| collect_records(field, records));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_records(item, records)),
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                collect_records(&inner, records);
            }
        }
        _ => {}
    }
}

/// The comparison of both accounts.
#[derive(Debug)]
pub(super) struct Reckoning {
    recorded: u64,
    stored: usize,
    lost: usize,
    doubled: usize,
    /// What does not agree, in words.
    pub(super) problems: Vec<String>,
}

impl Reckoning {
    /// Compares the client's account with the stored events and with the summary made of them.
    pub(super) fn new(account: &Account, stored: &[Value], summary: &Value) -> Reckoning {
        let mut times_stored: BTreeMap<&str, usize> = BTreeMap::new();
        for event in stored {
            *times_stored.entry(event["event_id"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let known = account.records.len();
        let unnamed = usize::try_from(account.recorded).unwrap_or(usize::MAX).saturating_sub(known);
        let missing: Vec<_> =
            account.records.keys().filter(|id| !times_stored.contains_key(id.as_str())).collect();
        let doubled: Vec<_> =
            times_stored.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id).collect();

        let mut problems = Vec::new();
        problems.extend(missing.iter().map(|id| format!("{id} was recorded and is not stored")));
        if unnamed > 0 {
            problems.push(format!("{unnamed} more events were recorded than were ever sent or wait"));
        }
        problems.extend(doubled.iter().map(|id| format!("{id} is stored more than once")));
        if account.recorded < known as u64 {
            problems.push(format!("the client counts {} events and has sent {known}", account.recorded));
        }
        for event in stored {
            problems.extend(altered(&account.records, event));
        }
        let kinds: BTreeSet<_> = stored.iter().filter_map(|event| event["event"].as_str()).collect();
        let absent = EVENTS.iter().filter(|kind| !kinds.contains(**kind));
        problems.extend(absent.map(|kind| format!("no `{kind}` event is stored")));
        problems.extend(totals::miscounted(stored, summary));

        Reckoning {
            recorded: account.recorded,
            stored: stored.len(),
            lost: missing.len() + unnamed,
            doubled: doubled.len(),
            problems,
        }
    }

    /// Renders the result for programs.
    pub(super) fn line(&self, runs: usize, url: &str) -> String {
        format!(
            r#"{{"runs":{runs},"recorded":{},"stored":{},"lost":{},"doubled":{},"url":{}}}"#,
            self.recorded,
            self.stored,
            self.lost,
            self.doubled,
            json!(url)
        )
    }
}

/// Finds differences between a stored event and the record that the client says it sent.
fn altered(records: &BTreeMap<String, Value>, event: &Value) -> Vec<String> {
    let id = event["event_id"].as_str().unwrap_or_default();
    let Some(sent) = records.get(id) else {
        return vec![format!("{id} is stored and the client knows nothing of it")];
    };
    let envelope = ["event", "event_timestamp", "source"].map(|name| (name, &sent[name], &event[name]));
    let properties = sent["properties"].as_object().into_iter().flatten();
    let properties = properties.map(|(name, value)| (name.as_str(), value, property(event, name)));
    let differs = |(name, sent, stored): (&str, &Value, &Value)| {
        (!same(sent, stored)).then(|| format!("{id}: `{name}` was sent as {sent} and is stored as {stored}"))
    };
    envelope.into_iter().chain(properties).filter_map(differs).collect()
}

/// Compares values; numbers by what they mean, lists as sets.
fn same(sent: &Value, stored: &Value) -> bool {
    match (sent, stored) {
        (Value::Number(sent), Value::Number(stored)) => {
            sent == stored || sent.as_f64().zip(stored.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        }
        (Value::Array(sent), Value::Array(stored)) => {
            sent.len() == stored.len() && sent.iter().all(|item| stored.contains(item))
        }
        _ => sent == stored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, event: &str) -> Value {
        let properties = json!({"action": "a", "cost": 0.1, "flags": ["x", "y"]});
        json!({"event_id": id, "event": event, "event_timestamp": 5, "source": "docker-agent", "properties": properties})
    }

    fn all_kinds() -> Vec<Value> {
        EVENTS.iter().map(|event| record(&format!("id-{event}"), event)).collect()
    }

    fn account(recorded: u64, sent: &[Value]) -> Account {
        let body = json!({"records": sent}).to_string();
        let log =
            format!("{}\n{}\n", json!({"url": "u", "body": body}), json!({"status": 200, "body": "{}"}));
        Account::read(&json!({"recorded": recorded}).to_string(), &log, "").unwrap()
    }

    fn summary() -> Value {
        summary_of(1)
    }

    fn summary_of(tools: usize) -> Value {
        json!({
            "events": {"command": 1, "session": 1, "tool": tools, "token": 1},
            "ingest": {"accepted": 3 + tools},
            "commands": [{"calls": 1, "failures": 0}],
            "tools": [{"calls": tools, "failures": 0}],
            "models": [{"input_tokens": 0, "output_tokens": 0, "cost": 0.1}]
        })
    }

    #[test]
    fn accounts_that_agree_have_no_problems() {
        let reckoning = Reckoning::new(&account(4, &all_kinds()), &all_kinds(), &summary());
        assert_eq!(reckoning.problems, Vec::<String>::new());
        assert_eq!(
            reckoning.line(3, "http://127.0.0.1:1/"),
            r#"{"runs":3,"recorded":4,"stored":4,"lost":0,"doubled":0,"url":"http://127.0.0.1:1/"}"#
        );
    }

    #[test]
    fn bodies_are_found_as_text_and_as_objects() {
        let log = format!(
            "{}\n{}\n{}",
            json!({"body": "{\"records\": []}", "answer": {"body": "{}"}}),
            json!({"body": {"records": []}}),
            json!([{"request": {"body": "{\"records\":[1]}"}}])
        );
        let account = Account::read(r#"{"recorded":0}"#, &log, "").unwrap();
        assert_eq!(account.bodies(), [r#"{"records": []}"#, r#"{"records":[]}"#, r#"{"records":[1]}"#]);
    }

    #[test]
    fn a_retry_that_sent_an_id_twice_is_no_second_event() {
        let twice: Vec<_> = all_kinds().into_iter().chain(all_kinds()).collect();
        assert!(Reckoning::new(&account(4, &twice), &all_kinds(), &summary()).problems.is_empty());
    }

    #[test]
    fn a_sent_event_that_is_not_stored_is_lost() {
        let sent: Vec<_> = all_kinds().into_iter().chain([record("gone", "tool")]).collect();
        let reckoning = Reckoning::new(&account(5, &sent), &all_kinds(), &summary());
        assert_eq!(reckoning.lost, 1);
        assert_eq!(reckoning.problems, ["gone was recorded and is not stored"]);
    }

    #[test]
    fn a_counted_event_that_was_never_sent_is_lost() {
        let reckoning = Reckoning::new(&account(6, &all_kinds()), &all_kinds(), &summary());
        assert_eq!(reckoning.lost, 2);
        assert_eq!(reckoning.problems, ["2 more events were recorded than were ever sent or wait"]);
    }

    #[test]
    fn an_event_that_waits_is_not_stored_and_so_lost() {
        let pending = record("waits", "tool").to_string();
        let log = json!({"body": {"records": all_kinds()}}).to_string();
        let account = Account::read(r#"{"recorded":5}"#, &log, &pending).unwrap();
        assert_eq!(Reckoning::new(&account, &all_kinds(), &summary()).lost, 1);
    }

    #[test]
    fn an_id_that_is_stored_twice_is_doubled() {
        let stored: Vec<_> = all_kinds().into_iter().chain([record("id-tool", "tool")]).collect();
        let reckoning = Reckoning::new(&account(4, &all_kinds()), &stored, &summary_of(2));
        assert_eq!((reckoning.stored, reckoning.doubled), (5, 1));
        assert_eq!(reckoning.problems, ["id-tool is stored more than once"]);
    }

    #[test]
    fn a_client_that_counts_too_little_is_found() {
        let reckoning = Reckoning::new(&account(3, &all_kinds()), &all_kinds(), &summary());
        assert_eq!(reckoning.problems, ["the client counts 3 events and has sent 4"]);
    }

    #[test]
    fn a_stored_event_that_differs_from_what_was_sent_is_found() {
        let mut stored = all_kinds();
        stored[2]["properties"]["cost"] = json!(0.2);
        stored[3]["event_timestamp"] = json!(6);
        let reckoning = Reckoning::new(&account(4, &all_kinds()), &stored, &summary());
        assert_eq!(
            reckoning.problems,
            [
                "id-tool: `cost` was sent as 0.1 and is stored as 0.2",
                "id-token: `event_timestamp` was sent as 5 and is stored as 6"
            ]
        );
    }

    #[test]
    fn a_stored_event_that_nobody_sent_is_found() {
        let mut sent = all_kinds();
        sent.pop();
        let reckoning = Reckoning::new(&account(3, &sent), &all_kinds(), &summary());
        assert_eq!(reckoning.problems, ["id-token is stored and the client knows nothing of it"]);
    }

    #[test]
    fn a_missing_kind_and_a_wrong_summary_are_found() {
        let three = &all_kinds()[..3];
        let problems = Reckoning::new(&account(3, three), three, &summary()).problems;
        assert_eq!(problems[0], "no `token` event is stored");
        assert_eq!(problems[1], "the summary says 1 for events.token, and the events add up to 0");
    }
}
