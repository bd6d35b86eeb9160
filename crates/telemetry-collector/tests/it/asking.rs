//! What every view can be asked: filters, comparison, and the reasons for a refusal.

use serde_json::{Value, json};

use crate::harness::{Collector, Reply, TODAY};
use crate::views::populated;

pub(crate) const VIEWS: [&str; 8] =
    ["summary", "commands", "tools", "models", "sessions", "adoption", "retention", "health"];
const FILTERS: [(&str, &str); 9] = [
    ("source", "docker-agent"),
    ("version", "1.0.0"),
    ("os", "linux"),
    ("arch", "amd64"),
    ("caller", "human"),
    ("agent", "root"),
    ("model", "gpt-4o"),
    ("tool", "shell"),
    ("action", "run"),
];
const RANGE: &str = "from=2026-11-09&to=2026-11-22";

fn get(collector: &Collector, view: &str, query: &str) -> Reply {
    collector.get(&format!("/api/v1/{view}?{RANGE}&{query}"))
}

fn json_of(collector: &Collector, view: &str, query: &str) -> Value {
    let reply = get(collector, view, query);
    assert_eq!(reply.status, 200, "{view} {query}: {}", reply.body);
    reply.json()
}

/// No filter is ever ignored: each pair of them is answered and repeated in the answer, or refused by name.
#[test]
fn every_pair_of_filters_is_served_or_refused_with_the_reason() {
    let collector = populated();
    let mut served = Vec::new();
    for view in VIEWS {
        for (at, (name, value)) in FILTERS.iter().enumerate() {
            for (other, other_value) in &FILTERS[at..] {
                let query = match name == other {
                    true => format!("{name}={value}"),
                    false => format!("{name}={value}&{other}={other_value}"),
                };
                let reply = get(&collector, view, &query);
                if reply.status == 200 {
                    let filters = &reply.json()["filters"];
                    assert_eq!((&filters[name], &filters[other]), (&json!([value]), &json!([other_value])));
                    if name == other {
                        served.push(format!("{view} {name}"));
                    }
                } else {
                    assert_eq!((reply.status, reply.error_code().as_str()), (400, "unservable_filter"));
                    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
                    let refused =
                        |name| message.starts_with(&format!("{view} cannot be filtered by {name}: "));
                    assert!(refused(name) || refused(other), "{view} {query}: {message}");
                }
            }
        }
    }
    let origin =
        |view: &str| ["source", "version", "os", "arch", "caller"].map(|name| format!("{view} {name}"));
    let mut expected: Vec<String> = VIEWS[..7].iter().flat_map(|view| origin(view)).collect();
    expected.extend(
        [
            "commands action",
            "tools agent",
            "tools tool",
            "models agent",
            "models model",
            "sessions agent",
            "sessions model",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    served.sort();
    assert_eq!(served, expected);
    for view in ["events", "catalogue", "filters"] {
        let reply = collector.get(&format!("/api/v1/{view}?os=linux"));
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "unservable_filter"), "{view}");
    }
}

#[test]
fn values_of_one_filter_add_up_and_filters_narrow_each_other() {
    let collector = populated();
    let calls = |query: &str| json_of(&collector, "commands", query)["totals"]["calls"].clone();
    assert_eq!(calls(""), 4);
    assert_eq!(calls("version=1.0.0"), 2);
    assert_eq!(calls("version=1.0.0&version=2.0.0"), 4);
    assert_eq!(calls("version=1.0.0&version=1.0.0&version="), 2);
    assert_eq!(calls("version=1.0.0&version=2.0.0&os=linux"), 2);
    assert_eq!(calls("version=2.0.0&os=windows"), 1);
    assert_eq!(calls("version=9.9.9"), 0);
    assert_eq!(calls("version=1.0.0&os=windows"), 0);
    let of = |view: &str, query: &str, name: &str| json_of(&collector, view, query)["totals"][name].clone();
    assert_eq!(of("tools", "agent=helper", "calls"), 1);
    assert_eq!(of("models", "model=local", "calls"), 1);
    assert_eq!(of("sessions", "agent=root", "started"), 2);
    assert_eq!(of("adoption", "os=linux&os=darwin", "range"), 2);
    assert_eq!(of("retention", "version=2.0.0", "installs"), 2);
    let many = (0..=100).map(|n| format!("os=x{n}&")).collect::<String>();
    assert_eq!(get(&collector, "commands", &many).status, 400);
}

#[test]
fn what_can_be_filtered_by_is_told() {
    let filters = populated().get("/api/v1/filters").json();
    assert_eq!(
        filters,
        json!({
            "source": ["docker-agent"], "version": ["1.0.0", "2.0.0"], "os": ["darwin", "linux", "windows"],
            "arch": ["amd64"], "caller": ["human"], "agent": ["helper", "root"], "model": ["gpt-4o", "local"],
            "tool": ["fetch", "shell"], "action": ["run"],
        })
    );
}

/// The second week beside the first.
#[test]
fn the_previous_range_stands_beside_each_row() {
    let collector = populated();
    let week = "from=2026-11-16&to=2026-11-22&compare=previous";
    let answer = |view: &str| collector.get(&format!("/api/v1/{view}?{week}")).json();
    let commands = answer("commands");
    assert_eq!(commands["range"], json!({ "from": "2026-11-16", "to": "2026-11-22" }));
    assert_eq!(commands["previous_range"], json!({ "from": "2026-11-09", "to": "2026-11-15" }));
    assert_eq!(commands["incomplete_day"], TODAY);
    insta::assert_snapshot!(commands["totals"], @r#"{"calls":2,"change":{"calls":0,"failure_rate":0.0,"failures":0,"installs":0,"p50_ms":0,"p95_ms":201,"p99_ms":201},"failure_rate":0.5,"failures":1,"installs":2,"p50_ms":100,"p95_ms":402,"p99_ms":402,"previous":{"calls":2,"failure_rate":0.5,"failures":1,"installs":2,"p50_ms":100,"p95_ms":201,"p99_ms":201}}"#);
    // Aligned by position: the first Monday with the second.
    insta::assert_snapshot!(commands["days"][0], @r#"{"calls":1,"change":{"calls":0,"failure_rate":0.0,"failures":0},"date":"2026-11-16","failure_rate":0.0,"failures":0,"previous":{"calls":1,"date":"2026-11-09","failure_rate":0.0,"failures":0}}"#);
    // A tool that was not used before, and an error class that did not occur again.
    let tools = answer("tools");
    insta::assert_snapshot!(tools["tools"][1], @r#"{"calls":1,"cancelled":0,"change":{"calls":1,"cancelled":0,"denied":0,"failure_rate":null,"failures":0,"installs":1,"p50_ms":null,"p95_ms":null,"p99_ms":null},"denied":0,"errors":{},"failure_rate":0.0,"failures":0,"installs":1,"p50_ms":1001,"p95_ms":1001,"p99_ms":1001,"previous":{"calls":0,"cancelled":0,"denied":0,"errors":{},"failure_rate":null,"failures":0,"installs":0,"p50_ms":null,"p95_ms":null,"p99_ms":null},"tool_kind":"builtin","tool_name":"fetch"}"#);
    insta::assert_snapshot!(tools["errors"][1], @r#"{"calls":0,"change":{"calls":-1},"error":"timeout","previous":{"calls":1}}"#);
    // An unknown cost has no difference.
    insta::assert_snapshot!(answer("models")["models"][1], @r#"{"cache_read_share":0.0,"cache_read_tokens":0,"cache_write_tokens":0,"calls":1,"change":{"cache_read_share":null,"cache_read_tokens":0,"cache_write_tokens":0,"calls":1,"cost":null,"input_tokens":7,"installs":1,"output_tokens":3,"p50_ms":null,"p95_ms":null,"p99_ms":null,"reasoning_tokens":5,"unpriced_calls":1},"cost":null,"input_tokens":7,"installs":1,"model_name":"local","model_provider":"openai","output_tokens":3,"p50_ms":100,"p95_ms":100,"p99_ms":100,"previous":{"cache_read_share":null,"cache_read_tokens":0,"cache_write_tokens":0,"calls":0,"cost":null,"input_tokens":0,"installs":0,"output_tokens":0,"p50_ms":null,"p95_ms":null,"p99_ms":null,"reasoning_tokens":0,"unpriced_calls":0},"reasoning_tokens":5,"unpriced_calls":1}"#);
    insta::assert_snapshot!(answer("summary")["installs"], @r#"{"change":{"day":0,"month":1,"range":0,"week":0},"day":0,"month":3,"previous":{"day":0,"month":2,"range":2,"week":2},"range":2,"week":2}"#);
    insta::assert_snapshot!(answer("retention")["totals"], @r#"{"change":{"installs":0,"new":-1,"returning":1,"week_1_active":0,"week_1_eligible":0,"week_1_share":null},"installs":2,"new":1,"previous":{"installs":2,"new":2,"returning":0,"week_1_active":0,"week_1_eligible":0,"week_1_share":null},"returning":1,"week_1_active":0,"week_1_eligible":0,"week_1_share":null}"#);
    assert_eq!(answer("adoption")["days"][0].get("previous"), None);
}

#[test]
fn only_a_range_with_today_has_an_incomplete_day() {
    let collector = Collector::start();
    for view in VIEWS {
        let day =
            |query: &str| collector.get(&format!("/api/v1/{view}{query}")).json()["incomplete_day"].clone();
        assert_eq!(day(""), TODAY, "{view}");
        assert_eq!(day("?from=2026-11-22&to=2026-11-30"), TODAY, "{view}");
        assert_eq!(day("?to=2026-11-21"), Value::Null, "{view}");
    }
}

#[test]
fn an_empty_store_answers_every_view() {
    let collector = Collector::start();
    for view in VIEWS {
        for query in ["", "?compare=previous", "?version=1.0.0"] {
            let reply = collector.get(&format!("/api/v1/{view}{query}"));
            if (view, query) != ("health", "?version=1.0.0") {
                assert_eq!(reply.status, 200, "{view}{query}: {}", reply.body);
            }
        }
    }
}
