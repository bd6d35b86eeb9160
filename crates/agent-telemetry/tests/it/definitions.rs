//! P5, P6, P12: what is collected, what cannot be, and that one definition says so everywhere.

use agent_telemetry::catalogue::{CheckedValue, RejectCode, markdown, preview};
use agent_telemetry::name::{CUSTOM, is_identifier};
use agent_telemetry::{
    CatalogueDoc, LanguageTag, Name, NanoUsd, Provider, SessionOutcome, ToolKind, Usage, Version,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::process::CATALOGUE;

pub(crate) fn doc() -> CatalogueDoc {
    CATALOGUE.document("acme")
}

/// One record of each kind, as recorded.
pub(crate) fn records() -> Vec<Value> {
    let (cx, capture) = agent_telemetry::testing::capture();
    let session = cx.session(Name::agent("root")).model(Provider::OpenAi, Name::model("gpt-4o")).start();
    session.turn();
    session.error(agent_telemetry::ErrorClass::RateLimited);
    session.tool(Name::tool("read_file"), ToolKind::Builtin).failed(agent_telemetry::ErrorClass::NotFound);
    session.tokens(Usage::delta(100, 50).cost(NanoUsd::new(15_000)).cache_read(10));
    session.end(SessionOutcome::Completed);
    {
        let _entered = cx.enter();
        let _ = agent_telemetry::track_command("test", &["--flag"]);
    }
    capture.records()
}

pub(crate) fn as_acme(mut record: Value) -> Value {
    record["source"] = "acme".into();
    if record["event"] == "command" {
        record["properties"]["action"] = "run".into();
    }
    record
}

#[test]
fn p12_every_recorded_event_passes_the_check_made_from_its_definition() {
    let doc = doc();
    let records = records();
    assert_eq!(records.len(), 5);
    for record in records.into_iter().map(as_acme) {
        let checked = doc.check(&record).unwrap_or_else(|error| panic!("{error} in {record}"));
        assert_eq!(checked.dropped, 0, "{record}");
        let sent = record["properties"].as_object().unwrap();
        let is_there = |name: &String| checked.properties.contains_key(name) || name == "action";
        assert!(sent.keys().all(is_there), "{record}");
        // What is absent because of what that means is there all the same, for whoever adds it up.
        let event = doc.event(&checked.event, checked.action.as_deref()).unwrap();
        let means = event.fields.iter().chain(&doc.common).filter(|field| field.absent_means.is_some());
        assert!(means.clone().all(|field| checked.properties.contains_key(&field.name)), "{record}");
        assert!(means.count() > 0);
    }
}

#[test]
fn p12_samples_pass_the_check_and_the_document_survives_json() {
    let doc = doc();
    for sample in preview(&doc) {
        doc.check(&sample).unwrap_or_else(|error| panic!("{error} in {sample}"));
    }
    let text = serde_json::to_string(&doc).unwrap();
    assert_eq!(CatalogueDoc::from_json(&text).unwrap(), doc);
    assert!(CatalogueDoc::from_json(&text.replace("\"format\":1", "\"format\":2")).is_err());
}

#[test]
fn the_check_takes_numbers_up_to_their_limit_and_no_larger_ones() {
    let doc = doc();
    for (event, property, most) in [
        ("command", "exit_code", 255),
        ("command", "duration_ms", 1 << 53),
        ("tool", "duration_ms", 1 << 53),
        ("token", "input_tokens", 1_u64 << 53),
    ] {
        let mut record = records().into_iter().map(as_acme).find(|record| record["event"] == event).unwrap();
        record["properties"][property] = most.into();
        assert_eq!(doc.check(&record).unwrap().properties[property], CheckedValue::Number(most));
        record["properties"][property] = (most + 1).into();
        let refused = doc.check(&record).unwrap_err();
        assert_eq!((refused.code, refused.detail.as_str()), (RejectCode::BadType, property));
    }
}

#[test]
fn p12_the_page_names_every_property_and_why() {
    let doc = doc();
    let page = markdown(&doc);
    for event in &doc.events {
        assert!(page.contains(&event.why), "{}", event.event);
        for field in event.fields.iter().chain(&doc.common) {
            assert!(
                page.contains(&format!("| `{}` |", field.name)) && page.contains(&field.why),
                "{}",
                field.name
            );
        }
    }
}

#[test]
fn p5_the_wire_form() {
    let mut record = records().swap_remove(2);
    record["event_id"] = "…".into();
    record["event_timestamp"] = 0.into();
    record["properties"]["session_id"] = "…".into();
    record["properties"]["user_uuid"] = "…".into();
    record["properties"]["os"] = "…".into();
    record["properties"]["arch"] = "…".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&record).unwrap(), @r#"
{
  "event": "token",
  "event_id": "…",
  "event_timestamp": 0,
  "properties": {
    "action": "usage",
    "agent_name": "root",
    "arch": "…",
    "cache_read_tokens": 10,
    "caller": "human",
    "cost": 0.000015,
    "duration_ms": 0,
    "input_tokens": 100,
    "model_name": "gpt-4o",
    "model_provider": "openai",
    "os": "…",
    "os_language": "en",
    "output_tokens": 50,
    "purpose": "turn",
    "session_id": "…",
    "total_tokens": 150,
    "user_uuid": "…",
    "version": "0.0.0"
  },
  "source": "test"
}
"#);
}

#[test]
fn refusals_name_the_property_and_never_its_content() {
    let doc = doc();
    let good = as_acme(records().swap_remove(1));
    assert_eq!(good["event"], "tool");
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut record = good.clone();
        change(&mut record);
        let rejection = doc.check(&record).unwrap_err();
        assert!(!rejection.detail.contains("canary"), "{rejection}");
        (rejection.code, rejection.detail)
    };
    let bad = RejectCode::BadType;
    assert_eq!(refused(&|r| r["source"] = "canary".into()).0, RejectCode::UnknownSource);
    assert_eq!(refused(&|r| r["event"] = "canary".into()).0, RejectCode::UnknownEvent);
    assert_eq!(refused(&|r| r["properties"]["action"] = "canary".into()).0, RejectCode::UnknownEvent);
    assert_eq!(refused(&|r| *r = json!("canary")).0, bad);
    assert_eq!(refused(&|r| r["event_timestamp"] = "canary".into()), (bad, "event_timestamp".into()));
    assert_eq!(refused(&|r| r["event_id"] = "canary".into()), (bad, "event_id".into()));
    assert_eq!(refused(&|r| r["properties"]["outcome"] = "canary".into()), (bad, "outcome".into()));
    assert_eq!(refused(&|r| r["properties"]["duration_ms"] = json!(-1)), (bad, "duration_ms".into()));
    assert_eq!(refused(&|r| r["properties"]["duration_ms"] = json!(1.5)), (bad, "duration_ms".into()));
    assert_eq!(refused(&|r| r["properties"]["version"] = "1.2.3-canary".into()), (bad, "version".into()));
    assert_eq!(refused(&|r| r["properties"]["os_language"] = "canary".into()), (bad, "os_language".into()));
    assert_eq!(
        refused(&|r| r["properties"]["tool_name"] = "a canary".into()),
        (RejectCode::BadName, "tool_name".into())
    );
    assert_eq!(
        refused(&|r| {
            r["properties"].as_object_mut().unwrap().remove("session_id");
        }),
        (RejectCode::MissingProperty, "session_id".into())
    );
    let mut more = good.clone();
    more["properties"]["canary"] = "canary".into();
    assert_eq!(doc.check(&more).unwrap().dropped, 1);
}

#[test]
fn money_survives_the_wire_exactly() {
    let doc = doc();
    let mut record = as_acme(records().into_iter().find(|record| record["event"] == "token").unwrap());
    for nano in [
        0,
        1,
        9,
        10,
        15_000,
        999_999_999,
        1_000_000_000,
        1_000_000_001,
        123_456_789_012_345,
        (1 << 53) - 1,
        1 << 53,
    ] {
        let text = {
            let (cx, capture) = agent_telemetry::testing::capture();
            let session = cx.session(Name::agent("root")).start();
            session.tokens(Usage::delta(1, 1).cost(NanoUsd::new(nano)));
            capture.records()[1]["properties"]["cost"].clone()
        };
        record["properties"]["cost"] = text;
        let checked = doc.check(&record).unwrap();
        assert_eq!(checked.properties["cost"], CheckedValue::NanoUsd(nano), "{nano}");
    }
}

#[test]
fn versions_and_languages_hold_nothing_else() {
    for (given, shown) in [
        ("1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2.3-canary", "1.2.3-dev"),
        ("1.2.3+alice", "1.2.3-dev"),
        ("alice", "0.0.0-dev"),
        ("", "0.0.0-dev"),
    ] {
        assert_eq!(Version::parse(given).to_string(), shown);
    }
    let in_order =
        ["1.9.0", "1.10.0-dev", "1.10.0-alpha.2", "1.10.0-beta.1", "1.10.0-rc.10", "1.10.0", "2.0.0"];
    assert!(in_order.map(Version::parse).is_sorted_by(|older, newer| older < newer));
    for (given, shown) in [
        ("de_DE.UTF-8", "de-DE"),
        ("C", "en"),
        ("", "en"),
        ("fr", "fr"),
        ("alice_home", "en"),
        ("pt_BR@euro", "pt-BR"),
    ] {
        assert_eq!(LanguageTag::from_locale(given).to_string(), shown);
    }
}

/// What is sent for an agent's name on a machine of `alice`, whose host is `workbench`.
fn sent(name: &str, hide: bool) -> String {
    use agent_telemetry::{KnownNames, NamePolicy, ObjectWriter, Value as _};
    let known = KnownNames { agents: &["root", "alice-known"], tools: &[], models: &[] };
    let policy = NamePolicy::new(known, ["alice", "Workbench"], hide);
    let mut out = Vec::new();
    Name::agent(name).write_json(&mut out, &policy);
    let _: Option<ObjectWriter<'_>> = None;
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn p6_the_names_policy() {
    for passes in ["root", "alice-known", "reviewer", "ai/qwen3:latest", "gpt-4o", "a@b", "x1"] {
        assert_eq!(sent(passes, false), passes);
    }
    let long = "x".repeat(65);
    for hidden in [
        "",
        " ",
        "two words",
        "/etc/passwd",
        "C:/Users",
        "../up",
        "a..b",
        "https://host/x",
        "-flag",
        "ünïcode",
        "tab\t",
        "\"",
        &long,
        "agent-of-Alice",
        "WORKBENCH",
        "x/alice/y",
    ] {
        assert_eq!(sent(hidden, false), CUSTOM, "{hidden:?}");
    }
    assert_eq!(sent("reviewer", true), CUSTOM);
    assert_eq!(sent("root", true), "root");
}

proptest! {
    #[test]
    fn p6_no_text_gets_through_a_name_but_identifiers(text in "\\PC{0,80}") {
        let shown = sent(&text, false);
        prop_assert!(shown == CUSTOM || (shown == text && is_identifier(&text)));
        prop_assert!(is_identifier(&shown));
        prop_assert!(!shown.to_lowercase().contains("alice") || shown == "alice-known");
    }

    #[test]
    fn p6_checking_any_json_never_panics_and_never_echoes(text in "\\PC{0,40}", number in any::<i64>()) {
        let doc = doc();
        for mut record in records().into_iter().map(as_acme) {
            let keys: Vec<String> = record["properties"].as_object().unwrap().keys().cloned().collect();
            for key in keys {
                for value in [json!(text), json!(number), json!([text]), json!({ text.as_str(): number })] {
                    let before = record["properties"][&key].clone();
                    record["properties"][&key] = value;
                    if let Err(rejection) = doc.check(&record) {
                        prop_assert!(doc.common.iter().chain(doc.events.iter().flat_map(|event| &event.fields))
                            .any(|field| field.name == rejection.detail) || rejection.detail == "event and action");
                    }
                    record["properties"][&key] = before;
                }
            }
        }
    }
}
