//! What telemetry learns of a conversation: names of ours, numbers, classes; and no text, whatever happens.
//!
//! Tests that carry a promise are named after it.

use std::time::{Duration, Instant};

use agent_runtime::{Answer, Event, TurnOutcome};
use serde_json::{Value, json};

use crate::server::{Script, Server, call, calls, chunk, done, finish, gate, says, text, usage};
use crate::setup::{Notes, Stage, agent_file};

fn of_kind<'a>(records: &'a [Value], event: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["event"] == event).map(|record| &record["properties"]).collect()
}

fn pick(properties: &Value, keys: &[&str]) -> Value {
    keys.iter()
        .map(|key| ((*key).to_owned(), properties[*key].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

const END: &[&str] = &[
    "turns",
    "tool_calls",
    "tool_errors",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost",
    "cost_known",
    "error_count",
    "errors",
    "outcome",
    "is_success",
];

#[test]
fn p11_one_session_however_many_turns_with_its_own_totals() {
    let server = Server::start([
        calls(&[("read_file", json!({ "path": "a" })), ("read_file", json!({ "path": "none" }))]),
        says("one"),
        says("two"),
    ]);
    let mut stage = Stage::new(&server);
    stage.write("a", "x");
    stage.turn("first", &mut Notes::default());
    stage.turn("second", &mut Notes::default());
    let records = stage.finish();
    let sessions = of_kind(&records, "session");
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        pick(sessions[0], &["action", "agent_name", "model_provider", "model_name"]),
        json!({ "action": "start", "agent_name": "root", "model_provider": "openai", "model_name": "gpt-4o" })
    );
    assert_eq!(
        pick(sessions[1], END),
        json!({
            "turns": 2, "tool_calls": 2, "tool_errors": 1,
            "input_tokens": 400, "output_tokens": 40, "total_tokens": 440,
            // (150·2500 + 50·1250 + 20·10000) + 2·(100·2500 + 10·10000) nano-dollars.
            "cost": 0.001_337_5, "cost_known": true,
            "error_count": 0, "errors": {}, "outcome": "completed", "is_success": true,
        })
    );
    assert_eq!(sessions[0]["session_id"], sessions[1]["session_id"]);
    let mut tools: Vec<Value> = of_kind(&records, "tool")
        .iter()
        .map(|p| pick(p, &["tool_name", "tool_kind", "outcome", "is_success", "error"]))
        .collect();
    // The two ran at the same time: each was recorded when it ended.
    tools.sort_by_key(|tool| tool["is_success"] == false);
    assert_eq!(
        tools,
        [
            json!({ "tool_name": "read_file", "tool_kind": "builtin", "outcome": "ok", "is_success": true, "error": null }),
            json!({ "tool_name": "read_file", "tool_kind": "builtin", "outcome": "error", "is_success": false, "error": "not_found" }),
        ]
    );
    let tokens: Vec<Value> = of_kind(&records, "token")
        .iter()
        .map(|p| pick(p, &["input_tokens", "output_tokens", "cache_read_tokens", "cost", "purpose"]))
        .collect();
    assert_eq!(
        tokens,
        [
            json!({ "input_tokens": 200, "output_tokens": 20, "cache_read_tokens": 50, "cost": 0.000_637_5, "purpose": "turn" }),
            json!({ "input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 0, "cost": 0.000_35, "purpose": "turn" }),
            json!({ "input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 0, "cost": 0.000_35, "purpose": "turn" }),
        ]
    );
}

#[test]
fn p11_every_outcome_of_a_tool_is_its_own() {
    let server = Server::start([
        calls(&[
            ("shell", json!({ "cmd": "exit 3" })),
            ("shell", json!({ "cmd": "true" })),
            ("write_file", json!({ "path": "x", "content": "x" })),
            ("remove_directory", json!({ "paths": ["x"] })),
            ("ls -la /home/canary", json!({})),
            ("read_file", json!({ "wrong": 1 })),
        ]),
        says("ok"),
    ]);
    let file = agent_file(&server.base_url, "permissions: { deny: [remove_directory], allow: ['shell'] }\n");
    let mut stage = Stage::with_file(&file);
    stage.turn("?", &mut Notes::answering([Answer::No { reason: "canary".to_owned() }]));
    let records = stage.finish();
    let tools: Vec<(String, String, String)> = of_kind(&records, "tool")
        .iter()
        .map(|p| {
            let text = |key: &str| p[key].as_str().unwrap_or("-").to_owned();
            (text("tool_name"), text("outcome"), text("error"))
        })
        .collect();
    let expected = [
        ("shell", "error", "nonzero_exit"),
        ("shell", "ok", "-"),
        ("write_file", "denied", "denied"),
        ("remove_directory", "denied", "denied"),
        ("unknown", "error", "not_found"),
        ("read_file", "error", "invalid_arguments"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(tools, expected);
}

#[test]
fn p11_failures_are_counted_by_class_and_decide_the_outcome() {
    let refusal =
        |status| Script::Refusal(status, vec![], "{\"error\":{\"message\":\"canary text\"}}".to_owned());
    let server = Server::start([refusal(503), refusal(503), refusal(503), refusal(401)]);
    let mut stage = Stage::new(&server);
    assert_eq!(stage.turn("?", &mut Notes::default()), TurnOutcome::Failed);
    assert_eq!(stage.turn("?", &mut Notes::default()), TurnOutcome::Failed);
    let records = stage.finish();
    let end = of_kind(&records, "session")[1];
    assert_eq!(
        pick(end, &["outcome", "is_success", "error_count", "errors", "turns"]),
        json!({ "outcome": "failed", "is_success": false, "error_count": 4, "errors": { "auth": 1, "server": 3 }, "turns": 2 })
    );
    assert_eq!(of_kind(&records, "token").len(), 0);
}

#[test]
fn p11_cancelling_is_no_failure_of_a_tool() {
    let server = Server::start([calls(&[("shell", json!({ "cmd": "touch begun; sleep 1000" }))])]);
    let file = agent_file(&server.base_url, "permissions: { allow: [shell] }\n");
    let mut stage = Stage::with_file(&file);
    let outcome = stage.turn_cancelled_by("begun", &mut Notes::default());
    assert_eq!(outcome, TurnOutcome::Cancelled);
    let records = stage.finish();
    let tool = of_kind(&records, "tool")[0];
    assert_eq!(tool["outcome"], "cancelled");
    assert_eq!(of_kind(&records, "session")[1]["outcome"], "cancelled");
    assert_eq!(of_kind(&records, "session")[1]["tool_errors"], 0);
}

#[test]
fn p11_durations_are_measured() {
    let (open, gate) = gate();
    let slow = Script::Gated(vec![text("ok")], gate, vec![finish("stop"), usage(1, 1, 0), done()]);
    let server = Server::start([calls(&[("shell", json!({ "cmd": "sleep 0.05" }))]), slow]);
    let file = agent_file(&server.base_url, "permissions: { allow: [shell] }\n");
    let mut stage = Stage::with_file(&file);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // 50 ms after the second request arrived.
            let mut asked = None;
            while asked.is_none_or(|asked: Instant| asked.elapsed() < Duration::from_millis(50)) {
                asked = asked.or_else(|| (server.seen().len() == 2).then(Instant::now));
                std::thread::yield_now();
            }
            open.send(())
        });
        stage.turn("?", &mut Notes::default());
    });
    let records = stage.finish();
    let duration =
        |event: &str, which: usize| of_kind(&records, event)[which]["duration_ms"].as_u64().unwrap();
    assert!(duration("tool", 0) >= 50, "{records:?}");
    assert!(duration("token", 1) >= 50, "{records:?}");
    let parts = duration("token", 0) + duration("tool", 0) + duration("token", 1);
    assert!(duration("session", 1) >= parts, "{records:?}");
}

#[test]
fn p11_cached_and_reasoning_tokens_are_told_apart() {
    let chunk = json!({ "choices": [{ "delta": { "content": "x" }, "finish_reason": "stop" }], "usage": {
        "prompt_tokens": 1000, "prompt_tokens_details": { "cached_tokens": 600 },
        "completion_tokens": 90, "completion_tokens_details": { "reasoning_tokens": 70 },
    } });
    let server = Server::start([Script::Events(vec![chunk.to_string(), done()])]);
    let mut stage = Stage::new(&server);
    stage.turn("?", &mut Notes::default());
    let records = stage.finish();
    let parts = ["input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens", "total_tokens"];
    assert_eq!(
        pick(of_kind(&records, "token")[0], &parts),
        json!({ "input_tokens": 1000, "cache_read_tokens": 600, "output_tokens": 90, "reasoning_tokens": 70,
            "total_tokens": 1090 })
    );
}

#[test]
fn p11_the_model_that_answered_counts_if_it_is_known_by_that_name() {
    let answers = |model: &str| {
        let chunk = json!({ "model": model, "choices": [{ "delta": { "content": "x" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 0 } });
        Script::Events(vec![chunk.to_string(), done()])
    };
    let server = Server::start([
        answers("gpt-4o-mini"),
        answers("/home/canary/model.gguf"),
        answers("gpt-4o-2024-08-06"),
    ]);
    let mut stage = Stage::new(&server);
    for _ in 0..3 {
        stage.turn("?", &mut Notes::default());
    }
    let records = stage.finish();
    let tokens: Vec<Value> =
        of_kind(&records, "token").iter().map(|p| pick(p, &["model_name", "cost"])).collect();
    assert_eq!(
        tokens,
        [
            json!({ "model_name": "gpt-4o-mini", "cost": 0.000_15 }),
            json!({ "model_name": "gpt-4o", "cost": 0.002_5 }),
            json!({ "model_name": "gpt-4o-2024-08-06", "cost": 0.002_5 }),
        ]
    );
}

#[test]
fn p11_an_unknown_price_is_absent_and_says_so_in_the_totals() {
    let server = Server::start([says("x")]);
    let file = agent_file(&server.base_url, "").replace("model: gpt-4o\n", "model: local-7b\n");
    let mut stage = Stage::with_file(&file);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let usage = notes.events.iter().find_map(|event| match event {
        Event::Usage { call, total, .. } => Some((call.cost, total.cost)),
        _ => None,
    });
    // The server says gpt-4o, which is what the price catalogue knows.
    assert_eq!(usage, Some((Some(0.000_35), Some(0.000_35))));
    let server = Server::start([Script::Events(vec![
        json!({ "model": "local-7b", "choices": [{ "delta": { "content": "x" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 1 } })
        .to_string(),
        done(),
    ])]);
    let file = agent_file(&server.base_url, "").replace("model: gpt-4o\n", "model: local-7b\n");
    let mut stage = Stage::with_file(&file);
    stage.turn("?", &mut Notes::default());
    let records = stage.finish();
    assert!(of_kind(&records, "token")[0].get("cost").is_none());
    assert_eq!(of_kind(&records, "session")[1]["cost_known"], false);
}

#[test]
fn p11_a_conversation_without_a_turn_is_no_session_and_one_that_is_given_up_was_cancelled() {
    let server = Server::start([says("x")]);
    let stage = Stage::new(&server);
    assert_eq!(stage.finish(), Vec::<Value>::new());
    let mut stage = Stage::new(&server);
    stage.turn("?", &mut Notes::default());
    let Stage { conversation, telemetry, .. } = stage;
    drop(conversation);
    let records = telemetry.records();
    assert_eq!(of_kind(&records, "session")[1]["outcome"], "cancelled");
}

#[test]
fn p6_no_text_of_anybody_is_ever_recorded() {
    let (_open, gate) = gate();
    let server = Server::start([
        Script::Events(vec![
            chunk(json!({ "reasoning_content": "canary thought" }), None),
            text("canary answer"),
            call(0, "canary", "canary tool", &json!({ "canary": "canary" })),
            call(1, "c2", "shell", &json!({ "cmd": "echo canary; exit 1" })),
            call(2, "c3", "read_file", &json!({ "path": "canary.txt" })),
            call(3, "c4", "read_file", &json!({ "canary": 1 })),
            finish("tool_calls"),
            usage(1, 1, 0),
            done(),
        ]),
        Script::Refusal(400, vec![], "{\"error\":{\"message\":\"canary refusal\"}}".to_owned()),
        Script::Gated(
            vec![json!({ "error": { "message": "canary in the stream", "code": 400 } }).to_string()],
            gate,
            vec![],
        ),
    ]);
    let file = agent_file(&server.base_url, "permissions: { allow: [shell] }\n")
        .replace("You help.", "canary prompt");
    let mut stage = Stage::with_file(&file);
    stage.write("canary.txt", "canary content");
    stage.turn("canary question", &mut Notes::default());
    stage.turn("canary question", &mut Notes::default());
    let records = serde_json::to_string(&stage.finish()).unwrap();
    assert!(records.contains("nonzero_exit"), "{records}");
    assert!(!records.contains("canary"), "{records}");
}
