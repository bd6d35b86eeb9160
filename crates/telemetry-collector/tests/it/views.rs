//! Every view, on a population that is small enough to be added up by hand.
//!
//! Three installations: A uses 1.0.0, upgrades to 2.0.0 in the second week; B uses 1.0.0 in the first week only;
//! C appears in the second week with 2.0.0. The range is the two weeks from Monday 2026-11-09 to Sunday 2026-11-22.

use serde_json::{Value, json};

use crate::harness::{Collector, DAY, NOW, id, record};

const RANGE: &str = "from=2026-11-09&to=2026-11-22";
const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;

/// A record of an installation with a version and an operating system, `ago` days before today.
fn event(number: u64, event: &str, (install, version, os): (u64, &str, &str), ago: i64, own: Value) -> Value {
    let mut record = record(number, event, install, NOW - ago * DAY, own);
    record["properties"]["version"] = version.into();
    record["properties"]["os"] = os.into();
    record
}

fn command(exit_code: u8, duration_ms: u64, flags: &[&str], error: Option<&str>) -> Value {
    let mut own = json!({
        "action": "run", "flags": flags, "is_success": exit_code == 0, "exit_code": exit_code,
        "duration_ms": duration_ms,
    });
    if let Some(error) = error {
        own["error"] = error.into();
    }
    own
}

fn tool(name: &str, agent: &str, outcome: &str, duration_ms: u64, error: Option<&str>) -> Value {
    let mut own = json!({
        "action": "call", "session_id": id(7), "agent_name": agent, "tool_name": name, "tool_kind": "builtin",
        "duration_ms": duration_ms, "outcome": outcome, "is_success": outcome == "ok",
    });
    if let Some(error) = error {
        own["error"] = error.into();
    }
    own
}

fn token(model: &str, purpose: &str, input: u64, cached: u64, output: u64, cost: Option<f64>) -> Value {
    let mut own = json!({
        "action": "usage", "session_id": id(7), "agent_name": "root", "model_provider": "openai",
        "model_name": model, "purpose": purpose, "input_tokens": input, "output_tokens": output,
        "total_tokens": input + output, "cache_read_tokens": cached, "cache_write_tokens": 0,
        "reasoning_tokens": 5, "duration_ms": 100,
    });
    if let Some(cost) = cost {
        own["cost"] = cost.into();
    }
    own
}

fn start(session: u64, agent: &str) -> Value {
    json!({
        "action": "start", "session_id": id(session), "agent_name": agent, "model_provider": "openai",
        "model_name": "gpt-4o",
    })
}

fn end(session: u64, agent: &str, outcome: &str, duration_ms: u64) -> Value {
    let errors = if outcome == "failed" { json!({ "network": 2, "timeout": 1 }) } else { json!({}) };
    json!({
        "action": "end", "session_id": id(session), "agent_name": agent, "model_provider": "openai",
        "model_name": "gpt-4o", "duration_ms": duration_ms, "turns": 2, "tool_calls": 3, "tool_errors": 1,
        "input_tokens": 100, "output_tokens": 50, "total_tokens": 150, "cost": 0.0135, "cost_known": true,
        "error_count": if outcome == "failed" { 3 } else { 0 }, "errors": errors, "outcome": outcome,
        "is_success": outcome == "completed",
    })
}

/// A collector that has received the population.
pub(crate) fn populated() -> Collector {
    let collector = Collector::start();
    let (a1, a2) = ((A, "1.0.0", "linux"), (A, "2.0.0", "linux"));
    let (b1, c2) = ((B, "1.0.0", "darwin"), (C, "2.0.0", "windows"));
    // 13 days ago is Monday 2026-11-09, 6 days ago Monday 2026-11-16.
    let records = [
        event(1, "command", a1, 13, command(0, 100, &["debug"], None)),
        event(2, "command", b1, 12, command(1, 200, &["debug", "yolo"], Some("config"))),
        event(3, "command", a2, 6, command(0, 100, &[], None)),
        event(4, "command", c2, 5, command(130, 400, &["yolo"], Some("cancelled"))),
        event(5, "tool", a1, 13, tool("shell", "root", "ok", 10, None)),
        event(6, "tool", b1, 12, tool("shell", "root", "error", 20, Some("timeout"))),
        event(7, "tool", a2, 6, tool("shell", "helper", "denied", 1, Some("denied"))),
        event(8, "tool", c2, 5, tool("shell", "root", "cancelled", 1, None)),
        event(9, "tool", c2, 5, tool("fetch", "root", "ok", 1000, None)),
        event(10, "token", a1, 13, token("gpt-4o", "turn", 100, 50, 10, Some(0.01))),
        event(11, "token", a2, 6, token("gpt-4o", "title", 300, 50, 30, Some(0.03))),
        event(12, "token", c2, 5, token("local", "turn", 7, 0, 3, None)),
        event(13, "session", a1, 13, start(8, "root")),
        event(14, "session", b1, 12, start(9, "root")),
        event(15, "session", a2, 6, start(10, "helper")),
        event(16, "session", a1, 13, end(8, "root", "completed", 1000)),
        event(17, "session", b1, 12, end(9, "root", "failed", 3000)),
    ];
    assert_eq!(collector.send(records).tally(), (17, 0, 0));
    collector
}

/// The answer of a view without what every view has, and without days on which nothing happened.
fn ask(collector: &Collector, path: &str) -> Value {
    let reply = collector.get(&format!("/api/v1/{path}"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut answer = reply.json();
    let object = answer.as_object_mut().unwrap();
    for general in ["range", "filters", "percentile_error", "incomplete_day"] {
        assert!(object.remove(general).is_some(), "{general} in {path}");
    }
    let happened = |day: &Value| {
        let numbers = day.as_object().unwrap().values();
        numbers.filter_map(Value::as_u64).any(|number| number > 0)
    };
    for series in ["days", "active"] {
        if let Some(days) = object.get_mut(series).and_then(Value::as_array_mut) {
            days.retain(happened);
        }
    }
    answer
}

/// An answer as text: a line for each table and each row of a list.
fn told(answer: &Value) -> String {
    let mut text = String::new();
    for (name, table) in answer.as_object().unwrap() {
        match table.as_array() {
            Some(rows) => {
                text.push_str(&format!("{name}\n"));
                rows.iter().for_each(|row| text.push_str(&format!("  {row}\n")));
            }
            None => text.push_str(&format!("{name} {table}\n")),
        }
    }
    text
}

#[test]
fn commands_by_exit_code_error_class_and_flag() {
    let answer = ask(&populated(), &format!("commands?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    commands
      {"action":"run","calls":4,"errors":{"cancelled":1,"config":1},"exit_codes":{"0":2,"1":1,"130":1},"failure_rate":0.5,"failures":2,"flags":{"debug":2,"yolo":2},"installs":3,"p50_ms":100,"p95_ms":402,"p99_ms":402}
    days
      {"calls":1,"date":"2026-11-09","failure_rate":0.0,"failures":0}
      {"calls":1,"date":"2026-11-10","failure_rate":1.0,"failures":1}
      {"calls":1,"date":"2026-11-16","failure_rate":0.0,"failures":0}
      {"calls":1,"date":"2026-11-17","failure_rate":1.0,"failures":1}
    errors
      {"calls":1,"error":"cancelled"}
      {"calls":1,"error":"config"}
    exit_codes
      {"calls":2,"exit_code":"0"}
      {"calls":1,"exit_code":"1"}
      {"calls":1,"exit_code":"130"}
    totals {"calls":4,"failure_rate":0.5,"failures":2,"installs":3,"p50_ms":100,"p95_ms":402,"p99_ms":402}
    "#);
}

#[test]
fn tools_by_outcome_with_percentiles() {
    let answer = ask(&populated(), &format!("tools?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    days
      {"calls":1,"cancelled":0,"date":"2026-11-09","denied":0,"failure_rate":0.0,"failures":0}
      {"calls":1,"cancelled":0,"date":"2026-11-10","denied":0,"failure_rate":1.0,"failures":1}
      {"calls":1,"cancelled":0,"date":"2026-11-16","denied":1,"failure_rate":0.0,"failures":0}
      {"calls":2,"cancelled":1,"date":"2026-11-17","denied":0,"failure_rate":0.0,"failures":0}
    errors
      {"calls":1,"error":"denied"}
      {"calls":1,"error":"timeout"}
    kinds
      {"calls":5,"failure_rate":0.2,"failures":1,"name":"builtin","p50_ms":10,"p95_ms":1001,"p99_ms":1001}
    tools
      {"calls":4,"cancelled":1,"denied":1,"errors":{"denied":1,"timeout":1},"failure_rate":0.25,"failures":1,"installs":3,"p50_ms":1,"p95_ms":20,"p99_ms":20,"tool_kind":"builtin","tool_name":"shell"}
      {"calls":1,"cancelled":0,"denied":0,"errors":{},"failure_rate":0.0,"failures":0,"installs":1,"p50_ms":1001,"p95_ms":1001,"p99_ms":1001,"tool_kind":"builtin","tool_name":"fetch"}
    totals {"calls":5,"cancelled":1,"denied":1,"failure_rate":0.2,"failures":1,"installs":3,"p50_ms":10,"p95_ms":1001,"p99_ms":1001}
    "#);
}

#[test]
fn one_tool_by_version_and_agent() {
    let answer = ask(&populated(), &format!("tools?{RANGE}&tool=shell"));
    assert_eq!(answer["tools"].as_array().unwrap().len(), 1);
    insta::assert_snapshot!(
        told(&json!({ "versions": answer["versions"], "agents": answer["agents"] })), @r#"
        agents
          {"calls":3,"failure_rate":0.333333,"failures":1,"name":"root","p50_ms":10,"p95_ms":20,"p99_ms":20}
          {"calls":1,"failure_rate":0.0,"failures":0,"name":"helper","p50_ms":1,"p95_ms":1,"p99_ms":1}
        versions
          {"calls":2,"failure_rate":0.5,"failures":1,"name":"1.0.0","p50_ms":10,"p95_ms":20,"p99_ms":20}
          {"calls":2,"failure_rate":0.0,"failures":0,"name":"2.0.0","p50_ms":1,"p95_ms":1,"p99_ms":1}
        "#);
}

#[test]
fn models_with_unknown_prices_and_cost_per_session() {
    let answer = ask(&populated(), &format!("models?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    days
      {"cache_read_tokens":50,"calls":1,"cost":0.01,"date":"2026-11-09","input_tokens":100,"output_tokens":10,"unpriced_calls":0}
      {"cache_read_tokens":50,"calls":1,"cost":0.03,"date":"2026-11-16","input_tokens":300,"output_tokens":30,"unpriced_calls":0}
      {"cache_read_tokens":0,"calls":1,"cost":null,"date":"2026-11-17","input_tokens":7,"output_tokens":3,"unpriced_calls":1}
    models
      {"cache_read_share":0.25,"cache_read_tokens":100,"cache_write_tokens":0,"calls":2,"cost":0.04,"input_tokens":400,"installs":1,"model_name":"gpt-4o","model_provider":"openai","output_tokens":40,"p50_ms":100,"p95_ms":100,"p99_ms":100,"reasoning_tokens":10,"unpriced_calls":0}
      {"cache_read_share":0.0,"cache_read_tokens":0,"cache_write_tokens":0,"calls":1,"cost":null,"input_tokens":7,"installs":1,"model_name":"local","model_provider":"openai","output_tokens":3,"p50_ms":100,"p95_ms":100,"p99_ms":100,"reasoning_tokens":5,"unpriced_calls":1}
    purposes
      {"calls":2,"cost":0.01,"input_tokens":107,"output_tokens":13,"purpose":"turn","unpriced_calls":1}
      {"calls":1,"cost":0.03,"input_tokens":300,"output_tokens":30,"purpose":"title","unpriced_calls":0}
    totals {"cache_read_share":0.2457,"cache_read_tokens":100,"cache_write_tokens":0,"calls":3,"cost":0.04,"cost_per_session":0.013333333,"input_tokens":407,"installs":2,"output_tokens":43,"reasoning_tokens":15,"sessions":3,"unpriced_calls":1}
    "#);
}

#[test]
fn sessions_by_end_agent_and_error() {
    let answer = ask(&populated(), &format!("sessions?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    agents
      {"agent_name":"root","cancelled":0,"completed":1,"failed":1,"limit":0,"never_ended":0,"p50_ms":1001,"p95_ms":2959,"p99_ms":2959,"started":2,"tool_calls_per_session":3.0,"turns_per_session":2.0}
      {"agent_name":"helper","cancelled":0,"completed":0,"failed":0,"limit":0,"never_ended":1,"p50_ms":null,"p95_ms":null,"p99_ms":null,"started":1,"tool_calls_per_session":null,"turns_per_session":null}
    days
      {"cancelled":0,"completed":1,"date":"2026-11-09","failed":0,"limit":0,"started":1}
      {"cancelled":0,"completed":0,"date":"2026-11-10","failed":1,"limit":0,"started":1}
      {"cancelled":0,"completed":0,"date":"2026-11-16","failed":0,"limit":0,"started":1}
    errors
      {"error":"network","errors":2,"sessions":1}
      {"error":"timeout","errors":1,"sessions":1}
    totals {"cancelled":0,"completed":1,"errors":3,"failed":1,"installs":2,"limit":0,"never_ended":1,"p50_ms":1001,"p95_ms":2959,"p99_ms":2959,"started":3,"tool_calls":6,"tool_calls_per_session":3.0,"tool_errors":2,"total_ms":4000,"turns":4,"turns_per_session":2.0}
    "#);
}

#[test]
fn adoption_of_versions_platforms_and_languages() {
    let answer = ask(&populated(), &format!("adoption?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    active
      {"date":"2026-11-09","day":1,"month":1,"new":1,"week":1}
      {"date":"2026-11-10","day":1,"month":2,"new":1,"week":2}
      {"date":"2026-11-11","day":0,"month":2,"new":0,"week":2}
      {"date":"2026-11-12","day":0,"month":2,"new":0,"week":2}
      {"date":"2026-11-13","day":0,"month":2,"new":0,"week":2}
      {"date":"2026-11-14","day":0,"month":2,"new":0,"week":2}
      {"date":"2026-11-15","day":0,"month":2,"new":0,"week":2}
      {"date":"2026-11-16","day":1,"month":2,"new":0,"week":2}
      {"date":"2026-11-17","day":1,"month":3,"new":1,"week":2}
      {"date":"2026-11-18","day":0,"month":3,"new":0,"week":2}
      {"date":"2026-11-19","day":0,"month":3,"new":0,"week":2}
      {"date":"2026-11-20","day":0,"month":3,"new":0,"week":2}
      {"date":"2026-11-21","day":0,"month":3,"new":0,"week":2}
      {"date":"2026-11-22","day":0,"month":3,"new":0,"week":2}
    arch
      {"installs":3,"name":"amd64","share":1.0}
    callers
      {"installs":3,"name":"human","share":1.0}
    days
      {"date":"2026-11-09","installs":1,"share":1.0,"version":"1.0.0"}
      {"date":"2026-11-10","installs":1,"share":1.0,"version":"1.0.0"}
      {"date":"2026-11-16","installs":1,"share":1.0,"version":"2.0.0"}
      {"date":"2026-11-17","installs":1,"share":1.0,"version":"2.0.0"}
    languages
      {"installs":3,"name":"de-DE","share":1.0}
    os
      {"installs":1,"name":"darwin","share":0.333333}
      {"installs":1,"name":"linux","share":0.333333}
      {"installs":1,"name":"windows","share":0.333333}
    totals {"day":0,"month":3,"new":3,"range":3,"week":2}
    verdict_measures
      {"before":"1.0.0","before_calls":2,"before_failure_rate":0.5,"before_p95_ms":201,"calls":2,"duration_verdict":"too_few","failure_rate":0.5,"failure_verdict":"too_few","p95_ms":402,"source":"docker-agent","version":"2.0.0","what":"commands"}
      {"before":"1.0.0","before_calls":2,"before_failure_rate":0.5,"before_p95_ms":20,"calls":3,"duration_verdict":"too_few","failure_rate":0.0,"failure_verdict":"too_few","p95_ms":1001,"source":"docker-agent","version":"2.0.0","what":"tool_calls"}
    verdicts
      {"before":"1.0.0","source":"docker-agent","verdict":"too_few","version":"2.0.0"}
    versions
      {"days_to_half":null,"first_day":"2026-11-09","installs":2,"last_day_share":null,"share":0.666667,"version":"1.0.0"}
      {"days_to_half":0,"first_day":"2026-11-16","installs":2,"last_day_share":null,"share":0.666667,"version":"2.0.0"}
    weeks
      {"date":"2026-11-09","installs":2,"share":1.0,"version":"1.0.0"}
      {"date":"2026-11-16","installs":2,"share":1.0,"version":"2.0.0"}
    "#);
}

#[test]
fn versions_side_by_side() {
    let answer = ask(&populated(), &format!("adoption?{RANGE}&version=2.0.0&version=1.0.0"));
    insta::assert_snapshot!(told(&json!({
        "compared": answer["compared"], "tools": answer["compared_tools"], "commands": answer["compared_commands"],
    })), @r#"
    commands
      {"action":"run","calls":2,"failure_rate":0.5,"failures":1,"p50_ms":100,"p95_ms":201,"p99_ms":201,"version":"1.0.0"}
      {"action":"run","calls":2,"failure_rate":0.5,"failures":1,"p50_ms":100,"p95_ms":402,"p99_ms":402,"version":"2.0.0"}
    compared
      {"command_failure_rate":0.5,"command_failures":1,"command_p50_ms":100,"command_p95_ms":402,"commands":2,"installs":2,"session_failure_rate":null,"sessions_failed":0,"sessions_never_ended":1,"sessions_started":1,"tool_calls":3,"tool_failure_rate":0.0,"tool_failures":0,"tool_p50_ms":1,"tool_p95_ms":1001,"version":"2.0.0"}
      {"command_failure_rate":0.5,"command_failures":1,"command_p50_ms":100,"command_p95_ms":201,"commands":2,"installs":2,"session_failure_rate":0.5,"sessions_failed":1,"sessions_never_ended":0,"sessions_started":2,"tool_calls":2,"tool_failure_rate":0.5,"tool_failures":1,"tool_p50_ms":10,"tool_p95_ms":20,"version":"1.0.0"}
    tools
      {"calls":1,"failure_rate":0.0,"failures":0,"p50_ms":1001,"p95_ms":1001,"p99_ms":1001,"tool_name":"fetch","version":"2.0.0"}
      {"calls":2,"failure_rate":0.5,"failures":1,"p50_ms":10,"p95_ms":20,"p99_ms":20,"tool_name":"shell","version":"1.0.0"}
      {"calls":2,"failure_rate":0.0,"failures":0,"p50_ms":1,"p95_ms":1,"p99_ms":1,"tool_name":"shell","version":"2.0.0"}
    "#);
    // Shares are of everybody, also when some versions were asked for.
    let answer = ask(&populated(), &format!("adoption?{RANGE}&version=2.0.0"));
    assert_eq!(answer["versions"].as_array().unwrap().len(), 1);
    assert_eq!(answer["versions"][0]["share"], 0.666_667);
}

#[test]
fn retention_by_weekly_cohort() {
    let answer = ask(&populated(), &format!("retention?{RANGE}"));
    insta::assert_snapshot!(told(&answer), @r#"
    cohorts
      {"active":2,"share":1.0,"size":2,"week":"2026-11-09","weeks_later":0}
      {"active":1,"share":0.5,"size":2,"week":"2026-11-09","weeks_later":1}
      {"active":1,"share":1.0,"size":1,"week":"2026-11-16","weeks_later":0}
    totals {"installs":3,"new":3,"returning":0,"week_1_active":0,"week_1_eligible":0,"week_1_share":null}
    "#);
}

#[test]
fn health_by_fate_and_reason_with_what_clients_lost() {
    let collector = populated();
    let mut unknown = record(50, "command", A, NOW, command(0, 1, &[], None));
    unknown["properties"]["colour"] = "blue".into();
    let mut conflict = event(1, "command", (A, "1.0.0", "linux"), 13, command(0, 999, &[], None));
    conflict["properties"]["schema"] = 1.into();
    let envelope = json!({
        "records": [unknown, conflict, { "event": "none", "source": "docker-agent", "event_timestamp": NOW,
            "properties": { "version": "9.9.9", "secret": "x" } }],
        "client": { "epoch": id(99), "sent_at": NOW - 3_600_000, "recorded": 15,
            "losses": { "evicted": 1, "expired": 2, "rejected": 0, "too_big": 0 } },
    });
    assert_eq!(collector.post(&envelope.to_string()).tally(), (1, 1, 1));
    let answer = ask(&collector, "health");
    insta::assert_snapshot!(told(&answer), @r#"
    arrivals
      {"code":"","fate":"accepted","n":18,"property":"","version":""}
      {"code":"","fate":"late","n":17,"property":"","version":""}
      {"code":"","fate":"clock_off","n":1,"property":"","version":""}
      {"code":"","fate":"conflict","n":1,"property":"","version":""}
      {"code":"","fate":"dropped","n":1,"property":"","version":"1.2.3"}
      {"code":"","fate":"dropped_property","n":1,"property":"colour","version":"1.2.3"}
      {"code":"","fate":"duplicate","n":1,"property":"","version":""}
      {"code":"unknown_event","fate":"rejected","n":1,"property":"","version":"9.9.9"}
      {"code":"unknown_event","fate":"rejected_property","n":1,"property":"secret","version":"9.9.9"}
      {"code":"unknown_event","fate":"rejected_property","n":1,"property":"version","version":"9.9.9"}
    clients {"evicted":1,"expired":2,"installs":1,"outstanding":2,"recorded":15,"rejected":0,"stored":10,"too_big":0}
    days
      {"accepted":18,"date":"2026-11-22","duplicates":1,"late":17,"rejected":1}
    kept {"first_day":"2026-11-09","last_day":"2026-11-22","last_row":18}
    rejected
      {"code":"unknown_event","records":1}
    totals {"accepted":18,"capped_names":0,"clock_off":1,"conflicts":1,"dropped_properties":1,"duplicates":1,"late":17,"rejected":1,"rejected_share":0.05}
    "#);
}
