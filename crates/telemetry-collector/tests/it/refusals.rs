//! Requests that are refused as a whole, and what they are told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use serde_json::json;

use crate::harness::{Collector, NOW, PATIENCE, Reply, command, envelope, post};
use crate::html::Html;

#[test]
fn what_is_no_envelope_is_a_400() {
    let collector = Collector::start();
    let deep = "[".repeat(10_000);
    for (body, code) in [
        ("", "bad_json"),
        ("{", "bad_json"),
        ("{\"records\":[}", "bad_json"),
        ("\u{feff}{}", "bad_json"),
        (deep.as_str(), "bad_json"),
        ("[]", "bad_envelope"),
        ("7", "bad_envelope"),
        ("{}", "bad_envelope"),
        ("{\"records\":{}}", "bad_envelope"),
        ("{\"records\":[]}", "bad_envelope"),
    ] {
        let reply = collector.post(body);
        assert_eq!((reply.status, reply.error_code().as_str()), (400, code), "{body:.20}");
    }
    let invalid_utf8 =
        post(&collector.url("/events/v1/track"), "application/json", b"{\"records\":[\"\xff\"]}");
    assert_eq!((invalid_utf8.status, invalid_utf8.error_code().as_str()), (400, "bad_json"));
    let secret = collector.post("{\"records\": canary-secret }");
    assert!(!secret.body.contains("canary"), "{}", secret.body);
}

#[test]
fn only_json_is_taken() {
    let collector = Collector::start();
    let body = envelope([command(1, 1, NOW, "run", true)]).to_string();
    let url = collector.url("/events/v1/track");
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let reply = post(&url, media_type, body.as_bytes());
        assert_eq!(
            (reply.status, reply.error_code().as_str()),
            (415, "unsupported_media_type"),
            "{media_type}"
        );
    }
    let reply = post(&url, "Application/JSON; charset=utf-8", body.as_bytes());
    assert_eq!(reply.tally(), (1, 0, 0));
}

#[test]
fn a_request_has_at_most_64_records_and_64_kib() {
    let collector = Collector::start();
    let records = |count: u64| (0..count).map(|n| command(n, 1, NOW, "run", true));
    let reply = collector.send(records(65));
    assert_eq!((reply.status, reply.error_code().as_str()), (413, "too_many_records"));
    assert_eq!(collector.send(records(64)).tally(), (64, 0, 0));

    let body = envelope(records(1)).to_string();
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    assert_eq!(collector.post(&padded(65_536)).tally(), (0, 1, 0));
    for length in [65_537, 300_000, 1_000_000] {
        let reply = collector.post(&padded(length));
        assert_eq!((reply.status, reply.error_code().as_str()), (413, "body_too_large"), "{length}");
    }
}

#[test]
fn other_paths_and_methods_have_the_same_form_of_error() {
    let collector = Collector::start();
    let reply = collector.get("/events/v1/track");
    assert_eq!((reply.status, reply.error_code().as_str()), (405, "method_not_allowed"));
    assert_eq!(reply.header("allow"), Some("POST"));
    for path in ["/api/v1/everything", "/everything", "/tools/", "/API/v1/summary"] {
        let reply = collector.get(path);
        assert_eq!((reply.status, reply.error_code().as_str()), (404, "not_found"), "{path}");
    }
}

#[test]
fn a_browser_gets_a_page_where_there_is_none() {
    let collector = Collector::start();
    for (path, status, told) in [
        ("/everything?from=2026-11-01", 404, "Nothing is at this address."),
        ("/%3Cscript%3Ealert(1)%3C/script%3E", 404, "Nothing is at this address."),
        ("/events/v1/track", 405, "Something is sent to this address"),
    ] {
        let reply = collector.visit(path);
        assert_eq!((reply.status, reply.header("content-type")), (status, Some("text/html; charset=utf-8")));
        let page = Html::parse(&reply.body);
        assert_eq!(page.one("h1").text(), "There is no page here");
        assert!(page.text().contains(told), "{}", page.text());
        assert!(page.all("a").iter().any(|link| link.tag.get("href") == Some("/")), "{path} leads nowhere");
        assert!(!reply.body.contains("alert"), "nothing of the path is repeated");
    }
}

#[test]
fn wrong_queries_are_told_why() {
    let collector = Collector::start();
    for (path, word) in [
        ("/api/v1/summary?from=yesterday", "from"),
        ("/api/v1/summary?to=2026-02-30", "to"),
        ("/api/v1/summary?from=2026-11-02&to=2026-11-01", "after"),
        ("/api/v1/summary?agents=root", "from, to"),
        ("/api/v1/summary?from=2020-01-01&to=2026-01-01", "1098"),
        ("/api/v1/summary?compare=next", "compare"),
        ("/api/v1/summary?to=", "to"),
        ("/api/v1/events?limit=", "limit"),
        ("/api/v1/summary?format=xml", "format"),
        ("/api/v1/summary?format=csv&table=tables", "commands, tools"),
        ("/api/v1/summary?table=tools", "format=csv"),
        ("/api/v1/tools?format=csv&table=versions", "only with `tool`"),
        ("/api/v1/events?from=2026-11-01", "limit, after"),
        ("/api/v1/events/stream?after=1&after=2", "twice"),
        ("/api/v1/catalogue?limit=1", "format"),
        ("/api/v1/summary?from=2026-11-01&from=2026-11-02", "twice"),
        ("/api/v1/events?limit=0", "limit"),
        ("/api/v1/events?limit=1001", "limit"),
        ("/api/v1/events?limit=ten", "limit"),
        ("/api/v1/events?limit=%2B5", "limit"),
        ("/api/v1/events?after=-1", "after"),
        ("/api/v1/events/stream?after=x", "after"),
        ("/?to=tomorrow", "to"),
    ] {
        let reply = collector.get(path);
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.body.contains(word), "{path}: {}", reply.body);
    }
}

#[test]
fn an_unknown_parameter_is_named_and_the_known_ones_are_listed() {
    let collector = Collector::start();
    let told = |path: &str| {
        let reply = collector.get(path);
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "bad_query"), "{path}");
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    };
    let long = "x".repeat(1000);
    let paths = [
        "/api/v1/commands?form=2026-11-01",
        "/api/v1/health?colour=blue",
        "/api/v1/filters?x",
        "/api/v1/events/stream?=",
        "/api/v1/events?%3Cscript%3E%22%0A%E2%80%AE=1",
        &format!("/api/v1/catalogue?{long}=1"),
    ];
    insta::assert_snapshot!(paths.map(told).join("\n"), @r#"
    commands takes no parameter "form"; it takes from, to, compare, format, table, source, version, os, arch, caller, action
    health takes no parameter "colour"; it takes from, to, compare, format, table
    filters takes no parameter "x"; it takes none
    stream takes no parameter ""; it takes after
    events takes no parameter "<script>\"\n\u{202e}"; it takes limit, after, format
    catalogue takes no parameter "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"; it takes format
    "#);
    // Somebody may send a bare secret, and that is no field.
    let url = collector.url("/login");
    let form = "application/x-www-form-urlencoded";
    let origin = ureq::post(&url).header("origin", collector.url("")).header("content-type", form);
    let reply = origin.config().http_status_as_error(false).build().send("canary-secret").unwrap();
    assert_eq!(reply.status().as_u16(), 400);
    assert!(!crate::harness::reply(reply).body.contains("canary"));
}

#[test]
fn a_nearly_full_disk_takes_nothing_and_is_not_ready() {
    let collector = Collector::with(|settings| settings.min_free = u64::MAX);
    let reply = collector.send([command(1, 1, NOW, "run", true)]);
    assert_eq!((reply.status, reply.error_code().as_str()), (503, "disk_low"));
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(collector.get("/readyz").status, 503);
    assert_eq!(collector.get("/healthz").status, 200);
    assert_eq!(collector.summary("")["ingest"], json!({ "accepted": 0, "duplicates": 0, "rejected": 0 }));
}

#[test]
fn a_collector_with_room_is_ready() {
    let collector = Collector::start();
    assert_eq!(collector.get("/readyz").json(), json!({ "status": "ready" }));
}

/// Somebody holds the database's lock, so the writer waits, the queue fills, and further requests are refused at
/// once; when the lock is gone, every request that was not refused is answered with its events stored.
#[test]
fn a_full_queue_refuses_at_once_and_loses_nothing() {
    let collector = Collector::with(|settings| settings.queue = 1);
    let database = rusqlite::Connection::open(collector.folder.path().join("collector.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (answers, answered) = mpsc::channel::<Reply>();
    let url = collector.url("/events/v1/track");
    let sent = Arc::new(AtomicUsize::new(0));
    // More than the writer's group and the queue can hold is never needed: the writer picks up what waits once.
    let refused = (0..200).find_map(|n| {
        let (url, answers, sent) = (url.clone(), answers.clone(), Arc::clone(&sent));
        let body = envelope([command(n, 1, NOW, "run", true)]).to_string();
        std::thread::spawn(move || {
            sent.fetch_add(1, Ordering::Relaxed);
            answers.send(post(&url, "application/json", body.as_bytes())).unwrap();
        });
        answered.recv_timeout(std::time::Duration::from_millis(20)).ok()
    });
    let refused = refused.expect("no request was refused");
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "queue_full"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    database.execute_batch("ROLLBACK").unwrap();
    drop(answers);
    let mut accepted = 0;
    while let Ok(reply) = answered.recv_timeout(PATIENCE) {
        match reply.status {
            503 => {}
            _ => accepted += reply.tally().0,
        }
    }
    assert!(accepted > 0);
    assert_eq!(collector.events().len() as u64, accepted);
}
