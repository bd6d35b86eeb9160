//! A ClickHouse engine for one test: what `.ci/clickhouse/install` has put into a folder.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// An engine behind HTTP on loopback; ends with this value.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    folder: TempDir,
}

impl Engine {
    /// Starts one with nothing in it.
    ///
    /// Without the folder the test says so and passes, unless nothing may be skipped.
    pub(crate) fn start() -> Option<Self> {
        let Some(installed) = std::env::var_os("CLICKHOUSE_ENGINE_DIR").map(PathBuf::from) else {
            let nothing_skipped = std::env::var_os("REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(!nothing_skipped, "missing: CLICKHOUSE_ENGINE_DIR, see .ci/clickhouse/install");
            let skipped = "skipped: missing CLICKHOUSE_ENGINE_DIR, see .ci/clickhouse/install";
            let _ = writeln!(std::io::stderr(), "{skipped}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(installed.join("python/bin/python"))
            .arg(installed.join("front.py"))
            .arg(folder.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        Some(Self { host: host.to_owned(), child, folder })
    }

    /// The address of one of its databases.
    pub(crate) fn database(&self, name: &str) -> String {
        assert!(self.folder.path().exists());
        format!("clickhouse://{}/{name}", self.host)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
