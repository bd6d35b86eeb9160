//! What the system saw: the log is on disk before an answer leaves.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::crash::now;
use crate::harness::{envelope, post, tool};
use crate::process::{Process, program, wait};

/// Says that something is missing; fails if nothing may be skipped.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should see it")]
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("REQUIRE_TOOLS").is_none_or(|value| value != "1"), "missing: {what}");
    eprintln!("skipped: missing {what}");
}

/// Where a program is that not every machine has; without it the test says so and passes, unless nothing may be skipped.
pub(crate) fn tool_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        skip(name);
    }
    found
}

#[test]
fn an_answer_leaves_after_the_log_is_on_disk() {
    let Some(strace) = tool_path("strace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut command = Command::new(strace);
    command
        .args(["-f", "-y", "-s", "64", "-e", "trace=read,recvfrom,write,writev,sendto,fsync,fdatasync", "-o"])
        .arg(&trace)
        .arg(program().get_program());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::started_by(command, &folder.path().join("data"));
    let at = now();
    for number in 0..3 {
        let body = envelope([tool(number, at, "shell", "ok", 1)]).to_string();
        let reply = post(&format!("{}/events/v1/track", process.url), "application/json", body.as_bytes());
        assert_eq!(reply.tally(), (1, 0, 0));
    }
    // strace ends with what it traces.
    let children = format!("/proc/{0}/task/{0}/children", process.child.id());
    let collector = std::fs::read_to_string(children).unwrap();
    assert!(Command::new("kill").arg(collector.trim()).status().unwrap().success());
    wait(&mut process.child);

    let trace = std::fs::read_to_string(&trace).unwrap();
    let mut steps = Vec::new();
    let mut syncing = false;
    for line in trace.lines() {
        let synced = line.contains("fdatasync");
        if line.contains("POST /events/v1/track") {
            steps.push("request");
        } else if synced && line.contains("<unfinished") {
            syncing = line.contains("collector.db-wal");
        } else if synced && line.ends_with("= 0") && (syncing || line.contains("collector.db-wal")) {
            syncing = false;
            steps.push("on disk");
        } else if line.contains("HTTP/1.1 200") {
            steps.push("answer");
        }
    }
    // A commit may sync more than once; what is synced at the beginning and at the end is nobody's answer.
    steps.dedup();
    let steps: Vec<&str> = steps.into_iter().skip_while(|step| *step == "on disk").collect();
    let expected = ["request", "on disk", "answer"].repeat(3);
    assert_eq!(steps[..expected.len()], expected, "{trace}");
}
