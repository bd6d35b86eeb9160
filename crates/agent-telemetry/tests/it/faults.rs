//! P10: whatever goes wrong, every recorded event ends in exactly one outcome, and the outcomes add up.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_telemetry::{LogLine, Outcome};
use proptest::prelude::*;

use crate::process::{LONG, Machine, ids};
use crate::server::{Behaviour, Got, Reply, Server};

/// What the collector knows at the end.
#[derive(Default)]
struct Books {
    /// Stored, each once.
    stored: HashSet<String>,
    /// Refused in an answer that was sent whole.
    refused: HashSet<String>,
    /// Taken in an answer that was sent whole.
    acknowledged: HashSet<String>,
    /// What it does with the next requests.
    script: Vec<Fault>,
}

/// What can become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    RefuseFirst,
    RefuseEveryThird,
    Status(u16),
    RetryAfter,
    CloseUnread,
    CloseStored,
    HalfStored,
    AnswerAndClose,
}

impl Books {
    fn reply(&mut self, got: &Got) -> Reply {
        let json = got.json();
        let records = json["records"].as_array().unwrap().clone();
        let ids = ids(&records);
        let in_order: Vec<&str> = records.iter().map(|r| r["event_id"].as_str().unwrap()).collect();
        let marked = records.iter().any(|record| record["properties"]["input_tokens"] == 13);
        let fault = if self.script.is_empty() { Fault::None } else { self.script.remove(0) };
        if marked && !matches!(fault, Fault::Status(413)) {
            return self.refuse_all(400, &ids);
        }
        let refused: Vec<usize> = match fault {
            Fault::RefuseFirst => vec![0],
            Fault::RefuseEveryThird => (0..records.len()).step_by(3).collect(),
            Fault::Status(status @ (404 | 413)) => return self.refuse_all(status, &ids),
            Fault::Status(status) => return Reply::status(status),
            Fault::RetryAfter => {
                return Reply::Answer(503, "retry-after: 1\r\n".to_owned(), String::new());
            }
            Fault::CloseUnread => return Reply::Close,
            _ => Vec::new(),
        };
        let is_refused = |at: usize| refused.contains(&at);
        let taken =
            in_order.iter().enumerate().filter(|(at, _)| !is_refused(*at)).map(|(_, id)| id.to_string());
        self.stored.extend(taken.clone());
        match fault {
            Fault::CloseStored => return Reply::Close,
            Fault::HalfStored => return Reply::Half,
            _ => {}
        }
        self.acknowledged.extend(taken);
        self.refused.extend(refused.iter().map(|at| in_order[*at].to_owned()));
        if fault == Fault::AnswerAndClose {
            return Reply::AnswerAndClose(200);
        }
        let rejected: Vec<_> =
            refused.iter().map(|at| serde_json::json!({ "index": at, "code": "bad_type" })).collect();
        let body = serde_json::json!({ "accepted": records.len() - refused.len(), "rejected": rejected });
        Reply::Answer(200, String::new(), body.to_string())
    }

    fn refuse_all(&mut self, status: u16, ids: &[String]) -> Reply {
        if ids.len() == 1 || status == 404 {
            self.refused.extend(ids.iter().cloned());
        }
        Reply::status(status)
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::RefuseFirst),
        1 => Just(Fault::RefuseEveryThird),
        4 => proptest::sample::select(vec![400, 401, 404, 408, 413, 429, 500, 502, 504]).prop_map(Fault::Status),
        1 => Just(Fault::RetryAfter),
        1 => Just(Fault::CloseUnread),
        1 => Just(Fault::CloseStored),
        1 => Just(Fault::HalfStored),
        1 => Just(Fault::AnswerAndClose),
    ]
    .prop_map(|fault| match fault {
        // A server that refuses a good batch for its form refuses it as too big here, so that the books are simple.
        Fault::Status(400) => Fault::Status(413),
        other => other,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p10_every_record_ends_in_one_outcome_and_the_outcomes_add_up(
        script in proptest::collection::vec(fault(), 0..30),
        processes in proptest::collection::vec((0_usize..90, proptest::option::of(0_usize..90), any::<bool>()), 1..6),
    ) {
        let books = Arc::new(Mutex::new(Books { script, ..Books::default() }));
        let own = Arc::clone(&books);
        let server = Server::start(Behaviour::each(move |got| own.lock().unwrap().reply(got)));
        let machine = Machine::consenting(&server);
        let mut recorded = 0;
        for (events, marked, flushes) in processes {
            let telemetry = machine.process();
            for event in 0..events {
                let input = if marked == Some(event) { 13 } else { 1 };
                let _ = telemetry.cx().record_token_usage("gpt-4o", input, 2, 0.5);
            }
            recorded += events as u64;
            if flushes {
                let _ = telemetry.flush(LONG);
            } else {
                telemetry.close();
            }
        }
        machine.flush_all();
        let status = machine.process().status();
        let books = books.lock().unwrap();
        prop_assert_eq!(status.recorded, recorded);
        prop_assert_eq!(status.losses.total(), status.losses.rejected);
        prop_assert_eq!(status.losses.rejected, books.refused.len() as u64);
        prop_assert_eq!(books.acknowledged.intersection(&books.refused).count(), 0);
        prop_assert_eq!(books.stored.union(&books.refused).count() as u64, recorded);
        prop_assert_eq!(books.acknowledged.len() as u64 + status.losses.rejected, recorded);
    }
}

#[test]
fn p10_a_connection_that_was_closed_between_two_requests_is_no_failure() {
    let server = Server::start(Behaviour::each(|_| Reply::AnswerAndClose(200)));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    for _ in 0..5 {
        let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
    }
    assert_eq!(telemetry.status().breaker.failures, 0);
}

#[test]
fn p10_a_connection_that_is_closed_while_a_request_is_on_its_way_is_no_failure() {
    // Answers once on each connection, and closes it when it has read another request.
    let answered = Mutex::new(HashSet::new());
    let server = Server::start(Behaviour::each(move |got| {
        if answered.lock().unwrap().insert(got.connection) { Reply::ok() } else { Reply::Close }
    }));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    for _ in 0..3 {
        let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
    }
    assert_eq!(telemetry.status().breaker.failures, 0);
    // Each attempt is in the log.
    let requests = telemetry.log().iter().filter(|line| matches!(line, LogLine::Request { .. })).count();
    assert_eq!((server.got().len(), requests), (5, 5));
}

#[test]
fn p10_a_new_connection_that_is_closed_is_a_failure() {
    let answered = Mutex::new(false);
    let server = Server::start(Behaviour::each(move |_| {
        if std::mem::replace(&mut *answered.lock().unwrap(), true) { Reply::Close } else { Reply::ok() }
    }));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let record = || telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG);
    assert_eq!((record(), record()), (Outcome::Delivered, Outcome::Journaled));
    assert_eq!(telemetry.status().breaker.failures, 1);
    assert_eq!(server.got().len(), 3, "one that was answered, one on its connection, one on a new one");
}

#[test]
fn p10_retry_after_is_obeyed_in_both_forms_and_never_makes_a_loop() {
    let hour_ms = 60 * 60 * 1000;
    let in_the_far_future = 24 * hour_ms;
    for (header, at_least, at_most) in [
        ("retry-after: 0\r\n", 1_000, 3_000),
        ("retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 1_000, 3_000),
        ("retry-after: 7200\r\n", 2 * hour_ms, 2 * hour_ms + 60_000),
        ("retry-after: Fri, 31 Dec 2999 23:59:59 GMT\r\n", in_the_far_future, in_the_far_future),
        ("retry-after: 99999999\r\n", in_the_far_future, in_the_far_future),
    ] {
        let server = Server::start(Behaviour::Answer(503, header, ""));
        let machine = Machine::consenting(&server);
        let telemetry = machine.process();
        let before = unix_ms();
        let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Journaled);
        let after = unix_ms();
        assert_eq!(server.got().len(), 1, "{header}");
        // A pause that is over already, because this machine is slow, leaves nothing to look at.
        if let Some(until) = telemetry.status().breaker.open_until_ms {
            assert!(until >= before + at_least && until <= after + at_most, "{header}: {}", until - before);
        } else {
            assert!(unix_ms() >= before + at_least, "{header}");
        }
    }
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[test]
fn p10_redirects_are_not_followed_and_carry_nothing_elsewhere() {
    let elsewhere = Server::healthy();
    let target: &'static str = Box::leak(format!("location: {}\r\n", elsewhere.url()).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(Behaviour::Answer(status, target, ""));
        let machine = Machine::consenting(&server);
        let receipt = machine.process().cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Journaled, "{status}");
        assert_eq!(server.got().len(), 1);
    }
    assert!(elsewhere.got().is_empty());
}

#[test]
fn p9_one_deadline_covers_an_answer_that_never_ends() {
    let server = Server::start(Behaviour::each(|_| Reply::Trickle));
    let machine = Machine::new(&server);
    machine.run();
    let telemetry = machine.process();
    let flushed = telemetry.flush(LONG);
    let gave_up = format!("{} did not take them; see `telemetry log`", server.url());
    assert_eq!((flushed.left, flushed.reason), (5, Some(gave_up)), "before the flush ran out of time");
    let log = telemetry.log();
    assert!(matches!(&log[1], LogLine::Failure { reason, .. } if reason == "no answer in time"), "{log:?}");
    assert_eq!(telemetry.status().breaker.failures, 1);
}

#[test]
fn p10_who_alternates_between_two_endpoints_remembers_both() {
    let healthy = Server::healthy();
    let broken = Server::start(Behaviour::Answer(500, "", ""));
    let machine = Machine::consenting(&broken);
    machine.run();
    machine.until(|status| status.breaker.open_until_ms.is_some());
    let attempts = broken.got().len();
    let mut machine = machine;
    for _ in 0..3 {
        machine = machine.with("TELEMETRY_ENDPOINT", &healthy.url());
        machine.run();
        machine.flush_all();
        machine = machine.with("TELEMETRY_ENDPOINT", &broken.url());
        assert!(machine.process().status().breaker.open_until_ms.is_some());
        machine.run();
    }
    assert_eq!(broken.got().len(), attempts, "no attempt while its breaker is open");
}

#[test]
fn p10_waiting_for_ever_does_not_panic() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(Duration::MAX), Outcome::Delivered);
    assert_eq!(telemetry.flush(Duration::MAX).left, 0);
}

#[test]
fn p4_a_process_that_goes_on_after_a_command_sends_at_once_again() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    for _ in 0..3 {
        telemetry.command("run", |_| ());
        let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
        assert_eq!(receipt.wait(LONG), Outcome::Delivered);
    }
}
