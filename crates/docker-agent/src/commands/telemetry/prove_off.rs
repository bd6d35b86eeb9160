//! `telemetry prove-off`: runs a command with telemetry off and reports what the kernel saw of it.
//!
//! Believing is good; this is for checking. The command runs under strace, with `TELEMETRY_ENABLED=false` and with
//! telemetry folders of its own, so that proving deletes nothing that waits in yours.
//! Counted is what the command does, whatever part of it: files that it creates or changes, internet sockets, name
//! look-ups, threads that call themselves `telemetry`. An agent that asks a model shows that model's connections.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use agent_telemetry::{Ended, ErrorClass};
use serde::Serialize;

use crate::args::ProveOffArgs;
use crate::failure::Failure;
use crate::output;
use crate::wrapper::Outcome;

/// More of a kind are counted, not listed.
const LISTED: usize = 20;

pub(super) fn run(args: &ProveOffArgs) -> Outcome {
    let strace = find_strace().ok_or_else(|| {
        Failure::new(ErrorClass::NotFound, "strace is not there, and nothing else here can watch a program")
            .hint("install it (Debian: apt install strace); it exists for Linux only")
    })?;
    let command = match &args.command[..] {
        [] => vec![own_program()?, "version".into()],
        command => command.to_vec(),
    };
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::new(ErrorClass::Io, "cannot make a temporary folder").because(&error))?;
    let status = trace(&strace, folder.path(), &command)?;
    let trace = std::fs::read(folder.path().join("trace"))
        .map_err(|error| Failure::new(ErrorClass::Io, "cannot read what strace saw").because(&error))?;
    let trace = String::from_utf8_lossy(&trace);
    if !has_started(&trace) {
        let program = command[0].to_string_lossy();
        return Err(Failure::new(
            ErrorClass::NotFound,
            format_args!("`{program}` did not start; nothing is proved"),
        )
        .hint("name a program before its arguments: telemetry prove-off -- docker-agent run agent.yaml"));
    }
    let findings = Findings::of(&trace);
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if args.json {
        let report = Report {
            command: &words,
            exit_code: status.code(),
            proved: findings.is_nothing(),
            findings: &findings,
        };
        output::data(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default()))?;
    } else {
        output::data(&page(&words, status, &findings))?;
    }
    if findings.is_nothing() { Ok(Ended::SUCCESS) } else { super::not_reached() }
}

fn own_program() -> Result<OsString, Failure> {
    std::env::current_exe().map(Into::into).map_err(|error| {
        Failure::new(ErrorClass::Io, "cannot find out where this program is").because(&error)
    })
}

fn find_strace() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("strace")).find(|path| path.is_file())
}

fn trace(strace: &Path, folder: &Path, command: &[OsString]) -> Result<ExitStatus, Failure> {
    Command::new(strace)
        .args(["-f", "-qq", "-s", "4096", "-e", "signal=none", "-e", "trace=%network,%file,prctl", "-o"])
        .arg(folder.join("trace"))
        .arg("--")
        .args(command)
        .env("TELEMETRY_ENABLED", "false")
        .env("DOCKER_AGENT_CONFIG_DIR", folder.join("config"))
        .env("DOCKER_AGENT_DATA_DIR", folder.join("state"))
        // The report alone is data.
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| Failure::new(ErrorClass::Io, "cannot start strace").because(&error))
}

/// Whether the command ran: a program that is not there does nothing, which proves nothing.
fn has_started(trace: &str) -> bool {
    trace.lines().any(|line| line.contains("execve(") && line.ends_with(" = 0"))
}

#[derive(Serialize)]
struct Report<'a> {
    command: &'a [String],
    exit_code: Option<i32>,
    proved: bool,
    #[serde(flatten)]
    findings: &'a Findings,
}

/// What a trace shows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Findings {
    /// Paths that were created, changed or removed.
    files: Vec<String>,
    /// Calls that made or used internet sockets.
    sockets: Vec<String>,
    /// Calls that look up names.
    look_ups: Vec<String>,
    /// Threads that call themselves `telemetry`.
    threads: usize,
}

impl Findings {
    fn of(trace: &str) -> Self {
        let mut findings = Self::default();
        for line in trace.lines() {
            // `1234 openat(…) = 3`
            let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
            let name = call.split('(').next().unwrap_or_default();
            if is_look_up(call) {
                findings.look_ups.push(call.to_owned());
            } else if call.contains("AF_INET") {
                findings.sockets.push(call.to_owned());
            } else if name == "prctl" && call.contains("PR_SET_NAME, \"telemetry\"") {
                findings.threads += 1;
            } else if changes_files(name, call) && !call.contains(" = -1 ") {
                let path = call.split('"').nth(1).unwrap_or(call);
                if !is_device(path) {
                    findings.files.push(path.to_owned());
                }
            }
        }
        findings
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Name servers are asked on port 53 or through the cache daemon, after reading where they are.
fn is_look_up(call: &str) -> bool {
    ["resolv.conf", "nscd/socket", "htons(53)", "systemd.resolve", "AF_NETLINK"]
        .iter()
        .any(|sign| call.contains(sign))
}

fn changes_files(name: &str, call: &str) -> bool {
    match name {
        "open" | "openat" | "openat2" => {
            ["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC"].iter().any(|flag| call.contains(flag))
        }
        _ => [
            "creat", "mkdir", "mknod", "rename", "link", "symlink", "unlink", "rmdir", "truncate", "chmod",
            "chown",
        ]
        .iter()
        .any(|change| name.starts_with(change)),
    }
}

fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") && !path.starts_with("/dev/shm")
}

fn page(command: &[String], status: ExitStatus, findings: &Findings) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Ran with TELEMETRY_ENABLED=false: {}", command.join(" "));
    let _ = writeln!(out, "It ended with {status}.\n");
    let mut part = |what: &str, found: &[String]| {
        let _ = writeln!(out, "  {what:<34}{}", found.len());
        for one in found.iter().take(LISTED) {
            let _ = writeln!(out, "    {}", output::harmless(one));
        }
    };
    part("files created, changed or removed", &findings.files);
    part("calls on internet sockets", &findings.sockets);
    part("name look-ups", &findings.look_ups);
    let _ = writeln!(out, "  {:<34}{}\n", "threads named telemetry", findings.threads);
    out.push_str(if findings.is_nothing() {
        "Nothing was written, nothing was sent, nobody was asked.\n"
    } else {
        "Not proved: the command did the above. What is telemetry and what is the command's own work, you can tell.\n"
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_started_proves_something() {
        assert!(has_started("10 execve(\"/bin/true\", [\"true\"], 0x7f /* 9 vars */) = 0\n"));
        assert!(!has_started(
            "10 execve(\"/bin/nothing\", [\"nothing\"], 0x7f) = -1 ENOENT (No such file)\n"
        ));
        assert!(!has_started(""));
    }

    #[test]
    fn a_trace_is_read_for_what_it_shows() {
        let quiet = r#"10 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
10 openat(AT_FDCWD, "/dev/null", O_RDWR) = 3
10 openat(AT_FDCWD, "/home/a/.config/x", O_RDONLY) = -1 ENOENT (No such file or directory)
10 mkdir("/home/a", 0700) = -1 EEXIST (File exists)
10 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0
10 prctl(PR_SET_NAME, "writer") = 0"#;
        assert_eq!(Findings::of(quiet), Findings::default());
        let loud = r#"10 openat(AT_FDCWD, "/home/a/new", O_WRONLY|O_CREAT, 0600) = 3
11 mkdirat(AT_FDCWD, "/home/a/dir", 0700) = 0
11 rename("/home/a/x", "/home/a/y" <unfinished ...>
11 prctl(PR_SET_NAME, "telemetry") = 0
11 openat(AT_FDCWD, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 9
11 connect(9, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
11 connect(9, {sa_family=AF_INET6, sin6_port=htons(443)}, 28) = -1 ENETUNREACH (Network is unreachable)"#;
        let findings = Findings::of(loud);
        assert_eq!(findings.files, ["/home/a/new", "/home/a/dir", "/home/a/x"]);
        assert_eq!((findings.look_ups.len(), findings.sockets.len(), findings.threads), (2, 1, 1));
        assert!(!findings.is_nothing());
    }
}
