//! The live tail.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Collector, NOW, PATIENCE, command, id};

/// An open stream of server-sent events.
struct Tail(BufReader<TcpStream>);

#[derive(Debug, Default)]
struct Message {
    event: String,
    id: String,
    data: Value,
}

impl Tail {
    /// Returns once the server has answered, and so has subscribed.
    fn open(collector: &Collector, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(collector.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = collector.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").unwrap();
        let mut tail = Self(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(tail.0.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        tail
    }

    fn next(&mut self) -> Message {
        let mut message = Message::default();
        let until = Instant::now() + PATIENCE;
        loop {
            // Heartbeats keep the socket's own deadline from passing.
            assert!(Instant::now() < until, "no event came");
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended");
            // Lines of the chunked coding hold no colon.
            match line.trim_end().split_once(": ") {
                Some(("event", event)) => message.event = event.to_owned(),
                Some(("id", id)) => message.id = id.to_owned(),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                _ if line.trim_end().is_empty() && !message.event.is_empty() => return message,
                _ => {}
            }
        }
    }
}

#[test]
fn events_arrive_as_they_are_listed() {
    let collector = Collector::start();
    let mut tail = Tail::open(&collector, "/api/v1/events/stream", "");
    assert_eq!(collector.send((0..3).map(|n| command(n, 1, NOW, "run", true))).tally(), (3, 0, 0));
    // A duplicate is no news.
    assert_eq!(
        collector.send([command(0, 1, NOW, "run", true), command(3, 1, NOW, "run", true)]).tally(),
        (1, 1, 0)
    );
    for listed in collector.events() {
        let message = tail.next();
        assert_eq!((message.event.as_str(), &message.data), ("record", &listed));
        assert_eq!(message.id, listed["row"].to_string());
    }
}

#[test]
fn a_reconnect_continues_where_it_was_cut() {
    let collector = Collector::start();
    assert_eq!(collector.send((0..4).map(|n| command(n, 1, NOW, "run", true))).tally(), (4, 0, 0));
    let mut by_header = Tail::open(&collector, "/api/v1/events/stream", "Last-Event-ID: 2\r\n");
    let mut by_query = Tail::open(&collector, "/api/v1/events/stream?after=2", "");
    assert_eq!(collector.send([command(4, 1, NOW, "run", true)]).tally(), (1, 0, 0));
    for tail in [&mut by_header, &mut by_query] {
        let rows: Vec<Value> = (0..3).map(|_| tail.next().data["event_id"].clone()).collect();
        assert_eq!(rows, [json!(id(2)), json!(id(3)), json!(id(4))]);
    }
}

/// A browser that has not seen an id, or has lost it, sends none or an empty one.
#[test]
fn an_empty_last_id_is_none_and_a_wrong_one_is_told() {
    let collector = Collector::start();
    let mut tail = Tail::open(&collector, "/api/v1/events/stream", "Last-Event-ID: \r\n");
    assert_eq!(collector.send([command(1, 1, NOW, "run", true)]).tally(), (1, 0, 0));
    assert_eq!(tail.next().data["event_id"], json!(id(1)));
    let wrong = ureq::get(collector.url("/api/v1/events/stream"))
        .header("last-event-id", "seven")
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
}

/// Otherwise a dashboard in some forgotten tab would keep the collector from ending.
#[test]
fn an_open_tail_does_not_keep_the_collector_from_ending() {
    let collector = Collector::start();
    let mut tail = Tail::open(&collector, "/api/v1/events/stream", "");
    drop(collector.stop());
    let mut rest = String::new();
    while tail.0.read_line(&mut rest).unwrap() != 0 {}
}

/// A reader that was away for longer than is replayed must learn of it.
#[test]
fn what_is_not_replayed_is_announced() {
    let collector = Collector::start();
    for batch in (0..1005).collect::<Vec<u64>>().chunks(60) {
        assert_eq!(collector.send(batch.iter().map(|n| command(*n, 1, NOW, "run", true))).tally().2, 0);
    }
    let mut tail = Tail::open(&collector, "/api/v1/events/stream?after=1", "");
    let rows: Vec<String> = (0..1000).map(|_| tail.next().id).collect();
    assert_eq!((rows[0].as_str(), rows[999].as_str()), ("2", "1001"));
    let gap = tail.next();
    assert_eq!((gap.event.as_str(), gap.data), ("gap", json!({ "missed": 4 })));
    assert_eq!(collector.send([command(2000, 1, NOW, "run", true)]).tally(), (1, 0, 0));
    assert_eq!(tail.next().id, "1006");
}
