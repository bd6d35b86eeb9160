//! `/api/v1/events`.

use serde_json::{Value, json};

use crate::harness::{Collector, NOW, command, id};

fn numbers(events: &Value) -> Vec<Value> {
    events["events"].as_array().unwrap().iter().map(|event| event["event_id"].clone()).collect()
}

#[test]
fn events_come_in_the_order_of_arrival_page_by_page() {
    let collector = Collector::start();
    // Arrival decides, not the time of the event.
    let records = (0..10).map(|n| command(n, 1, NOW - i64::try_from(n).unwrap(), "run", true));
    assert_eq!(collector.send(records).tally(), (10, 0, 0));
    let ids = |range: std::ops::Range<u64>| range.map(|n| json!(id(n))).collect::<Vec<_>>();
    assert_eq!(numbers(&collector.get("/api/v1/events").json()), ids(0..10));
    assert_eq!(numbers(&collector.get("/api/v1/events?limit=3").json()), ids(7..10));

    let first = collector.get("/api/v1/events?after=0&limit=4").json();
    assert_eq!(numbers(&first), ids(0..4));
    let next = collector.get(&format!("/api/v1/events?after={}&limit=1000", first["last"])).json();
    assert_eq!(numbers(&next), ids(4..10));
    let end = collector.get(&format!("/api/v1/events?after={}", next["last"])).json();
    assert_eq!(end, json!({ "events": [], "last": next["last"] }));
}

#[test]
fn an_empty_store_lists_nothing() {
    let collector = Collector::start();
    assert_eq!(collector.get("/api/v1/events").json(), json!({ "events": [], "last": 0 }));
}

#[test]
fn everything_is_there_after_a_restart() {
    let collector = Collector::start();
    assert_eq!(collector.send((0..5).map(|n| command(n, n, NOW, "run", true))).tally(), (5, 0, 0));
    let (events, summary) = (collector.events(), collector.summary(""));
    let again = Collector::on(collector.stop(), |_| {});
    assert_eq!((again.events(), again.summary("")), (events, summary));
    assert_eq!(again.send((0..6).map(|n| command(n, n, NOW, "run", true))).tally(), (1, 5, 0));
}
