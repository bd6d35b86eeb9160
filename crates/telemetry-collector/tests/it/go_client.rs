//! Records of the Go program: taken, without their free text.

use serde_json::{Value, json};

use crate::harness::{Collector, NOW, id};

/// As that program writes it: no id, its own source, and neither caller nor architecture nor schema.
fn record(event: &str, own: Value) -> Value {
    let mut properties = json!({
        "user_uuid": id(1), "version": "v1.19.2", "os": "darwin", "os_language": "de_DE.UTF-8",
    });
    properties.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    json!({ "event": event, "event_timestamp": NOW, "source": "cagent", "properties": properties })
}

fn one_of_each() -> Vec<Value> {
    let session = id(7);
    vec![
        record(
            "command",
            json!({ "action": "exec", "args": ["/home/jane/secret.yaml", "canary-prompt"], "is_success": true }),
        ),
        record("session", json!({ "action": "start", "session_id": session, "agent_name": "root" })),
        record(
            "token",
            json!({ "action": "usage", "session_id": session, "agent_name": "root", "model_name": "GPT-4o",
                "input_tokens": 35, "output_tokens": 13, "total_tokens": 48, "cost": 0.0002 }),
        ),
        record(
            "tool",
            json!({ "action": "call", "session_id": session, "agent_name": "root", "tool_name": "shell",
                "duration_ms": 0, "is_success": false, "error": "canary-error: open /home/jane/x: denied" }),
        ),
        record(
            "session",
            json!({ "action": "end", "session_id": session, "agent_name": "root", "cost": 0, "duration_ms": 1234,
                "error": ["canary-error: 401 from https://jane:pw@host/"], "error_count": 0, "input_tokens": 95,
                "is_success": false, "output_tokens": 18, "tool_calls": 1, "total_tokens": 113 }),
        ),
    ]
}

#[test]
fn each_of_its_events_is_stored_with_what_has_a_place() {
    let collector = Collector::start();
    let reply = collector.send(one_of_each());
    assert_eq!(reply.tally(), (5, 0, 0), "{}", reply.body);
    let stored: Vec<Value> = collector
        .events()
        .into_iter()
        .map(|event| {
            assert_eq!(event["source"], "cagent");
            let mut properties = event["properties"].as_object().unwrap().clone();
            assert_eq!(properties.remove("user_uuid"), Some(json!(id(1))));
            assert_eq!(properties.remove("version"), Some(json!("1.19.2")));
            assert_eq!(properties.remove("os"), Some(json!("darwin")));
            assert_eq!(properties.remove("os_language"), Some(json!("de-DE")));
            Value::Object(properties)
        })
        .collect();
    let session = id(7);
    let expected = [
        json!({ "action": "exec", "is_success": true }),
        json!({ "action": "start", "session_id": session, "agent_name": "root" }),
        json!({ "action": "usage", "session_id": session, "agent_name": "root", "model_name": "GPT-4o",
            "input_tokens": 35, "output_tokens": 13, "total_tokens": 48, "cost": 0.0002 }),
        json!({ "action": "call", "session_id": session, "agent_name": "root", "tool_name": "shell",
            "duration_ms": 0, "is_success": false }),
        json!({ "action": "end", "session_id": session, "agent_name": "root", "cost": 0.0, "duration_ms": 1234,
            "error_count": 0, "input_tokens": 95, "is_success": false, "output_tokens": 18, "tool_calls": 1,
            "total_tokens": 113 }),
    ];
    assert_eq!(stored, expected);
}

#[test]
fn equal_records_are_two_events() {
    let collector = Collector::start();
    let twice = one_of_each().remove(3);
    assert_eq!(collector.send([twice.clone(), twice]).tally(), (2, 0, 0));
}

/// Tags are pairs of words that somebody chose, and they may stand where numbers and names belong.
#[test]
fn none_of_its_free_text_is_kept_anywhere() {
    let collector = Collector::start();
    let mut records = one_of_each();
    for (index, record) in records.iter_mut().enumerate() {
        let properties = record["properties"].as_object_mut().unwrap();
        properties.insert("canary-tag".to_owned(), "canary-value".into());
        properties.insert("session_id".to_owned(), "canary-session".into());
        properties.insert("cost".to_owned(), "canary-cost".into());
        properties.insert("user_uuid".to_owned(), "canary-person".into());
        properties.insert("agent_name".to_owned(), "canary agent with spaces".into());
        properties.insert("os".to_owned(), "canary-os".into());
        properties.insert("version".to_owned(), "canary-version".into());
        properties.insert("os_language".to_owned(), "canary-language".into());
        if index == 0 {
            properties.insert("action".to_owned(), "canary-action".into());
        }
    }
    assert_eq!(collector.send(records).tally(), (5, 0, 0));
    // Refused ones leave no words either.
    let mut nameless = one_of_each().remove(1);
    nameless["properties"]["action"] = "canary-action".into();
    nameless["properties"]["canary-tag"] = "x".into();
    assert_eq!(collector.send([nameless]).tally(), (0, 0, 1));
    let events = collector.events();
    assert_eq!(events[0]["properties"]["action"], "unknown");
    assert_eq!(events[1]["properties"]["agent_name"], "custom");
    assert_eq!(events[1]["properties"].get("session_id"), None);

    let answers = [collector.get("/api/v1/summary").body, collector.get("/").body];
    let folder = collector.stop();
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|file| std::fs::read(file).unwrap()).chain(answers.map(String::into_bytes));
    for text in texts {
        for word in ["canary", "jane"] {
            assert!(!text.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
    }
    let database = rusqlite::Connection::open(folder.path().join("collector.db")).unwrap();
    let count = |condition: &str| -> i64 {
        let sql = format!("SELECT coalesce(sum(n), 0) FROM ingest_count WHERE {condition}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let named = |name: &str| {
        count(&format!(
            "fate = 'dropped_property' AND property = (SELECT id FROM dict WHERE kind = 'property' AND name = '{name}')"
        ))
    };
    assert_eq!((named("args"), named("error"), named("unknown")), (1, 2, 5));
    assert!(count("fate = 'dropped'") >= 5 + 3 + 5 * 4, "what became absent is counted");
}
