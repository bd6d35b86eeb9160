//! Bodies that nobody would write: no panic, no 500, and exactly the rows that the model expects.
//!
//! `COLLECTOR_BODIES` and `COLLECTOR_HTTP_BODIES` say how many; a million and 50,000 take a few minutes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use telemetry_collector::{Arriving, Catalogues, Intake};
use uuid::Uuid;

use crate::harness::{
    CATALOGUE, Collector, DAY, NOW, command, envelope, id, post, session_end, session_start, token, tool,
};
use crate::model::Model;

/// Bodies for one store: few enough that its limit on new names a day is not reached.
const A_STORE: u64 = 10_000;

fn number_of(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

/// Marsaglia's xorshift64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

fn record(dice: &mut Dice) -> Value {
    // Few enough ids that some come twice.
    let number = dice.next() % 1_000_000;
    let at = NOW - (dice.next() % (10 * DAY as u64)) as i64;
    match dice.below(5) {
        0 => command(number, 1, at, "run", true),
        1 => session_start(number, 8, at),
        2 => session_end(number, 8, at, "limit"),
        3 => tool(number, at, "read_file", "error", 3),
        _ => token(number, at, "gpt-4o", 100, 50, Some(0.25)),
    }
}

fn odd_value(dice: &mut Dice) -> Value {
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(3.0),
        json!(0.1),
        json!(1e300),
        json!(9_007_199_254_740_992_u64),
        json!(9_007_199_254_740_993_u64),
        json!(u64::MAX),
        json!(""),
        json!("a b"),
        json!("../../etc/passwd"),
        json!("C:/Users"),
        json!("http://host/"),
        json!("x".repeat(65)),
        json!("\u{0}\u{202e}ß"),
        json!("1.2.3-rc.1"),
        json!("01.2.3"),
        json!("de_DE"),
        json!("FR-fr"),
        json!(id(3).to_uppercase()),
        json!(id(3).replace('-', "")),
        json!(["debug", "debug", "nope"]),
        json!(["debug", 1]),
        json!({ "network": 1, "nope": 2 }),
        json!({ "network": -1 }),
        json!([[[[]]]]),
        json!(NOW + DAY),
        json!(NOW + DAY + 1),
        json!(NOW - 45 * DAY),
        json!(NOW - 45 * DAY - 1),
        json!("x".repeat(5000)),
    ];
    dice.of(&odd).clone()
}

/// Changes what a value says.
fn twist(body: &mut Value, dice: &mut Dice) {
    let records = body["records"].as_array_mut().unwrap();
    let at = dice.below(records.len());
    let twin = records[at].clone();
    let record = records[at].as_object_mut().unwrap();
    match dice.below(8) {
        0 => {
            let key = dice.of(&["event_id", "event", "event_timestamp", "source", "properties"]);
            record.insert((*key).to_owned(), odd_value(dice));
        }
        1 => drop(record.remove(*dice.of(&["event", "event_timestamp", "source", "properties"]))),
        2 => records.push(twin),
        3 => body["records"] = odd_value(dice),
        4 => body["client"] = odd_value(dice),
        other => {
            let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut) else {
                return;
            };
            let keys: Vec<String> = properties.keys().cloned().collect();
            let key = dice.of(&keys).clone();
            match other {
                5 => drop(properties.remove(&key)),
                6 => drop(properties.insert("a_later_property".to_owned(), odd_value(dice))),
                _ => drop(properties.insert(key, odd_value(dice))),
            }
        }
    }
}

/// Changes bytes, whatever they mean.
fn corrupt(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let end = (at + dice.below(20)).min(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.insert(at, *dice.of(b"\"{}[],:\\0e-\x00\xff ")),
        3 => {
            let piece = bytes[at..end].to_vec();
            let to = dice.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => bytes.truncate(at),
    }
}

fn mutated(dice: &mut Dice) -> Vec<u8> {
    let mut body = envelope((0..1 + dice.below(3)).map(|_| record(dice)));
    for _ in 0..dice.below(3) {
        let records = body["records"].as_array();
        if records.is_some_and(|records| !records.is_empty() && records.iter().all(Value::is_object)) {
            twist(&mut body, dice);
        }
    }
    let mut bytes = body.to_string().into_bytes();
    for _ in 0..dice.below(3) {
        if !bytes.is_empty() {
            corrupt(&mut bytes, dice);
        }
    }
    bytes
}

/// Rows in an order of their own, without what the collector added.
fn comparable(rows: Vec<Value>, model: &Model) -> Vec<String> {
    let ids: BTreeSet<&str> = model.rows.iter().filter_map(|row| row["event_id"].as_str()).collect();
    let known = |row: &Value| row["event_id"].as_str().is_some_and(|id| ids.contains(id));
    let mut texts: Vec<String> = rows
        .into_iter()
        .map(|mut row| {
            row.as_object_mut().unwrap().remove("row");
            if !known(&row) {
                row["event_id"] = Value::Null;
            }
            row.to_string()
        })
        .collect();
    texts.sort_unstable();
    texts
}

fn stored(collector: &Collector) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = Value::from(0);
    loop {
        let page = collector.get(&format!("/api/v1/events?limit=1000&after={after}")).json();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return rows;
        }
        rows.extend(events.iter().cloned());
        after = page["last"].clone();
    }
}

fn assert_rows(collector: &Collector, model: &Model, what: &str) {
    let (stored, expected) = (comparable(stored(collector), model), comparable(model.rows.clone(), model));
    assert!(expected.len() > 100, "{what}: too few are valid to mean anything: {}", expected.len());
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected, "{what}");
    }
    assert_eq!(stored.len(), expected.len(), "{what}");
}

fn model() -> Model {
    Model::new(serde_json::to_value(CATALOGUE.document("docker-agent")).unwrap())
}

#[test]
fn mutated_bodies_make_exactly_the_rows_that_a_second_opinion_expects() {
    let bodies = number_of("COLLECTOR_BODIES", 20_000);
    for part in 0..bodies.div_ceil(A_STORE) {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (part + 1));
        let mut model = model();
        let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let catalogues = Catalogues::of(CATALOGUE.document("docker-agent"));
        let mut intake = Intake::open(folder.path(), catalogues, 0).unwrap();
        let made: Vec<Vec<u8>> =
            (0..A_STORE.min(bodies - part * A_STORE)).map(|_| mutated(&mut dice)).collect();
        let expected: Vec<u64> = made.iter().map(|body| model.take(body) as u64).collect();
        let requests = made.iter().map(|body| Arriving { at_ms: NOW, body: body.clone() });
        let mut accepted = Vec::new();
        intake
            .take_all(requests, Uuid::now_v7, |taken| {
                accepted.push(taken.map_or(0, |answer| answer.accepted));
            })
            .unwrap();
        intake.close().unwrap();
        for ((body, accepted), expected) in made.iter().zip(&accepted).zip(&expected) {
            assert_eq!(accepted, expected, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(accepted.len(), made.len());
        assert_rows(&Collector::on(folder, |_| {}), &model, &format!("part {part}"));
    }
}

#[test]
fn mutated_bodies_over_http_are_never_a_500() {
    let bodies = number_of("COLLECTOR_HTTP_BODIES", 1000);
    for part in 0..bodies.div_ceil(A_STORE) {
        let mut dice = Dice(0x2545_f491_4f6c_dd1d ^ (part + 1));
        let mut model = model();
        let collector = Collector::start();
        let url = collector.url("/events/v1/track");
        for _ in 0..A_STORE.min(bodies - part * A_STORE) {
            let body = mutated(&mut dice);
            let expected = model.take(&body) as u64;
            let reply = post(&url, "application/json", &body);
            match reply.status {
                200 => assert_eq!(reply.tally().0, expected, "{}", String::from_utf8_lossy(&body)),
                400 | 413 => assert_eq!(expected, 0, "{}", String::from_utf8_lossy(&body)),
                other => panic!("{other}: {}", String::from_utf8_lossy(&body)),
            }
        }
        assert_rows(&collector, &model, &format!("part {part}"));
    }
}
