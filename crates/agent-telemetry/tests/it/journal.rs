//! The journal: torn at every byte, damaged, of another boot.

use std::path::{Path, PathBuf};

use agent_telemetry::{Dropped, Outcome};

use crate::process::{LONG, Machine, show_notice};
use crate::server::{Behaviour, Server};

/// The one segment of a machine whose first run is over.
fn segment(machine: &Machine) -> PathBuf {
    let mut found = machine.segments();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn p10_a_segment_cut_at_any_byte_loses_only_what_was_not_whole() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let path = segment(&machine);
    let whole = std::fs::read(&path).unwrap();
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in header..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let lines = whole[header..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(machine.process().pending().len(), lines, "cut at {cut}");
    }
    // One of the cuts for real: in the middle of the last record.
    std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    assert_eq!(machine.flush(), 0);
    assert_eq!(server.records().len(), 4);
}

#[test]
fn a_segment_without_a_readable_header_is_never_sent() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let path = segment(&machine);
    let whole = std::fs::read_to_string(&path).unwrap();
    for damaged in [String::new(), whole[10..].to_owned(), whole.replacen("\"format\":1", "\"format\":9", 1)]
    {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(machine.flush(), 0);
        assert!(server.got().is_empty());
    }
}

#[test]
fn a_segment_of_another_boot_waits_for_ten_silent_minutes() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let path = segment(&machine);
    let text = std::fs::read_to_string(&path).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_str(header).unwrap();
    header["boot"] = "another".into();
    std::fs::write(&path, format!("{header}\n{rest}")).unwrap();
    assert_eq!(machine.process().flush(LONG).left, 5, "its writer may be alive");
    assert!(server.got().is_empty());
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(11 * 60);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(machine.flush(), 0);
    assert_eq!(server.records().len(), 5);
}

#[test]
fn p10_a_process_that_dies_between_counting_and_unlinking_counts_once() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let path = segment(&machine);
    let copy = std::fs::read(&path).unwrap();
    assert_eq!(machine.flush(), 0);
    assert_eq!(machine.process().status().recorded, 5);
    std::fs::write(&path, copy).unwrap();
    assert_eq!(machine.process().status().recorded, 5);
    assert_eq!(machine.flush(), 0);
    assert_eq!(machine.process().status().recorded, 5);
    assert_eq!(server.records().len(), 5, "what is counted is not sent again");
    assert!(!path.exists());
}

#[test]
fn p10_a_process_that_dies_between_counting_and_unlinking_what_expired_counts_once() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let path = segment(&machine);
    // Begun in 1970, by its name.
    let old = path.with_file_name("0000000000001-old.seg");
    std::fs::rename(&path, &old).unwrap();
    let copy = std::fs::read(&old).unwrap();
    let counted = || {
        let status = machine.process().status();
        (status.recorded, status.losses.expired)
    };
    // More often than the ledger takes entries before it is written anew.
    for _ in 0..70 {
        assert_eq!(machine.flush(), 0);
        assert_eq!(counted(), (5, 5));
        assert!(!old.exists());
        std::fs::write(&old, &copy).unwrap();
        assert_eq!(counted(), (5, 5), "known to be counted");
    }
    assert!(server.got().is_empty());
}

#[test]
fn the_journal_stays_within_its_bounds_and_counts_what_it_drops() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    show_notice(&telemetry);
    let cx = telemetry.cx();
    for _ in 0..25_000 {
        let _ = cx.record_tool_call("read_file", "", "root", std::time::Duration::ZERO, None);
    }
    telemetry.close();
    let status = telemetry.status();
    assert!(status.pending.bytes <= 8 * 1024 * 1024, "{status:?}");
    assert!(status.pending.events <= 20_000, "{status:?}");
    assert!(status.losses.evicted > 0);
    assert_eq!(status.recorded, 25_000);
    assert_eq!(status.pending.events + status.losses.evicted, 25_000);
}

#[test]
fn the_name_of_a_full_segment_says_how_many_records_it_holds() {
    let machine = Machine::new(&Server::healthy());
    let telemetry = machine.process();
    for _ in 0..500 {
        let _ = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    }
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    // Several begin within a millisecond, so the last name need not be that of the last segment.
    let (open, full): (Vec<_>, Vec<_>) =
        machine.segments().into_iter().partition(|path| name(path).matches('.').count() == 1);
    assert_eq!(open.len(), 1, "one goes on");
    assert!(full.len() > 1);
    for path in full {
        let records = std::fs::read_to_string(&path).unwrap().lines().count() - 1;
        assert!(name(&path).ends_with(&format!(".{records}.seg")), "{records} in {}", path.display());
    }
}

#[test]
fn p10_what_can_no_longer_be_read_is_counted_and_its_receipt_says_so() {
    let server = Server::start(Behaviour::Answer(500, "", ""));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(LONG), Outcome::Journaled);
    let file = std::fs::File::options().write(true).open(segment(&machine)).unwrap();
    file.set_len(0).unwrap();
    server.behave(Behaviour::Answer(200, "", "{}"));
    let _ = telemetry.flush(LONG);
    assert_eq!(receipt.wait(LONG), Outcome::Dropped(Dropped::GivenUp));
    let status = telemetry.status();
    assert_eq!((status.recorded, status.losses.evicted, status.pending.events), (1, 1, 0));
    // What comes next has another segment.
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(telemetry.flush(LONG).left, 0);
    assert_eq!(receipt.wait(LONG), Outcome::Delivered);
}

#[cfg(unix)]
#[test]
fn files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    show_notice(&machine.process());
    machine.run();
    let _ = machine.flush();
    machine.run();
    for name in machine.files() {
        let path = machine.home.path().join(&name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let folder = std::fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700, "{name}");
    }
}
