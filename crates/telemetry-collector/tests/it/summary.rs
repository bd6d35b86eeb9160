//! The numbers of `/api/v1/summary`, against events that were added up by hand.

use serde_json::{Value, json};

use crate::harness::{Collector, DAY, NOW, TODAY, command, session_end, session_start, token, tool};

/// The whole answer for a small, known set of events.
#[test]
fn the_summary_is_what_was_added_up_by_hand() {
    let collector = Collector::start();
    let old = NOW - 40 * DAY;
    let reply = collector.send([
        // Out of the default range: counts nowhere but in the ingest counts.
        command(1, 9, old, "run", false),
        command(2, 1, NOW, "run", true),
        command(3, 1, NOW - DAY, "run", false),
        command(4, 2, NOW - 6 * DAY, "run", true),
        command(5, 3, NOW - 7 * DAY, "version", true),
        command(6, 4, NOW - 29 * DAY, "sessions list", true),
        session_start(10, 8, NOW),
        session_start(11, 9, NOW),
        session_start(12, 10, NOW),
        session_end(13, 8, NOW, "completed"),
        session_end(14, 9, NOW, "limit"),
        tool(20, NOW, "shell", "ok", 10),
        tool(21, NOW, "shell", "error", 10),
        tool(22, NOW, "shell", "cancelled", 10),
        tool(23, NOW, "shell", "denied", 10),
        tool(24, NOW, "fetch", "ok", 0),
        token(30, NOW, "gpt-4o", 100, 50, Some(0.01)),
        token(31, NOW, "gpt-4o", 200, 30, Some(0.005)),
        token(32, NOW, "gpt-4o", 1, 1, None),
        token(33, NOW, "own-model", 7, 2, None),
    ]);
    assert_eq!(reply.tally(), (20, 0, 0));
    assert_eq!(collector.send([command(2, 1, NOW, "run", true), json!({})]).tally(), (0, 1, 1));
    let expected = json!({
        "range": { "from": "2026-10-24", "to": TODAY },
        "totals": {
            "events": 19, "commands": 5, "command_failures": 1, "command_failure_rate": 0.2,
            "tool_calls": 5, "tool_failures": 1, "tool_failure_rate": 0.2,
            "input_tokens": 308, "output_tokens": 83, "tokens": 391, "cost": 0.015, "unpriced_calls": 2,
        },
        "events": { "command": 5, "session": 5, "tool": 5, "token": 4 },
        "installs": { "day": 1, "week": 2, "month": 4, "range": 4 },
        "commands": [
            { "action": "run", "calls": 3, "failures": 1, "failure_rate": 0.333333 },
            { "action": "sessions list", "calls": 1, "failures": 0, "failure_rate": 0.0 },
            { "action": "version", "calls": 1, "failures": 0, "failure_rate": 0.0 },
        ],
        "tools": [
            { "tool_name": "shell", "tool_kind": "builtin", "calls": 4, "failures": 1, "failure_rate": 0.25,
              "p50_ms": 10, "p95_ms": 10, "p99_ms": 10 },
            { "tool_name": "fetch", "tool_kind": "builtin", "calls": 1, "failures": 0, "failure_rate": 0.0,
              "p50_ms": 0, "p95_ms": 0, "p99_ms": 0 },
        ],
        "models": [
            { "model_provider": "openai", "model_name": "gpt-4o", "input_tokens": 301, "output_tokens": 81,
              "cost": 0.015, "unpriced_calls": 1, "calls": 3 },
            { "model_provider": "openai", "model_name": "own-model", "input_tokens": 7, "output_tokens": 2,
              "cost": null, "unpriced_calls": 1, "calls": 1 },
        ],
        "sessions": { "started": 3, "completed": 1, "failed": 0, "cancelled": 0, "limit": 1, "never_ended": 1 },
        "ingest": { "accepted": 20, "duplicates": 1, "rejected": 1 },
        "others": [],
        "filters": {},
        "percentile_error": 0.045,
        "incomplete_day": TODAY,
    });
    for query in ["", &format!("?from=2026-10-24&to={TODAY}")] {
        let mut summary = collector.summary(query);
        let days = summary.as_object_mut().unwrap().remove("days").unwrap();
        assert_eq!(summary, expected);
        let days = days.as_array().unwrap();
        assert_eq!((days.len(), &days[0]["date"]), (30, &json!("2026-10-24")));
        let today = json!({
            "date": TODAY, "installs": 1, "command": 1, "session": 5, "tool": 5, "token": 4, "command_failures": 0,
            "command_failure_rate": 0.0, "sessions_started": 3, "tokens": 391, "cost": 0.015,
        });
        assert_eq!(days[29], today);
    }
}

#[test]
fn both_ends_of_a_range_are_inside_and_midnight_begins_a_day() {
    let collector = Collector::start();
    let midnight = NOW - NOW.rem_euclid(DAY);
    let times = [midnight - DAY - 1, midnight - DAY, midnight - 1, midnight];
    let records = times.into_iter().zip(1..).map(|(at, n)| command(n, n, at, "run", true));
    assert_eq!(collector.send(records).tally(), (4, 0, 0));
    let commands = |query: &str| collector.summary(query)["events"]["command"].clone();
    assert_eq!(commands("?from=2026-11-21&to=2026-11-21"), 2);
    assert_eq!(commands("?from=2026-11-20&to=2026-11-21"), 3);
    assert_eq!(commands("?from=2026-11-22&to=2026-11-22"), 1);
    assert_eq!(commands("?to=2026-11-20"), 1);
    assert_eq!(commands("?from=2026-11-23&to=2026-11-30"), 0);
    let installs = collector.summary("?from=2026-11-21&to=2026-11-22")["installs"].clone();
    assert_eq!(installs, json!({ "day": 2, "week": 4, "month": 4, "range": 3 }));
}

/// Of a day that has just begun, nothing can be said but that.
#[test]
fn the_last_day_is_one_that_is_over() {
    let collector = Collector::start();
    let of = |number, install, at, version: &str| {
        let mut record = command(number, install, at, "run", true);
        record["properties"]["version"] = version.into();
        record
    };
    let records = [
        of(1, 1, NOW - DAY, "1.0.0"),
        of(2, 2, NOW - DAY, "1.0.0"),
        of(3, 1, NOW, "2.0.0"),
        of(4, 3, NOW - 2 * DAY, "1.0.0"),
    ];
    assert_eq!(collector.send(records).tally(), (4, 0, 0));
    for (query, last_day) in [
        ("", 2),
        ("?to=2026-11-30", 2),
        ("?from=2026-11-22", 2),
        ("?to=2026-11-21", 2),
        ("?to=2026-11-20", 1),
    ] {
        assert_eq!(collector.summary(query)["installs"]["day"], last_day, "{query}");
        let adoption = collector.get(&format!("/api/v1/adoption{query}")).json();
        assert_eq!(adoption["totals"]["day"], last_day, "{query}");
    }
    let versions = collector.get("/api/v1/adoption").json()["versions"].clone();
    let shares = versions.as_array().unwrap().iter().map(|row| (&row["version"], &row["last_day_share"]));
    assert_eq!(shares.collect::<Vec<_>>(), [(&json!("1.0.0"), &json!(1.0)), (&json!("2.0.0"), &json!(0.0))]);
    assert_eq!(versions[1]["days_to_half"], Value::Null, "half of today is not half of a day");
}

#[test]
fn an_empty_store_has_an_answer() {
    let collector = Collector::start();
    let summary = collector.summary("");
    assert_eq!(summary["events"], json!({ "command": 0, "session": 0, "tool": 0, "token": 0 }));
    assert_eq!(summary["commands"], json!([]));
    assert_eq!(summary["ingest"], json!({ "accepted": 0, "duplicates": 0, "rejected": 0 }));
}

/// 1,000 durations of 1 to 1,000 ms in requests that arrive out of order.
#[test]
fn percentiles_are_within_the_stated_error() {
    let collector = Collector::start();
    let mut records: Vec<Value> = (1..=1000).map(|ms| tool(ms, NOW, "shell", "ok", ms)).collect();
    records.reverse();
    for batch in records.chunks(64) {
        assert_eq!(collector.send(batch.to_vec()).tally().2, 0);
    }
    let tool = &collector.summary("")["tools"][0];
    for (name, exact) in [("p50_ms", 500.0), ("p95_ms", 950.0), ("p99_ms", 990.0)] {
        let shown = tool[name].as_f64().unwrap();
        assert!((shown - exact).abs() <= 0.045 * exact, "{name} is {shown}, not {exact}");
    }
}

#[test]
fn money_adds_up_to_the_last_nano_dollar() {
    let collector = Collector::start();
    let records = (0..10).map(|n| token(n, NOW, "gpt-4o", 1, 1, Some(0.1)));
    let tiny = token(11, NOW, "gpt-4o", 1, 1, Some(0.000_000_001));
    assert_eq!(collector.send(records.chain([tiny])).tally(), (11, 0, 0));
    assert_eq!(collector.summary("")["models"][0]["cost"].to_string(), "1.000000001");
}

/// A word that never occurred must not match events that lack the property.
#[test]
fn absent_words_match_nothing() {
    let collector = Collector::start();
    assert_eq!(collector.send([tool(1, NOW, "shell", "ok", 1)]).tally(), (1, 0, 0));
    let summary = collector.summary("");
    assert_eq!(summary["tools"][0]["failures"], 0);
    assert_eq!(summary["events"], json!({ "command": 0, "session": 0, "tool": 1, "token": 0 }));
    assert_eq!(summary["sessions"]["completed"], 0);
}
