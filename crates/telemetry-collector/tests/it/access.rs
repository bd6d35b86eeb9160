//! Who is let in, and what a browser is told.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Collector, NOW, PATIENCE, command, envelope};

/// Sends bytes as they are and returns status line and headers.
fn raw(collector: &Collector, request: &str) -> String {
    let mut stream = TcpStream::connect(collector.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_of(collector: &Collector, headers: &str) -> u16 {
    let answer = raw(collector, &format!("GET /healthz HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"));
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn only_loopback_names_are_answered() {
    let collector = Collector::start();
    let port = collector.address.port();
    for host in ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"] {
        assert_eq!(status_of(&collector, &format!("Host: {host}:{port}\r\n")), 200, "{host}");
    }
    for host in ["rebound.example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0", "[::2]", ""] {
        assert_eq!(status_of(&collector, &format!("Host: {host}\r\n")), 421, "{host}");
    }
    assert_eq!(status_of(&collector, ""), 421, "no host");
    assert_eq!(status_of(&collector, "Host: localhost\r\nHost: example.com\r\n"), 421, "two hosts");
    let absolute =
        raw(&collector, "GET http://example.com/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(absolute.starts_with("HTTP/1.1 421"), "{absolute}");
}

#[test]
fn pages_of_other_origins_are_kept_out() {
    let collector = Collector::start();
    let host = collector.address;
    assert_eq!(status_of(&collector, &format!("Host: {host}\r\nOrigin: http://{host}\r\n")), 200);
    for origin in ["https://example.com", "null", "http://localhost:1", &format!("https://{host}"), ""] {
        assert_eq!(status_of(&collector, &format!("Host: {host}\r\nOrigin: {origin}\r\n")), 403, "{origin}");
    }
    let body = envelope([command(1, 1, NOW, "run", true)]).to_string();
    let answer = raw(
        &collector,
        &format!(
            "POST /events/v1/track HTTP/1.1\r\nHost: {host}\r\nOrigin: https://example.com\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(collector.events().is_empty());
}

#[test]
fn every_answer_has_the_security_headers_and_none_is_shared_across_origins() {
    let collector = Collector::start();
    for path in
        ["/", "/assets/page.css", "/assets/live.js", "/api/v1/summary", "/api/v1/summary?x=1", "/nowhere"]
    {
        let reply = collector.get(path);
        let policy = reply.header("content-security-policy").unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{path}");
    }
}
