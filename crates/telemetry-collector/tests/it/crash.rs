//! Killed at any moment, a collector has every event that it acknowledged, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{PATIENCE, envelope, get, id, post, tool};
use crate::process::Process;

pub(crate) fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn send(url: &str, numbers: std::ops::Range<u64>, at: i64) -> (u64, u64, usize) {
    let body = envelope(numbers.map(|n| tool(n, at, "shell", "ok", n))).to_string();
    post(&format!("{url}/events/v1/track"), "application/json", body.as_bytes()).tally()
}

/// The ids of all stored events, in the order of their rows.
pub(crate) fn stored(url: &str) -> Vec<String> {
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

/// How often the collector is killed under load; `COLLECTOR_KILLS` says otherwise.
const KILLS: u64 = 3;
const CLIENTS: u64 = 4;
const PER_REQUEST: u64 = 8;
/// Requests that are acknowledged before the kill.
const BEFORE: u64 = 50;
/// Ids of a client in one round; no request has the ids of another.
const ROUND: u64 = 100_000;

/// What one client knows when the collector is gone.
struct Outcome {
    acknowledged: Vec<u64>,
    /// The request that has no answer.
    open: u64,
}

/// Clients send without a pause while the process is killed, again and again on the same folder. Whatever was
/// acknowledged is there; after every client has sent again what it has no answer for, everything is there exactly once.
#[test]
fn killed_under_load_it_loses_nothing_and_doubles_nothing() {
    let kills = std::env::var("COLLECTOR_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let at = now();
    let mut expected = BTreeSet::new();
    for round in 0..kills {
        let mut process = Process::start(folder.path());
        let outcomes = until_killed(&mut process, round, at);
        let process = Process::start(folder.path());
        let found: BTreeSet<String> = stored(&process.url).into_iter().collect();
        for Outcome { acknowledged, open } in &outcomes {
            for first in acknowledged {
                for n in *first..first + PER_REQUEST {
                    assert!(found.contains(&id(n)), "round {round}: acknowledged event {n} is gone");
                }
            }
            let (accepted, duplicates, rejected) = send(&process.url, *open..open + PER_REQUEST, at);
            assert!(
                matches!((accepted, duplicates, rejected), (PER_REQUEST, 0, 0) | (0, PER_REQUEST, 0)),
                "round {round}: half a request"
            );
            let requests = acknowledged.iter().chain([open]);
            expected.extend(requests.flat_map(|first| (*first..first + PER_REQUEST).map(id)));
        }
        let all = stored(&process.url);
        assert_eq!(all.len(), expected.len(), "round {round}: something is there twice");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

fn until_killed(process: &mut Process, round: u64, at: i64) -> Vec<Outcome> {
    let answered = AtomicU64::new(0);
    let url = process.url.clone();
    std::thread::scope(|scope| {
        let (url, answered) = (&url, &answered);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || send_on(url, (round * CLIENTS + client) * ROUND, at, answered)))
            .collect();
        let until = Instant::now() + PATIENCE;
        while answered.load(Ordering::Relaxed) < BEFORE {
            assert!(Instant::now() < until, "the collector does not answer");
            std::thread::yield_now();
        }
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// Sends until there is no answer.
fn send_on(url: &str, from: u64, at: i64, answered: &AtomicU64) -> Outcome {
    let mut acknowledged = Vec::new();
    for first in (from..).step_by(PER_REQUEST as usize) {
        let body = envelope((first..first + PER_REQUEST).map(|n| tool(n, at, "shell", "ok", n)));
        let answer = ureq::post(&format!("{url}/events/v1/track"))
            .header("content-type", "application/json")
            .send(body.to_string());
        if answer.is_err() {
            return Outcome { acknowledged, open: first };
        }
        acknowledged.push(first);
        answered.fetch_add(1, Ordering::Relaxed);
    }
    unreachable!()
}
