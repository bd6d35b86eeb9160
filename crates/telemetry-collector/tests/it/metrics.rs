//! `/metrics`, read as Prometheus reads it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::{Collector, NOW, command};

/// Samples by name and labels; fails on anything that the text format does not allow.
fn scrape(text: &str) -> BTreeMap<String, f64> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0;
            continue;
        }
        if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').unwrap();
            assert_eq!(name, family, "type without help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name, kind).is_none(), "{name} twice");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        let is_of_family = name == family
            || types[family] == "histogram"
                && ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(family));
        assert!(is_of_family, "{sample} within {family}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert_eq!(types[family] == "counter", name.ends_with("_total"), "{name}");
        if let Some(labels) = sample.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) {
            for label in labels.strip_suffix('}').unwrap().split("\",") {
                let (label, text) = label.split_once("=\"").unwrap();
                assert!(label.bytes().all(|b| b.is_ascii_lowercase()), "{label}");
                assert!(!text.contains('\n'));
            }
        }
        assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "{sample} twice");
    }
    assert!(text.ends_with('\n'));
    samples
}

#[test]
fn the_state_can_be_scraped() {
    let collector = Collector::start();
    let first = collector.get("/metrics");
    assert_eq!(first.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    scrape(&first.body);
    assert_eq!(
        collector.send([command(1, 1, NOW, "run", true), json!({ "source": "x" })]).tally(),
        (1, 0, 1)
    );
    assert_eq!(collector.send([command(1, 1, NOW, "run", true)]).tally(), (0, 1, 0));
    assert_eq!(collector.get("/nowhere").status, 404);
    assert_eq!(collector.get("/api/v1/summary?x=1").status, 400);
    let samples = scrape(&collector.get("/metrics").body);
    let of = |name: &str| samples[&format!("telemetry_collector_{name}")];
    assert_eq!(of("records_total{fate=\"accepted\",code=\"\"}"), 1.0);
    assert_eq!(of("records_total{fate=\"duplicate\",code=\"\"}"), 1.0);
    assert_eq!(of("records_total{fate=\"rejected\",code=\"unknown_source\"}"), 1.0);
    assert_eq!(of("http_requests_total{route=\"/events/v1/track\",status=\"200\"}"), 2.0);
    assert_eq!(of("http_requests_total{route=\"/api/v1/summary\",status=\"400\"}"), 1.0);
    assert_eq!(of("http_requests_total{route=\"none\",status=\"404\"}"), 1.0);
    assert_eq!(of("commit_seconds_count"), 2.0);
    assert_eq!(of("commit_seconds_bucket{le=\"+Inf\"}"), 2.0);
    assert_eq!(
        (of("queue_requests"), of("live_tails"), of("store_up"), of("last_row")),
        (0.0, 0.0, 1.0, 1.0)
    );
    assert!(of("database_bytes") > 0.0 && of("wal_bytes") > 0.0 && of("disk_free_bytes") > 0.0);
    assert_eq!(of("start_time_seconds"), NOW as f64 / 1e3);
    assert_eq!(of(&format!("build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
}
