//! The binary: its line on stdout, its exit codes, and what it says when it cannot start.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::harness::{Collector, PATIENCE, get};

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telemetry-collector"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A collector in a process of its own; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Process {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// With more options of `serve`.
    pub(crate) fn start_with(data: &Path, options: &[&str]) -> Self {
        Self::serve(program(), data, options)
    }

    /// Started by `command`, which is the collector or ends with becoming it.
    pub(crate) fn started_by(command: Command, data: &Path) -> Self {
        Self::serve(command, data, &[])
    }

    /// The same, with further options.
    pub(crate) fn serve(mut command: Command, data: &Path, options: &[&str]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--min-free", "0"]).args(options);
        let mut child = command.arg("--data").arg(data).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, url }
    }

    /// Asks it to end, as a service manager would.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        wait(&mut self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status,
            None if Instant::now() > until => panic!("it does not end"),
            None => std::thread::yield_now(),
        }
    }
}

/// Runs it to its end: exit code and stderr.
pub(crate) fn run(args: &[&str]) -> (i32, String) {
    let mut child = program().args(args).spawn().unwrap();
    let status = wait(&mut child);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(stdout, "", "nothing but the address goes to stdout");
    (status.code().unwrap(), stderr)
}

fn serve(listen: &str, data: &Path) -> (i32, String) {
    run(&["serve", "--listen", listen, "--data", data.to_str().unwrap()])
}

#[test]
fn it_says_where_it_listens_and_ends_with_0_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&folder.path().join("new").join("data"));
    assert!(process.url.starts_with("http://127.0.0.1:"), "{}", process.url);
    assert_eq!(get(&format!("{}/healthz", process.url)).status, 200);
    assert_eq!(get(&format!("{}/readyz", process.url)).status, 200);
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn wrong_use_is_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["serve", "--lisen", "x"]).0, 2);
    assert_eq!(run(&["serve", "--min-free", "much"]).0, 2);
    assert_eq!(serve("4380", folder.path()).0, 2);
}

#[test]
fn it_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:4380"] {
        let (code, stderr) = serve(address, folder.path());
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("--admin-token-file") && stderr.contains("127.0.0.1"), "{stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, stderr) = serve(&address, folder.path());
    assert_eq!(code, 1);
    assert!(stderr.contains(&address) && stderr.contains("--listen"), "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let data = file.join("data");
    let (code, stderr) = serve("127.0.0.1:0", &data);
    assert_eq!(code, 1);
    assert!(stderr.contains(data.to_str().unwrap()) && stderr.contains("--data"), "{stderr}");
}

#[test]
fn a_second_collector_on_the_same_folder_is_refused() {
    let collector = Collector::start();
    let (code, stderr) = serve("127.0.0.1:0", collector.folder.path());
    assert_eq!(code, 1);
    assert!(
        stderr.contains("another telemetry-collector") && stderr.contains(&std::process::id().to_string()),
        "{stderr}"
    );
    assert!(stderr.contains("--data"), "{stderr}");
    assert_eq!(collector.get("/readyz").status, 200, "the first one is not disturbed");
    let folder = collector.stop();
    assert_eq!(Process::start(folder.path()).terminate().code(), Some(0), "its lock is gone with it");
}

#[test]
fn damaged_foreign_and_newer_databases_are_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collector.db");
    let refused = |word: &str| {
        let before = std::fs::read(&file).unwrap();
        let (code, stderr) = serve("127.0.0.1:0", folder.path());
        assert_eq!(code, 1);
        assert!(stderr.contains(file.to_str().unwrap()) && stderr.contains(word), "{stderr}");
        assert!(std::fs::read(&file).unwrap() == before, "the file was changed");
    };
    std::fs::write(&file, "this is no database, but it is long enough to look like a file").unwrap();
    refused("damaged");

    std::fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    refused("another program");

    std::fs::remove_file(&file).unwrap();
    let _ = std::fs::remove_file(folder.path().join("collector.db-wal"));
    assert_eq!(Process::start(folder.path()).terminate().code(), Some(0));
    let newer = "UPDATE meta SET value = 99 WHERE key = 'schema'; PRAGMA wal_checkpoint(TRUNCATE)";
    rusqlite::Connection::open(&file).unwrap().execute_batch(newer).unwrap();
    refused("format 99");
}
