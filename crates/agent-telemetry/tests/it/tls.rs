//! HTTPS and proxies, in processes of their own, because both are read from the environment.
//!
//! The certificates in `tests/data` are valid until 2124; the keys of the two roots that signed them are gone.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, mpsc};

use agent_telemetry::LogLine;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::process::{LONG, Machine};
use crate::server::{Behaviour, Reply, Server};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A server for `localhost` and `127.0.0.1`.
fn server() -> Server {
    let certificate = CertificateDer::from_pem_file(data("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(data("server.key.pem")).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
    Server::with_tls(Arc::new(config))
}

/// A machine that trusts one root.
fn machine(server: &Server, host: &str, root: &str) -> Machine {
    let url = format!("https://{host}:{}/events/v1/track", server.port());
    let root = data(root);
    Machine::consenting(server).with("TELEMETRY_ENDPOINT", &url).with("SSL_CERT_FILE", root.to_str().unwrap())
}

#[test]
fn https_with_the_systems_roots() {
    let server = server();
    for host in ["localhost", "127.0.0.1"] {
        let machine = machine(&server, host, "root.pem");
        assert_eq!(machine.ask("", "waits-for-an-answer"), ["Delivered"], "{host}");
    }
    assert_eq!(server.records().len(), 2);
}

#[test]
fn p9_roots_are_read_by_the_sender_while_the_caller_goes_on() {
    let server = server();
    let machine = machine(&server, "127.0.0.1", "root.pem");
    // Whoever opens this waits until somebody writes to it.
    let roots = machine.home.path().join("roots.pem");
    assert!(Command::new("mkfifo").arg(&roots).status().unwrap().success());
    let machine = machine.with("SSL_CERT_FILE", roots.to_str().unwrap());
    let mut child = machine.spawn("records-and-waits-for-an-answer");
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, said) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = line.split_once("says: ").map(|(_, said)| sender.send(said.to_owned()));
        }
    });
    let before = said.recv_timeout(LONG);
    std::thread::spawn(move || std::fs::write(roots, std::fs::read(data("root.pem")).unwrap()));
    let after = said.recv_timeout(LONG);
    let _ = child.kill();
    child.wait().unwrap();
    assert_eq!((before.as_deref(), after.as_deref()), (Ok("recorded"), Ok("Delivered")));
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_nothing() {
    let server = server();
    for root in ["other-root.pem", "no-such-file.pem"] {
        let machine = machine(&server, "localhost", root);
        assert_eq!(machine.ask("", "waits-for-an-answer"), ["Journaled"], "{root}");
        let log = machine.process().log();
        assert!(
            matches!(&log[1], LogLine::Failure { reason, .. } if reason == "no secure connection"),
            "{root}: {log:?}"
        );
        assert_eq!(machine.process().status().pending.events, 1);
    }
    assert!(server.got().is_empty());
}

#[test]
fn a_certificate_of_another_host_gets_nothing() {
    let server = server();
    // A name that resolves everywhere, and that the certificate does not have.
    let machine = machine(&server, "127.0.0.2", "root.pem");
    assert_eq!(machine.ask("", "waits-for-an-answer"), ["Journaled"]);
    assert!(server.got().is_empty());
}

#[test]
fn a_proxy_of_the_environment_carries_what_goes_to_another_machine() {
    let proxy = Server::start(Behaviour::each(|_| Reply::ok()));
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let machine = Machine::consenting(&proxy)
        .with("TELEMETRY_ENDPOINT", "http://telemetry.invalid/events/v1/track")
        .with("TELEMETRY_ALLOW_HTTP", "1")
        .with("http_proxy", &address);
    let _ = machine.ask("", "waits-for-an-answer");
    let got = proxy.got();
    let head = &got.first().expect("the proxy was asked, and the name was left to it").head;
    assert!(head.starts_with("CONNECT telemetry.invalid:80 HTTP/1.1\r\n"), "{head}");

    // Not this one, says the environment.
    let asked = || proxy.got().iter().filter(|got| got.head.starts_with("CONNECT")).count();
    let before = asked();
    let machine = Machine::with_all(&machine, [("no_proxy", "telemetry.invalid")]);
    assert_eq!(machine.ask("", "waits-for-an-answer"), ["Journaled"]);
    assert_eq!(asked(), before);
}

#[test]
fn loopback_bypasses_proxies() {
    let (server, proxy) = (Server::healthy(), Server::healthy());
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let localhost = server.url().replace("127.0.0.1", "localhost");
    for url in [server.url(), localhost] {
        let machine = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
            .iter()
            .fold(Machine::consenting(&server), |machine, name| machine.with(name, &address))
            .with("TELEMETRY_ENDPOINT", &url);
        assert_eq!(machine.ask("", "waits-for-an-answer"), ["Delivered"], "{url}");
    }
    assert!(proxy.got().is_empty());
}

#[test]
fn plain_http_to_another_machine_needs_a_word() {
    let proxy = Server::healthy();
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let machine = Machine::consenting(&proxy)
        .with("TELEMETRY_ENDPOINT", "http://telemetry.invalid/events/v1/track")
        .with("http_proxy", &address);
    for not_a_word in [None, Some("0"), Some("true"), Some("")] {
        let machine = Machine::with_all(&machine, not_a_word.map(|value| ("TELEMETRY_ALLOW_HTTP", value)));
        assert_eq!(machine.ask("", "waits-for-an-answer"), ["Journaled"]);
        let status = machine.process().status();
        assert_eq!(status.state, "held");
        assert!(status.endpoint_problem.unwrap().contains("TELEMETRY_ALLOW_HTTP=1"));
    }
    assert!(proxy.got().is_empty());
}
