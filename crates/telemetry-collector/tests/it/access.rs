//! Who is let in, and what a browser is told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use telemetry_collector::{IngestAccess, Secret};

use crate::harness::{Collector, NOW, PATIENCE, Reply, command, envelope, reply};
use crate::process::run;

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";
pub(crate) const KEY: &str = "key-of-the-linux-builds";

/// A file that only its owner can read.
pub(crate) fn secret_file(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("secret");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    file
}

/// A collector with a token and keys.
fn guarded(rate: Option<u32>) -> Collector {
    let folder = tempfile::tempdir().unwrap();
    Collector::with(|settings| {
        let token = secret_file(folder.path(), &format!("{TOKEN}\n"));
        settings.access.admin_token = Some(Secret::from_file(&token).unwrap());
        let keys =
            secret_file(folder.path(), &format!("# clients\n\n{KEY}  linux\nanother-key-for-others\n"));
        settings.access.ingest = IngestAccess::from_file(&keys).unwrap();
        settings.access.hosts = vec!["stats.example.com".to_owned()];
        settings.access.rate = rate.and_then(NonZeroU32::new);
    })
}

fn get_as(collector: &Collector, path: &str, authorization: Option<&str>) -> Reply {
    let mut request = ureq::get(collector.url(path)).config().http_status_as_error(false).build();
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    reply(request.call().unwrap())
}

fn send_as(collector: &Collector, number: u64, key: Option<&str>) -> Reply {
    let body = envelope([command(number, 1, NOW, "run", true)]).to_string();
    let mut request = ureq::post(collector.url("/events/v1/track"))
        .config()
        .http_status_as_error(false)
        .build()
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    reply(request.send(body).unwrap())
}

#[test]
fn the_api_and_the_page_need_the_token() {
    let collector = guarded(None);
    for path in
        ["/", "/live", "/api/v1/summary", "/api/v1/events", "/api/v1/events/stream", "/nowhere", "/metrics"]
    {
        for authorization in [None, Some("Bearer wrong"), Some("Basic eDp5"), Some(TOKEN), Some("Bearer ")] {
            let reply = get_as(&collector, path, authorization);
            assert_eq!((reply.status, reply.error_code().as_str()), (401, "unauthorized"), "{path}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
    }
    for path in ["/", "/api/v1/summary", "/api/v1/events"] {
        assert_eq!(get_as(&collector, path, Some(&format!("Bearer {TOKEN}"))).status, 200, "{path}");
    }
    for path in ["/healthz", "/readyz", "/collected", "/login", "/assets/page.css", "/api/v1/catalogue"] {
        assert_eq!(get_as(&collector, path, None).status, 200, "{path}");
    }
}

#[test]
fn ingest_needs_a_key_and_the_token_is_none() {
    let collector = guarded(None);
    assert_eq!(send_as(&collector, 1, None).status, 401);
    assert_eq!(send_as(&collector, 1, Some(TOKEN)).error_code(), "unauthorized");
    assert_eq!(send_as(&collector, 1, Some(KEY)).tally(), (1, 0, 0));
    assert_eq!(send_as(&collector, 2, Some("another-key-for-others")).tally(), (1, 0, 0));
    let events = get_as(&collector, "/api/v1/events", Some(&format!("Bearer {TOKEN}"))).json();
    assert_eq!(events["events"].as_array().unwrap().len(), 2);
}

/// More guesses than may wait for their answer are turned away; a right token is not held up by them.
#[test]
fn guessing_is_slow() {
    let collector = guarded(None);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guess = |_| scope.spawn(|| get_as(&collector, "/api/v1/summary", Some("Bearer wrong")).status);
        let guesses: Vec<_> = (0..40).map(guess).collect();
        assert_eq!(send_as(&collector, 1, Some(KEY)).tally(), (1, 0, 0));
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert!(statuses.contains(&429) && statuses.contains(&401), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
}

/// The test's clock stands still, so nothing comes back.
#[test]
fn each_key_has_its_own_rate() {
    let collector = guarded(Some(3));
    for number in 0..3 {
        assert_eq!(send_as(&collector, number, Some(KEY)).tally(), (1, 0, 0));
    }
    let refused = send_as(&collector, 3, Some(KEY));
    assert_eq!((refused.status, refused.error_code().as_str()), (429, "too_many_requests"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(send_as(&collector, 3, Some("another-key-for-others")).tally(), (1, 0, 0));
}

#[test]
fn a_given_name_is_answered_and_its_pages_may_have_come_over_tls() {
    let collector = guarded(None);
    assert_eq!(status_of(&collector, "Host: stats.example.com\r\n"), 200);
    assert_eq!(
        status_of(&collector, "Host: stats.example.com\r\nOrigin: https://stats.example.com\r\n"),
        200
    );
    assert_eq!(status_of(&collector, "Host: stats.example.com\r\nOrigin: https://example.com\r\n"), 403);
    assert_eq!(status_of(&collector, "Host: example.com\r\n"), 421);
}

#[test]
fn what_is_wrong_with_a_secret_file_is_said_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let refused = |option: &str, file: &Path, word: &str| {
        let (code, stderr) = run(&[
            "serve",
            "--listen",
            "0.0.0.0:0",
            "--open-ingest",
            "--data",
            data.to_str().unwrap(),
            option,
            file.to_str().unwrap(),
        ]);
        assert_eq!(code, 1, "{stderr}");
        let way_out = stderr.contains("openssl rand") || stderr.contains("chmod 600");
        assert!(stderr.contains(file.to_str().unwrap()) && stderr.contains(word) && way_out, "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    };
    let token = "--admin-token-file";
    refused(token, &folder.path().join("absent"), "cannot be read");
    refused(token, &secret_file(folder.path(), ""), "is empty");
    refused(token, &secret_file(folder.path(), "hunter2\n"), "too short");
    refused(
        token,
        &secret_file(folder.path(), "hunter2-hunter2-hunter2\nhunter2-hunter2-hunter2\n"),
        "2 lines",
    );
    refused(token, &secret_file(folder.path(), "hunter2 hunter2 hunter2\n"), "header");
    let open = secret_file(folder.path(), TOKEN);
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    refused(token, &open, "by others (mode 644)");
    assert!(!data.exists(), "nothing was created");
}

#[test]
fn elsewhere_than_on_loopback_both_doors_must_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let token = secret_file(folder.path(), TOKEN);
    let (code, stderr) = run(&[
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--data",
        folder.path().join("data").to_str().unwrap(),
        "--admin-token-file",
        token.to_str().unwrap(),
    ]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--ingest-keys-file") && stderr.contains("--open-ingest"), "{stderr}");
}

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
