//! P9: a network that hangs before a connection is even tried, and what is read from the disk for TLS.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::machine::{Machine, Programs, skip, tool};
use crate::sink::closed_port;
use crate::traced::trace;

/// Far more than a run takes, far less than a look-up that nobody answers.
const BOUND: Duration = Duration::from_secs(5);
/// The program to run [`inside`] a network of its own.
const INSIDE: &str = "INSIDE_A_NETWORK_RUN";

#[test]
fn p9_a_resolver_that_never_answers_delays_nothing() {
    let Some(programs) = Programs::find() else { return };
    let (Some(unshare), Some(ip)) = (tool("unshare"), tool("ip")) else { return };
    if !Command::new(&unshare).args(["-mn", "true"]).output().is_ok_and(|output| output.status.success()) {
        skip("the right to make namespaces");
        return;
    }
    let machine = Machine::new(&programs)
        .with("TELEMETRY_ENABLED", "true")
        .with("TELEMETRY_ENDPOINT", "https://telemetry.example/events/v1/track");
    machine.file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
    machine.file("nsswitch.conf", "hosts: dns\n");
    let output = machine
        .command(&unshare)
        .arg("-mn")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "network::inside", "--nocapture"])
        .env(INSIDE, machine.agent_program())
        .env("IP", &ip)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let status = machine.status();
    assert_eq!(status["pending"]["events"], 3);
    assert_eq!(status["breaker"]["failures"], 0, "giving up at the end is no failure");
}

/// Not a test of its own: what the test above runs in a network where the name server never says a word.
#[test]
fn inside() {
    let Some(program) = std::env::var_os(INSIDE) else { return };
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
    };
    run(&std::env::var("IP").unwrap(), &["link", "set", "lo", "up"]);
    run("mount", &["--bind", "resolv.conf", "/etc/resolv.conf"]);
    if Path::new("/etc/nsswitch.conf").exists() {
        run("mount", &["--bind", "nsswitch.conf", "/etc/nsswitch.conf"]);
    }
    let silent = UdpSocket::bind("127.0.0.1:53").unwrap();
    let timed = |arguments: &[&str]| {
        let begun = Instant::now();
        let output = Command::new(&program).args(arguments).env_remove(INSIDE).output().unwrap();
        assert!(begun.elapsed() < BOUND, "{arguments:?}: {:?}", begun.elapsed());
        output.status.code()
    };
    for _ in 0..3 {
        assert_eq!(timed(&["version"]), Some(0));
    }
    assert_eq!(timed(&["telemetry", "flush", "--timeout", "1"]), Some(1), "not in that time");
    // It did ask.
    silent.set_nonblocking(true).unwrap();
    assert!(silent.recv(&mut [0; 512]).is_ok_and(|length| length > 0));
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn p9_root_certificates_are_read_by_the_sender_alone_and_only_for_https() {
    let (Some(programs), Some(strace)) = (Programs::find(), tool("strace")) else { return };
    let http = closed_port();
    let https = http.replace("http://", "https://");
    for (url, loads) in [(&https, true), (&http, false)] {
        let machine =
            Machine::new(&programs).with("TELEMETRY_ENABLED", "true").with("TELEMETRY_ENDPOINT", url);
        let roots = machine.file("roots.pem", "");
        let machine = machine.with("SSL_CERT_FILE", roots.to_str().unwrap());
        let arguments = machine.replay();
        let trace = trace(&machine, &strace, &arguments);
        assert!(trace.output.status.success());
        let is_root = |line: &&String| line.contains("roots.pem") || line.contains("/ssl/");
        let read: Vec<&String> = trace.lines.iter().filter(is_root).collect();
        assert_eq!(!read.is_empty(), loads, "{url}: {read:?}");
        assert!(!read.iter().any(|line| line.starts_with(trace.main_thread())), "{read:?}");
    }
}
