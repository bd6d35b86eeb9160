//! P12: the JSON Schema, the collector's check and all other faces of a definition say the same.

mod validator;

use agent_telemetry::catalogue::{CheckedValue, KindDoc, RejectCode, explain, markdown, preview};
use agent_telemetry::wire::{ClientCounters, Losses, body};
use agent_telemetry::{CatalogueDoc, catalogue};
use proptest::prelude::*;
use serde_json::{Value, json};

use self::validator::refusal;
use crate::definitions::{as_acme, doc, records};

/// One record of each event, from recording and from the samples, which also have the optional properties.
fn all_records() -> Vec<Value> {
    records().into_iter().map(as_acme).chain(preview(&doc())).collect()
}

fn refused_record(schema: &Value, record: &Value) -> Option<String> {
    refusal(schema, &schema["$defs"]["record"], record)
}

#[test]
fn p12_every_record_and_every_request_passes_the_schema() {
    let schema = doc().json_schema();
    let records = all_records();
    assert_eq!(records.len(), 10);
    for record in &records {
        assert_eq!(refused_record(&schema, record), None, "{record}");
    }
    let bytes: Vec<Vec<u8>> = records.iter().map(|record| serde_json::to_vec(record).unwrap()).collect();
    let client = ClientCounters {
        epoch: "3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c11".parse().unwrap(),
        sent_at: 1_790_000_000_000,
        recorded: 10,
        losses: Losses::default(),
    };
    let request: Value =
        serde_json::from_slice(&body(bytes.iter().map(Vec::as_slice), Some(&client))).unwrap();
    assert_eq!(refusal(&schema, &schema, &request), None);
    let without = |member: &str| {
        let mut less = request.clone();
        less.as_object_mut().unwrap().remove(member);
        refusal(&schema, &schema, &less)
    };
    assert!(without("records").is_some());
    assert_eq!(without("client"), None);
    let client = ClientCounters { losses: Losses { expired: 2, ..Losses::default() }, ..client };
    let request: Value =
        serde_json::from_slice(&body(bytes.iter().map(Vec::as_slice), Some(&client))).unwrap();
    assert_eq!(refusal(&schema, &schema, &request), None);
    let mut more = request.clone();
    more["client"]["losses"]["bored"] = 1.into();
    assert!(refusal(&schema, &schema, &more).is_some());
    let mut none = request;
    none["records"] = json!([]);
    assert!(refusal(&schema, &schema, &none).is_some());
}

#[test]
fn a_tool_without_flags_has_a_schema_too() {
    catalogue! {
        static BARE = { events: [agent_telemetry::events::CommandEnded], commands: [], flags: [] };
    }
    let doc = BARE.document("bare");
    let mut record = preview(&doc).remove(0);
    record["properties"]["flags"] = json!([]);
    record["properties"]["action"] = "unknown".into();
    assert_eq!(refused_record(&doc.json_schema(), &record), None);
    record["properties"]["flags"] = json!(["yolo"]);
    assert!(refused_record(&doc.json_schema(), &record).is_some());
}

/// Values that are right somewhere, wrong somewhere else, or just beyond a limit.
fn values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(3.0),
        json!(-0.0),
        json!(1.5),
        json!(1e300),
        json!(-1e-10),
        json!(0.123_456_789),
        json!(255),
        json!(256),
        json!(1_u64 << 53),
        json!((1_u64 << 53) + 1),
        json!(u64::MAX),
        json!(9_007_199.254_740_992),
        json!(9_007_199.254_740_994),
        json!([]),
        json!(["yolo"]),
        json!(["yolo", "yolo"]),
        json!(["yolo", "canary"]),
        json!([1]),
        json!({}),
        json!({ "panic": 1 }),
        json!({ "panic": -1 }),
        json!({ "panic": 1.0, "canary": 1 }),
        json!({ "canary": "x" }),
    ];
    values.extend(
        [
            "",
            "a",
            "a b",
            "a..b",
            "C:/x",
            "c:/x",
            "1:/x",
            "x://y",
            "-a",
            "é",
            "panic",
            "session",
            "tool",
            "start",
            "end",
            "en",
            "EN",
            "en-US",
            "en-us",
            "en-USA",
            "dev",
            "1.2.3",
            "1.2",
            "01.2.3",
            "65535.0.0",
            "65536.0.0",
            "1.2.3-rc.1",
            "1.2.3-rc",
            "1.2.3-dev",
            "1.2.3-canary",
            "acme",
            "yolo",
            "3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c11",
            "3F1F6F0E-5D1C-4E0A-9A39-0A4F2F3D7C11",
            "3f1f6f0e5d1c4e0a9a390a4f2f3d7c11",
            "{3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c1}",
        ]
        .map(Value::from),
    );
    values.extend([json!("x".repeat(64)), json!("x".repeat(65))]);
    values
}

#[derive(Debug, Clone)]
enum Mutation {
    Remove(prop::sample::Index),
    Replace(prop::sample::Index, Value),
    Add(String, Value),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let value = || {
        prop_oneof![
            4 => prop::sample::select(values()),
            1 => "\\PC{0,70}".prop_map(Value::from),
            1 => any::<f64>().prop_map(|number| json!(number)),
            1 => "[0-9]{1,6}\\.[0-9]{1,2}\\.[0-9](-(rc|dev|beta)(\\.[0-9]{1,6})?)?".prop_map(Value::from),
        ]
    };
    prop_oneof![
        1 => any::<prop::sample::Index>().prop_map(Mutation::Remove),
        6 => (any::<prop::sample::Index>(), value()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        1 => ("[a-z_]{1,8}", value()).prop_map(|(name, value)| Mutation::Add(name, value)),
    ]
}

/// Changes a member of the record or one of its properties.
fn mutate(record: &mut Value, mutation: Mutation) {
    let top: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
    let own: Vec<String> =
        record["properties"].as_object().into_iter().flat_map(|p| p.keys().cloned()).collect();
    let pick = |at: prop::sample::Index| {
        let at = at.index(top.len() + own.len());
        if at < top.len() { (false, top[at].clone()) } else { (true, own[at - top.len()].clone()) }
    };
    let within = |record: &mut Value, inner: bool, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let object = if inner { record.get_mut("properties") } else { Some(record) };
        object.and_then(Value::as_object_mut).into_iter().for_each(change);
    };
    match mutation {
        Mutation::Remove(at) => {
            let (inner, key) = pick(at);
            within(record, inner, &|object| drop(object.remove(&key)));
        }
        Mutation::Replace(at, value) => {
            let (inner, key) = pick(at);
            within(record, inner, &|object| drop(object.insert(key.clone(), value.clone())));
        }
        Mutation::Add(key, value) => {
            within(record, true, &|object| drop(object.insert(key.clone(), value.clone())));
        }
    }
}

/// What is left of a record when everything is taken away that a collector is documented to overlook.
fn without_what_is_overlooked(doc: &CatalogueDoc, mut record: Value) -> Value {
    let action = record["properties"]["action"].as_str().map(str::to_owned);
    let event = doc.event(record["event"].as_str().unwrap(), action.as_deref()).unwrap();
    let top = record.as_object_mut().unwrap();
    top.entry("event_id").or_insert_with(|| "3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c11".into());
    top.retain(|key, _| {
        ["event_id", "event", "event_timestamp", "source", "properties"].contains(&key.as_str())
    });
    let fields: Vec<_> = event.fields.iter().chain(&doc.common).collect();
    record["properties"].as_object_mut().unwrap().retain(|key, value| {
        let Some(field) = fields.iter().find(|field| field.name == *key) else {
            return key == "action" && event.action.is_some();
        };
        match &field.kind {
            KindDoc::Set { values } => {
                let mut seen = Vec::new();
                value.as_array_mut().unwrap().retain(|word| {
                    let first = !seen.contains(word);
                    seen.push(word.clone());
                    first && values.iter().any(|known| word == known)
                });
            }
            KindDoc::Map { keys } => value.as_object_mut().unwrap().retain(|word, _| keys.contains(word)),
            _ => {}
        }
        true
    });
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn p12_schema_and_check_refuse_the_same(
        which in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 1..3),
    ) {
        let doc = doc();
        let schema = doc.json_schema();
        let all = all_records();
        let mut record = which.get(&all).clone();
        for mutation in mutations {
            mutate(&mut record, mutation);
        }
        match (refused_record(&schema, &record), doc.check(&record)) {
            (None, checked) => {
                let checked = checked.map_err(|error| TestCaseError::fail(format!("only the check: {error}: {record}")))?;
                prop_assert_eq!(checked.dropped, 0);
            }
            (Some(why), Ok(_)) => {
                let rest = without_what_is_overlooked(&doc, record);
                prop_assert_eq!(refused_record(&schema, &rest), None, "only the schema: {}: {}", why, rest);
            }
            (Some(_), Err(_)) => {}
        }
    }
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    let doc = doc();
    let mut record = as_acme(records().swap_remove(1));
    record["properties"]["duration_ms"] = json!(1e3);
    assert_eq!(doc.check(&record).unwrap().properties["duration_ms"], CheckedValue::Number(1000));
    record["properties"]["duration_ms"] = json!(1000.5);
    assert_eq!(doc.check(&record).unwrap_err().code, RejectCode::BadType);
}

#[test]
fn p12_all_faces_of_a_definition_agree() {
    let doc = doc();
    let schema = doc.json_schema();
    let page = markdown(&doc);
    let recorded: Vec<Value> = records().into_iter().map(as_acme).collect();
    for (event, sample) in doc.events.iter().zip(preview(&doc)) {
        let dotted =
            event.action.as_ref().map_or(event.event.clone(), |action| format!("{}.{action}", event.event));
        let fields: Vec<_> = event.fields.iter().chain(&doc.common).collect();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let action = event.action.is_some().then(|| "action".to_owned());
        let named = |required: bool| {
            let fields = fields.iter().filter(|field| field.required || !required);
            sorted(action.iter().cloned().chain(fields.map(|field| field.name.clone())).collect())
        };
        let (all, required) = (named(false), named(true));

        let keys = |value: &Value| sorted(value.as_object().unwrap().keys().cloned().collect());
        assert_eq!(keys(&sample["properties"]), all, "{dotted}: preview");
        let mut checked =
            sorted(doc.check(&sample).unwrap().properties.into_keys().chain(action.clone()).collect());
        checked.dedup();
        assert_eq!(checked, all, "{dotted}: check");

        let of_schema = &schema["$defs"][format!("event.{dotted}")]["properties"]["properties"];
        assert_eq!(keys(&of_schema["properties"]), all, "{dotted}: schema");
        let demanded = of_schema["required"].as_array().unwrap().iter();
        let demanded = sorted(demanded.map(|name| name.as_str().unwrap().to_owned()).collect());
        assert_eq!(demanded, required, "{dotted}: schema's required");
        for field in &fields {
            let said = of_schema["properties"][&field.name]["description"].as_str().unwrap();
            assert!(said.contains(&field.why), "{dotted}.{}: schema", field.name);
        }

        let of_event = |record: &&Value| {
            record["event"] == *event.event
                && event.action.as_ref().is_none_or(|action| record["properties"]["action"] == **action)
        };
        let on_the_wire: Vec<&Value> = recorded.iter().filter(of_event).collect();
        assert!(!on_the_wire.is_empty(), "{dotted} was not recorded");
        for record in on_the_wire {
            let sent = keys(&record["properties"]);
            assert!(sent.iter().all(|name| all.contains(name)), "{dotted}: wire {sent:?}");
            assert!(required.iter().all(|name| sent.contains(name)), "{dotted}: wire {sent:?}");
        }

        let heading = format!(
            "### `{}`{}",
            event.event,
            event.action.as_ref().map_or(String::new(), |a| format!(" / `{a}`"))
        );
        let section = page.split("\n### ").map(|part| format!("### {}", part.trim_start_matches("### ")));
        let section = section.into_iter().find(|part| part.lines().next() == Some(&heading)).unwrap();
        let rows: Vec<&str> =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let own: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(rows, own, "{dotted}: page");

        let told = explain(&doc, &dotted).unwrap();
        assert!(told.contains(&event.why), "{dotted}: explain");
        for field in &event.fields {
            assert!(told.lines().any(|line| line.trim() == field.name), "{dotted}.{}: explain", field.name);
            let of_field = explain(&doc, &format!("{}.{}", event.event, field.name)).unwrap();
            assert!(of_field.contains(&field.why), "{dotted}.{}: explain", field.name);
        }
    }
}
