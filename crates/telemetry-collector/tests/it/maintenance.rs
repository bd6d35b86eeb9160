//! `check`, `rebuild`, `backup`, `forget` and `--raw-days`: what a maintainer types, and what is left on the disk.

use std::path::Path;
use std::sync::Arc;

use crate::harness::{Collector, DAY, NOW, command, id, session_end, session_start, token, tool};
use crate::process::program;

/// Runs it to its end: exit code, stdout, stderr.
fn run(args: &[&str], data: &Path) -> (i32, String, String) {
    let output = program().args(args).arg("--data").arg(data).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(data.to_str().unwrap(), "DATA");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Some events of installations 1 and 2.
fn filled() -> Collector {
    let collector = Collector::start();
    let sent = collector.send([
        command(1, 1, NOW - DAY, "run", true),
        command(2, 2, NOW, "version", false),
        session_start(3, 9, NOW),
        session_end(4, 9, NOW, "completed"),
        tool(5, NOW, "shell", "ok", 12),
        token(6, NOW, "gpt-4o", 10, 5, None),
    ]);
    assert_eq!(sent.tally(), (6, 0, 0));
    collector
}

fn contain(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let file = std::fs::read(entry.unwrap().path()).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn a_stopped_collectors_data_is_checked_and_rebuilt() {
    let collector = filled();
    let before = collector.summary("");
    let folder = collector.stop();
    assert_eq!(run(&["check"], folder.path()), (0, "all is well\n".into(), String::new()));
    assert_eq!(run(&["rebuild"], folder.path()), (0, "made 0 segments\n".into(), String::new()));
    assert_eq!(Collector::on(folder, |_| {}).summary(""), before);
}

#[test]
fn what_is_wrong_is_named_and_the_exit_code_is_1() {
    let folder = filled().stop();
    let file = folder.path().join("collector.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let page = bytes.len() - 4096;
    bytes[page..].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let (code, stdout, stderr) = run(&["check"], folder.path());
    assert_eq!((code, stderr.as_str()), (1, ""));
    assert!(stdout.contains("damaged") && stdout.contains("backup"), "{stdout}");
}

#[test]
fn a_running_collector_keeps_others_from_its_data_but_not_from_a_backup() {
    let collector = filled();
    let data = collector.folder.path();
    for args in [&["check"][..], &["rebuild"], &["forget", &id(1_000_001)]] {
        let (code, stdout, stderr) = run(args, data);
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert!(stderr.contains("is using the data folder DATA") && stderr.contains("stop it"), "{stderr}");
    }
    let copies = Arc::new(tempfile::tempdir().unwrap());
    let copy = copies.path().join("collector.db");
    let (code, stdout, stderr) = run(&["backup", copy.to_str().unwrap()], data);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.starts_with("copied 6 events to "), "{stdout}");
    assert_eq!(Collector::on(copies, |_| {}).summary(""), collector.summary(""));
}

#[test]
fn a_forgotten_installation_is_in_no_answer_and_in_no_file() {
    let collector = filled();
    let folder = collector.stop();
    let uuid: uuid::Uuid = id(1_000_001).parse().unwrap();
    assert!(contain(folder.path(), uuid.as_bytes()));
    let gone = format!("removed 5 events, 2 sessions, 0 counters of {uuid}\n");
    assert_eq!(run(&["forget", &uuid.to_string()], folder.path()), (0, gone, String::new()));
    assert!(!contain(folder.path(), uuid.as_bytes()));
    assert!(!contain(folder.path(), uuid.to_string().as_bytes()));
    let nothing = format!("nothing is stored about {uuid}\n");
    assert_eq!(run(&["forget", &uuid.to_string()], folder.path()), (1, nothing, String::new()));
    assert_eq!(run(&["check"], folder.path()).0, 0);
    let collector = Collector::on(folder, |_| {});
    assert_eq!(collector.summary("")["events"]["command"], 1);
    assert_eq!(collector.send([command(7, 1, NOW, "run", true)]).tally(), (1, 0, 0));
    assert_eq!(collector.events().last().unwrap()["row"], 7, "row ids only grow");
}

#[test]
fn old_events_go_and_their_totals_stay() {
    let collector = filled();
    let before = collector.summary("?from=2026-11-21&to=2026-11-22");
    let days = before["days"].clone();
    let folder = collector.stop();
    let later = Collector::on(folder, |settings| {
        settings.raw_days = 45;
        settings.clock = Arc::new(|| NOW + 46 * DAY);
    });
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    while !later.events().is_empty() {
        assert!(std::time::Instant::now() < until, "old events are still there");
        std::thread::yield_now();
    }
    let after = later.summary("?from=2026-11-21&to=2026-11-22");
    assert_eq!(after["days"], days);
    assert_eq!(after["events"], before["events"]);
    for window in ["week", "month"] {
        assert_eq!(after["installs"][window], before["installs"][window], "{window}");
    }
    assert_eq!(after["installs"]["day"], days[1]["installs"]);
    let folder = later.stop();
    assert_eq!(run(&["check"], folder.path()), (0, "all is well\n".into(), String::new()));
}

#[test]
fn too_few_days_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) =
        run(&["serve", "--listen", "127.0.0.1:0", "--raw-days", "44"], &folder.path().join("new"));
    assert_eq!((code, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr, @r"
    error: events cannot be kept for 44 days only
      a repeated event is recognised by the one that is there, and clients repeat for up to 45 days; choose --raw-days 45 or more
    ");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn without_data_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(&["check"], folder.path());
    assert_eq!(code, 1);
    insta::assert_snapshot!(stderr, @r"
    error: there is no collector's database in DATA
      name its folder with --data
    ");
    let (code, _, stderr) = run(&["forget", "not-a-uuid"], folder.path());
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}
