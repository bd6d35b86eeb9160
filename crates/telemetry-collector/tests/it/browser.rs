//! The page in a real browser: `tests/browser` drives it and reports check by check.
//!
//! `.ci/browser/install FOLDER` installs what drives it; `BROWSER_TOOLS_DIR` names the folder. With `SCREENSHOTS_DIR`,
//! pictures of every view are left in that folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::{TOKEN, secret_file};
use crate::crash::now;
use crate::harness::tool;
use crate::process::{Process, program};
use crate::traced::{skip, tool_path};

/// Names that ingest would not take: one that is a script, one that turns the direction of what follows it, one that
/// ends an attribute, and one of 64 bytes.
const HOSTILE: [&str; 4] = [
    "<script>window.hit=1</script>",
    "turned\u{202e}emit ni \u{2066}",
    "\"'><img src=x onerror=window.hit=1>&lt;{{7*7}}",
    "日日日日日日日日日日日日日日日日日日日日e\u{301}o",
];

/// What a browser is driven with.
struct Tools {
    node: PathBuf,
    browser: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// Where they are; nothing if something is missing and may be.
    fn find() -> Option<Self> {
        let (node, browser) = (tool_path("node")?, tool_path("chromium")?);
        let folder = std::env::var_os("BROWSER_TOOLS_DIR").map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| folder.join("installed").is_file()) else {
            skip("BROWSER_TOOLS_DIR; `.ci/browser/install FOLDER` fills it");
            return None;
        };
        Some(Self { node, browser, folder })
    }

    /// Runs a group of checks and fails with those that failed; returns how many there were.
    fn look(&self, group: &str, config: &Value) -> usize {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let mut node = Command::new(&self.node)
            .arg(scripts.join("main.mjs"))
            .arg(group)
            .env("BROWSER", &self.browser)
            .env("BROWSER_TOOLS_DIR", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(config.to_string().as_bytes()).unwrap();
        let output = node.wait_with_output().unwrap();
        let (told, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let (passed, failed): (Vec<&str>, Vec<&str>) = told.lines().partition(|line| line.starts_with("ok "));
        assert!(output.status.success(), "{}\n{stderr}", failed.join("\n"));
        passed.len()
    }
}

/// A collector with a made-up population.
struct Seeded {
    process: Process,
    _folder: TempDir,
}

impl Seeded {
    fn start() -> Self {
        Self::with(&[], |_| {})
    }

    /// With more options, and after something was done to its data.
    fn with(options: &[&str], change: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let seeded = program()
            .args(["seed", "--installs", "60", "--days", "45", "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(seeded.success());
        change(&data);
        Self { process: Process::start_with(&data, options), _folder: folder }
    }

    fn config(&self) -> Value {
        json!({ "url": self.process.url })
    }
}

#[test]
fn every_view_is_quiet_light_and_right() {
    let Some(tools) = Tools::find() else { return };
    let collector = Seeded::start();
    assert_eq!(tools.look("views", &collector.config()), 11);
    assert_eq!(tools.look("numbers", &collector.config()), 22);
    if let Some(folder) = std::env::var_os("SCREENSHOTS_DIR") {
        let mut config = collector.config();
        config["folder"] = folder.to_str().unwrap().into();
        assert_eq!(tools.look("screenshots", &config), 44);
    }
}

#[test]
fn every_view_is_accessible() {
    let Some(tools) = Tools::find() else { return };
    assert_eq!(tools.look("accessible", &Seeded::start().config()), 48);
}

#[test]
fn filters_and_keyboard_lead_where_they_say() {
    let Some(tools) = Tools::find() else { return };
    let collector = Seeded::start();
    tools.look("filters", &collector.config());
    tools.look("keyboard", &collector.config());
}

#[test]
fn people_log_in_and_out() {
    let Some(tools) = Tools::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let token = secret_file(folder.path(), TOKEN);
    let collector = Seeded::with(&["--admin-token-file", token.to_str().unwrap()], |_| {});
    let mut config = collector.config();
    config["token"] = TOKEN.into();
    tools.look("login", &config);
}

#[test]
fn events_appear_while_one_looks_on() {
    let Some(tools) = Tools::find() else { return };
    let collector = Seeded::start();
    let mut config = collector.config();
    config["record"] = tool(1, now(), "seen-by-nobody-before", "ok", 7);
    tools.look("live", &config);
}

#[test]
fn hostile_names_in_the_store_are_text() {
    let Some(tools) = Tools::find() else { return };
    assert_eq!(HOSTILE[3].len(), 64);
    let collector = Seeded::with(&[], |data| rename(data, &HOSTILE));
    let mut config = collector.config();
    config["names"] = json!(HOSTILE);
    assert_eq!(tools.look("hostile", &config), 12);
}

/// Gives the first names of each kind that a page shows other names, past ingest and its grammar.
fn rename(data: &Path, names: &[&str]) {
    let database = rusqlite::Connection::open(data.join("collector.db")).unwrap();
    for kind in ["tool", "agent", "model", "version"] {
        for (at, name) in names.iter().enumerate() {
            let sql = "UPDATE dict SET name = ?1 WHERE id = \
                       (SELECT id FROM dict WHERE kind = ?2 ORDER BY id LIMIT 1 OFFSET ?3)";
            database.execute(sql, (name, kind, at)).unwrap();
        }
    }
}
