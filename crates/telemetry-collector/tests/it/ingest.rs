//! What is taken, and that it comes out as it went in.

use serde_json::{Value, json};

use crate::harness::{
    Collector, DAY, NOW, command, envelope, id, record, session_end, session_start, token, tool,
};

fn one_of_each() -> Vec<Value> {
    vec![
        command(1, 1, NOW, "sessions list", false),
        session_start(2, 8, NOW - 5000),
        session_end(3, 8, NOW - 4000, "limit"),
        tool(4, NOW - 3000, "read_file", "error", 0),
        token(5, NOW - 2000, "gpt-4o", 100, 50, Some(0.000_000_001)),
        token(6, NOW - 1000, "my-model/v1:latest", 1, 2, None),
    ]
}

#[test]
fn every_event_is_stored_as_it_was_sent() {
    let collector = Collector::start();
    let sent = one_of_each();
    assert_eq!(collector.send(sent.clone()).tally(), (6, 0, 0));
    let mut stored = collector.events();
    for event in &mut stored {
        event.as_object_mut().unwrap().remove("row").unwrap();
    }
    assert_eq!(stored, sent);
}

#[test]
fn empty_sets_and_maps_are_not_the_same_as_absent_ones() {
    let collector = Collector::start();
    let mut without = command(1, 1, NOW, "run", true);
    without["properties"].as_object_mut().unwrap().remove("is_success");
    let mut empty = command(2, 1, NOW, "run", true);
    empty["properties"]["flags"] = json!([]);
    let mut end = session_end(3, 1, NOW, "completed");
    end["properties"]["errors"] = json!({});
    assert_eq!(collector.send([without.clone(), empty.clone(), end.clone()]).tally(), (3, 0, 0));
    let stored: Vec<Value> = collector.events().iter().map(|event| event["properties"].clone()).collect();
    assert_eq!(stored, [without, empty, end].map(|record| record["properties"].clone()));
}

#[test]
fn numbers_of_any_size_come_out_whole() {
    let collector = Collector::start();
    let largest = 1_u64 << 53;
    let record = token(1, NOW, "gpt-4o", largest, 0, Some(9_007_199.254_740_992));
    assert_eq!(collector.send([record.clone()]).tally(), (1, 0, 0), "{record}");
    assert_eq!(collector.events()[0]["properties"], record["properties"]);
}

#[test]
fn a_second_time_is_a_duplicate_however_it_comes() {
    let collector = Collector::start();
    let records = one_of_each();
    assert_eq!(collector.send(records.clone()).tally(), (6, 0, 0));
    assert_eq!(collector.send(records.clone()).tally(), (0, 6, 0));
    let twice = command(7, 1, NOW, "run", true);
    assert_eq!(collector.send([twice.clone(), records[0].clone(), twice]).tally(), (1, 2, 0));
    assert_eq!(collector.events().len(), 7);
    let ingest = &collector.summary("")["ingest"];
    assert_eq!(*ingest, json!({ "accepted": 7, "duplicates": 8, "rejected": 0 }));
}

#[test]
fn the_first_content_of_an_id_stays_and_the_conflict_is_counted() {
    let collector = Collector::start();
    let first = command(1, 1, NOW, "run", true);
    let mut cost = token(2, NOW, "gpt-4o", 10, 10, None);
    assert_eq!(collector.send([first.clone(), cost.clone()]).tally(), (2, 0, 0));
    cost["properties"]["cost"] = 0.5.into();
    let other_flags = {
        let mut record = first.clone();
        record["properties"]["flags"] = json!(["debug"]);
        record
    };
    let other_time = command(1, 1, NOW - 1, "run", true);
    assert_eq!(collector.send([cost, other_flags, other_time, first.clone()]).tally(), (0, 4, 0));
    assert_eq!(collector.events()[0]["properties"], first["properties"]);
    assert_eq!(collector.events()[1]["properties"].get("cost"), None);
    assert_eq!(counts(collector, "fate = 'conflict'"), 3);
}

#[test]
fn a_record_without_an_id_gets_one() {
    let collector = Collector::start();
    let mut record = command(1, 1, NOW, "run", true);
    record.as_object_mut().unwrap().remove("event_id");
    assert_eq!(collector.send([record.clone(), record]).tally(), (2, 0, 0));
    let events = collector.events();
    assert_ne!(events[0]["event_id"], events[1]["event_id"]);
}

#[test]
fn each_bad_record_gets_its_code_and_costs_no_neighbour() {
    let collector = Collector::start();
    let with = |path: &str, value: Value| {
        let mut record = tool(100, NOW, "shell", "ok", 5);
        *record.pointer_mut(path).unwrap() = value;
        record
    };
    let mut missing = tool(101, NOW, "shell", "ok", 5);
    missing["properties"].as_object_mut().unwrap().remove("outcome");
    let long = with("/properties/agent_name", json!("x".repeat(4096)));
    let cases = [
        (with("/source", json!("other-tool")), "unknown_source"),
        (with("/event", json!("keystroke")), "unknown_event"),
        (with("/properties/action", json!("peek")), "unknown_event"),
        (missing, "missing_property"),
        (with("/properties/duration_ms", json!("5")), "bad_type"),
        (with("/properties/duration_ms", json!(-5)), "bad_type"),
        (with("/properties/outcome", json!("great")), "bad_type"),
        (with("/event_id", json!("not-a-uuid")), "bad_type"),
        (with("/properties/tool_name", json!("rm -rf /home/jane")), "bad_name"),
        (with("/properties/agent_name", json!("<script>alert(1)</script>")), "bad_name"),
        (with("/event_timestamp", json!(NOW - 45 * DAY - 1)), "too_old"),
        (with("/event_timestamp", json!(NOW + DAY + 1)), "in_future"),
        (long, "too_large"),
        (json!("not an object"), "bad_type"),
        (Value::Null, "bad_type"),
    ];
    let mut records = vec![command(1, 1, NOW, "run", true)];
    records.extend(cases.iter().map(|(record, _)| record.clone()));
    records.push(command(2, 1, NOW, "run", true));
    let reply = collector.send(records);
    assert_eq!(reply.tally(), (2, 0, cases.len()));
    for (at, (rejected, (_, code))) in
        reply.json()["rejected"].as_array().unwrap().iter().zip(&cases).enumerate()
    {
        assert_eq!(rejected["index"], at + 1);
        assert_eq!(rejected["code"], *code, "{rejected}");
        let detail = rejected["detail"].as_str().unwrap();
        for content in ["jane", "script", "other-tool", "keystroke", "great", "not-a-uuid"] {
            assert!(!detail.contains(content), "{detail}");
        }
    }
    assert_eq!(collector.summary("")["ingest"]["rejected"], cases.len());
}

#[test]
fn the_edges_of_time_are_inside() {
    let collector = Collector::start();
    let records =
        [NOW - 45 * DAY, NOW + DAY].into_iter().zip(1..).map(|(at, n)| command(n, 1, at, "run", true));
    assert_eq!(collector.send(records).tally(), (2, 0, 0));
}

#[test]
fn only_bad_records_are_still_a_200() {
    let collector = Collector::start();
    assert_eq!(collector.send([json!({}), json!([])]).tally(), (0, 0, 2));
    assert_eq!(collector.events(), [] as [Value; 0]);
}

#[test]
fn what_was_refused_leaves_names_and_counts_but_no_content() {
    let collector = Collector::start();
    let secret = "sk-canary-7f3a";
    let own = json!({
        "action": "call", "session_id": id(7), "agent_name": "root", "tool_name": secret.to_owned() + " x",
        "tool_kind": "builtin", "duration_ms": 1, "outcome": "ok", "is_success": true,
        "prompt": secret, "what did I say? sk-canary-7f3a": 1,
    });
    let refused = record(1, "tool", 1, NOW, own);
    let mut unknown = command(2, 1, NOW, "run", true);
    unknown["properties"]["prompt"] = secret.into();
    unknown["properties"]["sk-canary-7f3a said hello"] = 1.into();
    unknown["properties"]["flags"] = json!(["debug", secret]);
    assert_eq!(collector.send([refused, unknown]).tally(), (1, 0, 1));
    let stored = collector.events()[0].clone();
    assert_eq!(stored["properties"]["flags"], json!(["debug"]));
    assert_eq!(stored["properties"].get("prompt"), None);
    let folder = collector.stop();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
    let count = |condition: &str| database_count(folder.path(), condition);
    assert_eq!(
        count(
            "fate = 'rejected' AND code = 'bad_name' AND version = (SELECT id FROM dict WHERE name = '1.2.3')"
        ),
        1
    );
    assert_eq!(
        count("fate = 'rejected_property' AND property = (SELECT id FROM dict WHERE name = 'prompt')"),
        1
    );
    assert_eq!(count("fate = 'dropped'"), 3);
    assert_eq!(
        count("fate = 'dropped_property' AND property = (SELECT id FROM dict WHERE name = 'prompt')"),
        1
    );
    assert_eq!(
        count("fate = 'dropped_property' AND property = (SELECT id FROM dict WHERE name = 'unknown')"),
        1
    );
}

#[test]
fn client_counters_keep_their_maximum() {
    let collector = Collector::start();
    let send = |number: u64, epoch: u64, recorded: u64, evicted: u64| {
        let mut body = envelope([command(number, 1, NOW, "run", true)]);
        body["client"] = json!({
            "epoch": id(epoch), "sent_at": NOW, "recorded": recorded,
            "losses": { "evicted": evicted, "expired": 0, "rejected": 1, "too_big": 0, "a_later_reason": 4 },
        });
        assert_eq!(collector.post(&body.to_string()).status, 200);
    };
    send(1, 50, 10, 2);
    send(1, 50, 10, 2);
    send(2, 50, 12, 5);
    send(3, 50, 11, 4);
    send(4, 51, 3, 0);
    let folder = collector.stop();
    let sum = |column: &str| database_number(folder.path(), &format!("SELECT sum({column}) FROM loss"));
    assert_eq!([sum("recorded"), sum("evicted"), sum("rejected")], [15, 5, 2]);
    assert_eq!(database_number(folder.path(), "SELECT count(*) FROM loss WHERE install = 0"), 0);
}

#[test]
fn unreadable_counters_cost_no_events_and_a_wrong_clock_is_flagged() {
    let collector = Collector::start();
    let mut body = envelope([command(1, 1, NOW, "run", true)]);
    body["client"] = json!({ "epoch": "?" });
    assert_eq!(collector.post(&body.to_string()).tally(), (1, 0, 0));
    let mut body = envelope([command(2, 1, NOW, "run", true)]);
    let losses = json!({ "evicted": 0, "expired": 0, "rejected": 0, "too_big": 0 });
    body["client"] = json!({ "epoch": id(1), "sent_at": NOW - 3_600_000, "recorded": 1, "losses": losses });
    assert_eq!(collector.post(&body.to_string()).tally(), (1, 0, 0));
    let folder = collector.stop();
    assert_eq!(database_number(folder.path(), "SELECT group_concat(id) FROM event WHERE clock_off = 1"), 2);
}

#[test]
fn a_client_cannot_fill_the_dictionary() {
    let collector = Collector::start();
    let names = 2_000_u64 + 50;
    let mut records: Vec<Value> = (0..names).map(|n| tool(n, NOW, &format!("tool-{n}"), "ok", 1)).collect();
    let retried = records.last().unwrap().clone();
    while !records.is_empty() {
        let rest = records.split_off(records.len().min(64));
        assert_eq!(collector.send(records).tally().2, 0);
        records = rest;
    }
    // What became `other` is still recognised.
    assert_eq!(collector.send([retried]).tally(), (0, 1, 0));
    let summary = collector.summary("");
    let tools = summary["tools"].as_array().unwrap();
    assert_eq!(
        (tools.len(), &tools[0]["tool_name"], &tools[0]["calls"]),
        (2001, &json!("other"), &json!(50))
    );
    let folder = collector.stop();
    assert_eq!(database_count(folder.path(), "fate = 'capped_name' AND code = 'tool'"), 50);
    assert_eq!(database_count(folder.path(), "fate = 'conflict'"), 0);
}

fn counts(collector: Collector, condition: &str) -> i64 {
    database_count(collector.stop().path(), condition)
}

fn database_count(folder: &std::path::Path, condition: &str) -> i64 {
    database_number(folder, &format!("SELECT coalesce(sum(n), 0) FROM ingest_count WHERE {condition}"))
}

fn database_number(folder: &std::path::Path, sql: &str) -> i64 {
    let database = rusqlite::Connection::open(folder.join("collector.db")).unwrap();
    let value: rusqlite::types::Value = database.query_row(sql, [], |row| row.get(0)).unwrap();
    match value {
        rusqlite::types::Value::Integer(number) => number,
        rusqlite::types::Value::Text(text) => text.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Eight clients send the same 64 events at the same time: each is stored by exactly one of them.
#[test]
fn concurrent_duplicates_are_stored_once() {
    let collector = Collector::start();
    let tallies: Vec<(u64, u64, usize)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let collector = &collector;
                scope.spawn(move || {
                    let records = (0..64).map(|n| command((n + client * 8) % 64, 1, NOW, "run", true));
                    collector.send(records).tally()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let sum = |of: fn(&(u64, u64, usize)) -> u64| tallies.iter().map(of).sum::<u64>();
    assert_eq!((sum(|tally| tally.0), sum(|tally| tally.1)), (64, 7 * 64));
    assert_eq!(collector.events().len(), 64);
}
