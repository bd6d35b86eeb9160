//! Threads that record at once, and events that record while they are written.

use std::collections::HashSet;
use std::time::Duration;

use agent_telemetry::testing::{Behaviour, FakeCollector};
use agent_telemetry::{
    Count, Cx, Dropped, Event, EventDef, FieldDef, ObjectWriter, Outcome, Properties, Receipt, Telemetry,
    catalogue, events::TokensUsed, from_context,
};

use crate::process::{LONG, Machine};
use crate::server::Server;

const THREADS: usize = 8;

/// Records from several threads at once; each event says which it is.
fn record_at_once(telemetry: &Telemetry, each: usize) -> Vec<Receipt> {
    std::thread::scope(|scope| {
        let record = |thread: usize| {
            let cx = telemetry.cx();
            let record = |at: usize| cx.record_token_usage("gpt-4o", (thread * each + at) as u64, 0, 0.0);
            (0..each).map(record).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || record(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn numbers(records: &[serde_json::Value]) -> HashSet<u64> {
    let number = |record: &serde_json::Value| record["properties"]["input_tokens"].as_u64().unwrap_or(0);
    records.iter().map(number).collect()
}

#[test]
fn p10_what_threads_record_at_once_is_journaled_when_their_calls_return() {
    const EACH: usize = 500;
    let machine = Machine::new(&Server::healthy());
    let holding = machine.process();
    let receipts = record_at_once(&holding, EACH);
    let journaled = |receipt: &&Receipt| receipt.wait(Duration::ZERO) == Outcome::Journaled;
    assert_eq!(receipts.iter().filter(journaled).count(), THREADS * EACH);
    // Seen by another process while this one lives: more than a segment of them.
    let pending: Vec<_> = machine
        .process()
        .pending()
        .iter()
        .map(|line| serde_json::from_str(line).expect("each line is one record"))
        .collect();
    assert!(machine.segments().len() > 2, "{:?}", machine.segments());
    assert_eq!((pending.len(), numbers(&pending).len()), (THREADS * EACH, THREADS * EACH));
    assert_eq!(machine.process().status().recorded, (THREADS * EACH) as u64);
}

#[test]
fn p10_receipts_of_threads_tell_each_what_became_of_its_own_event() {
    const EACH: usize = 40;
    let collector = FakeCollector::behaving(Behaviour::RejectRecords {
        indices: vec![0, 2],
        code: "bad_type".to_owned(),
    });
    let machine = Machine::consenting(&Server::healthy()).with("TELEMETRY_ENDPOINT", &collector.url());
    let telemetry = machine.process();
    let receipts = record_at_once(&telemetry, EACH);
    let outcomes: Vec<Outcome> = receipts.iter().map(|receipt| receipt.wait(LONG)).collect();
    let refused: HashSet<u64> = collector
        .requests()
        .iter()
        .flat_map(|request| {
            numbers(&[0, 2].iter().filter_map(|at| request.records().get(*at).cloned()).collect::<Vec<_>>())
        })
        .collect();
    for (number, outcome) in outcomes.iter().enumerate() {
        let expected = if refused.contains(&(number as u64)) {
            Outcome::Dropped(Dropped::GivenUp)
        } else {
            Outcome::Delivered
        };
        assert_eq!(*outcome, expected, "event {number}");
    }
    assert!(!refused.is_empty() && refused.len() < THREADS * EACH, "{}", refused.len());
}

/// An event that records another one while it is written.
struct Nested;

impl Properties for Nested {
    const FIELDS: &'static [FieldDef] = &[];

    fn write(&self, _out: &mut ObjectWriter<'_>) {
        if let Some(cx) = from_context() {
            let _ = cx.record_token_usage("gpt-4o", Count::new(7).get(), 0, 0.0);
        }
    }
}

impl Event for Nested {
    const DEF: EventDef = EventDef {
        name: "nested",
        action: None,
        about: "An event that records.",
        why: "to see that it may",
        since: "0.1.0",
        review: "2027-11-01",
        fields: &[],
    };
}

catalogue! {
    static CATALOGUE = { events: [Nested, TokensUsed], commands: [], flags: [] };
}

#[test]
fn an_event_may_record_while_it_is_written() {
    let (telemetry, capture) = agent_telemetry::testing::capture_with("acme", "1.2.3", &CATALOGUE);
    let cx: Cx = telemetry.cx();
    let _entered = cx.enter();
    let _ = cx.record(|| Nested);
    // The inner one was over first.
    assert_eq!(
        capture.records().iter().map(|record| record["event"].clone()).collect::<Vec<_>>(),
        ["token", "nested"]
    );
    assert_eq!(capture.only("token")["input_tokens"], 7);
}
