//! Killed at any moment, a collector has every event that it acknowledged, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{PATIENCE, envelope, get, id, post, tool};
use crate::process::Process;

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn send(url: &str, numbers: std::ops::Range<u64>, at: i64) -> (u64, u64, usize) {
    let body = envelope(numbers.map(|n| tool(n, at, "shell", "ok", n))).to_string();
    post(&format!("{url}/events/v1/track"), "application/json", body.as_bytes()).tally()
}

/// The ids of all stored events, in the order of their rows.
fn stored(url: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = Value::from(0);
    loop {
        let page = get(&format!("{url}/api/v1/events?limit=1000&after={after}")).json();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return ids;
        }
        ids.extend(events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
        after = page["last"].clone();
    }
}

#[test]
fn killed_between_requests_it_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let at = now();
    for round in 0..4 {
        let mut process = Process::start(folder.path());
        let numbers = round * 10..round * 10 + 10;
        assert_eq!(send(&process.url, numbers.clone(), at), (10, 0, 0));
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        // A client that did not hear of it sends again.
        let process = Process::start(folder.path());
        assert_eq!(send(&process.url, numbers, at), (0, 10, 0));
        let expected: Vec<String> = (0..(round + 1) * 10).map(id).collect();
        assert_eq!(stored(&process.url), expected);
    }
}

/// Clients send without a pause while the process is killed. Whatever was acknowledged is there; after every client
/// has sent again what it has no answer for, everything is there exactly once.
#[test]
fn killed_under_load_it_loses_nothing_and_doubles_nothing() {
    const CLIENTS: u64 = 4;
    const PER_REQUEST: u64 = 8;
    let folder = tempfile::tempdir().unwrap();
    let at = now();
    let mut process = Process::start(folder.path());
    let acknowledged_requests = AtomicU64::new(0);
    let url = process.url.clone();
    let outcomes: Vec<(Vec<u64>, u64)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, acknowledged_requests) = (&url, &acknowledged_requests);
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for request in 0.. {
                        let first = client * 1_000_000 + request * PER_REQUEST;
                        let body =
                            envelope((first..first + PER_REQUEST).map(|n| tool(n, at, "shell", "ok", n)));
                        let answer = ureq::post(&format!("{url}/events/v1/track"))
                            .header("content-type", "application/json")
                            .send(body.to_string());
                        match answer {
                            Ok(_) => {
                                acknowledged.push(first);
                                acknowledged_requests.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(_) => return (acknowledged, first),
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        let until = Instant::now() + PATIENCE;
        while acknowledged_requests.load(Ordering::Relaxed) < 50 {
            assert!(Instant::now() < until, "the collector does not answer");
            std::thread::yield_now();
        }
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });

    let process = Process::start(folder.path());
    let found: BTreeSet<String> = stored(&process.url).into_iter().collect();
    for first in outcomes.iter().flat_map(|(acknowledged, _)| acknowledged) {
        for n in *first..first + PER_REQUEST {
            assert!(found.contains(&id(n)), "acknowledged event {n} is gone");
        }
    }
    let mut expected = BTreeSet::new();
    for (acknowledged, unanswered) in &outcomes {
        let (accepted, duplicates, rejected) = send(&process.url, *unanswered..unanswered + PER_REQUEST, at);
        assert!(
            matches!((accepted, duplicates, rejected), (PER_REQUEST, 0, 0) | (0, PER_REQUEST, 0)),
            "half a request"
        );
        for first in acknowledged.iter().chain([unanswered]) {
            expected.extend((*first..first + PER_REQUEST).map(id));
        }
    }
    let all = stored(&process.url);
    assert_eq!(all.len(), expected.len(), "something is there twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
}
