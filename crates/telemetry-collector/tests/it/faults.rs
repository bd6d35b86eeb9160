//! A disk that is full, and what was acknowledged before.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::crash::{now, stored};
use crate::harness::{Reply, envelope, get, id, post, tool};
use crate::process::{Process, program};
use crate::traced::tool_path;

/// The collector with a limit on the size of its files, which fails writes as a full disk does.
fn limited(bytes: u64) -> Option<Command> {
    let mut command = Command::new(tool_path("prlimit")?);
    let plain = program();
    command.arg(format!("--fsize={bytes}")).arg(plain.get_program());
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command.process_group(0);
    Some(command)
}

fn send(url: &str, first: u64, at: i64) -> Reply {
    let body = envelope((first..first + 50).map(|n| tool(n, at, "shell", "ok", n))).to_string();
    post(&format!("{url}/events/v1/track"), "application/json", body.as_bytes())
}

fn ids(url: &str) -> Vec<String> {
    stored(url)
}

/// Whatever was acknowledged before the disk was full is there, what was not is not, and with room again the same
/// requests are taken.
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let Some(command) = limited(1_500_000) else { return };
    let at = now();
    let mut process = Process::started_by(command, folder.path());
    let mut acknowledged = 0;
    let refused = loop {
        let reply = send(&process.url, acknowledged, at);
        if reply.status != 200 {
            break reply;
        }
        assert_eq!(reply.tally(), (50, 0, 0));
        acknowledged += 50;
        assert!(acknowledged < 100_000, "the limit was never reached");
    };
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(acknowledged > 0);
    let expected: Vec<String> = (0..acknowledged).map(id).collect();
    assert_eq!(ids(&process.url), expected, "it still answers");
    assert_eq!(get(&format!("{}/healthz", process.url)).status, 200);
    let mut stderr = process.child.stderr.take().unwrap();
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains(&folder.path().display().to_string()) && said.contains("disk"), "{said}");

    let process = Process::start(folder.path());
    assert_eq!(ids(&process.url), expected);
    assert_eq!(send(&process.url, acknowledged, at).tally(), (50, 0, 0));
    assert_eq!(ids(&process.url).len() as u64, acknowledged + 50);
    assert_eq!(integrity(folder.path()), "ok");
}

fn integrity(folder: &Path) -> String {
    let database = rusqlite::Connection::open(folder.join("collector.db")).unwrap();
    database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}
