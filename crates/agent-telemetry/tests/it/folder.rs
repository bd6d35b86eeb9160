//! The journal's folder: many short runs, many dead processes, strangers, full disks, ids.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use agent_telemetry::{Dropped, LogLine, Outcome};
use serde_json::{Value, json};

use crate::process::{LONG, Machine, ids, show_notice};
use crate::server::{Behaviour, Got, Server};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How many events arrived, each counted once: a process that ends early may have sent some again.
fn arrived(server: &Server) -> usize {
    ids(&server.records()).into_iter().collect::<HashSet<_>>().len()
}

/// A machine whose first run is over, so that its events are held.
fn held(server: &Server) -> Machine {
    let machine = Machine::new(server);
    machine.run();
    machine
}

/// Leaves copies of a machine's only segment under other names, as dead processes would.
fn copies(machine: &Machine, names: impl Iterator<Item = String>) {
    let segment = machine.segments().remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    for name in names {
        std::fs::write(segment.with_file_name(name), &bytes).unwrap();
    }
}

/// Changes the header of a segment.
fn change_header(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(path).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let mut header = serde_json::from_str(header).unwrap();
    change(&mut header);
    std::fs::write(path, format!("{header}\n{rest}")).unwrap();
}

#[test]
fn p10_short_runs_share_a_segment_and_lose_nothing() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    for _ in 0..30 {
        machine.process().command("version", |_| ());
    }
    assert_eq!(machine.segments().len(), 1);
    assert!(show_notice(&machine.process()));
    assert_eq!(machine.flush(), 0);
    let mut unique = ids(&server.records());
    unique.dedup();
    assert_eq!((arrived(&server), unique.len()), (30, 30));
    assert_eq!(server.got().len(), 1, "one request");
    assert_eq!(machine.process().status().recorded, 30);
}

#[test]
fn p10_a_run_goes_on_after_a_torn_line_and_after_what_was_sent() {
    let server = Server::start(Behaviour::RefuseBatchesWith(400, "never"));
    let machine = held(&server);
    let segment = machine.segments().remove(0);
    let whole = std::fs::read(&segment).unwrap();
    // Three records were sent, then the process died while it wrote another.
    let torn = [&whole[..], b"#{\"done\":3,\"rejected\":1,\"too_big\":0}\n{\"event_id\":\"0"].concat();
    std::fs::write(&segment, torn).unwrap();
    let telemetry = machine.process();
    let _ = telemetry.cx().record_token_usage("gpt-4o", 7, 2, 0.5).wait(LONG);
    assert_eq!(telemetry.flush(LONG).left, 0);
    let delivered = server.records();
    assert_eq!(delivered.len(), 3, "the two that waited and the new one");
    assert_eq!(delivered[2]["properties"]["input_tokens"], 7);
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.rejected), (6, 1));
}

#[test]
fn p10_a_run_begins_another_segment_when_the_last_one_is_a_day_old() {
    // Without the notice, so that everything is held.
    let machine = Machine::new(&Server::healthy());
    let run = || machine.process().command("version", |_| ());
    run();
    let now = segment_ms(&machine.segments()[0]);
    for (age, segments) in [(DAY_MS - 60 * 60 * 1000, 1), (DAY_MS + 1, 2)] {
        let last = machine.segments().remove(0);
        std::fs::rename(&last, last.with_file_name(format!("{:013}-aged.seg", now - age))).unwrap();
        run();
        assert_eq!(machine.segments().len(), segments, "{age} ms");
    }
    assert_eq!(machine.process().status().pending.events, 3);
}

#[test]
fn a_flush_removes_temporary_files_that_dead_processes_left_and_no_others() {
    let machine = held(&Server::healthy());
    let folders = [machine.state(), machine.state().join("journal")];
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(11 * 60);
    for folder in &folders {
        for name in [".new.tmp", ".old.tmp", "old.tmp", ".old"] {
            let file = std::fs::File::create(folder.join(name)).unwrap();
            if name != ".new.tmp" {
                file.set_modified(long_ago).unwrap();
            }
        }
    }
    assert_eq!(machine.flush(), 0);
    for folder in &folders {
        assert!(!folder.join(".old.tmp").exists(), "{}", folder.display());
        for name in [".new.tmp", "old.tmp", ".old"] {
            assert!(folder.join(name).exists(), "{name} in {}", folder.display());
        }
    }
}

#[test]
fn the_folder_stays_within_its_bounds_although_no_run_lives_long() {
    let server = Server::healthy();
    let machine = held(&server);
    let bytes = std::fs::metadata(&machine.segments()[0]).unwrap().len();
    let many = 9 * 1024 * 1024 / bytes;
    let first = machine.segments().remove(0);
    let now = segment_ms(&first);
    copies(&machine, (1..many).map(|at| format!("{:013}-{at}.5.seg", now - at)));
    // All of them say that they are full, so the run begins one of its own.
    std::fs::rename(&first, first.with_file_name(format!("{now:013}-0.5.seg"))).unwrap();
    let before = machine.process().status();
    machine.process().command("version", |_| ());
    let after = machine.process().status();
    let held_bytes: u64 = machine.segments().iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(held_bytes <= 8 * 1024 * 1024, "{held_bytes}");
    assert!(after.pending.events <= 20_000);
    assert!(after.losses.evicted > 0);
    assert_eq!(after.recorded, before.recorded + 1);
    assert_eq!(after.pending.events + after.losses.evicted, after.recorded);
}

#[test]
fn p9_a_thousand_dead_processes_do_not_use_up_the_open_files() {
    let server = Server::healthy();
    let machine = held(&server);
    copies(&machine, (0..1000).map(|at| format!("{:013}-{at}.seg", 1_700_000_000_000_u64 + at)));
    // Old enough to be expired, but for the one that is real.
    assert_eq!(machine.ask("ulimit -n 40", "flushes"), ["0"]);
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.expired), (5 + 5000, 5000));
    assert_eq!(server.records().len(), 5);

    let machine = held(&server);
    let now: u64 = segment_ms(&machine.segments()[0]);
    copies(&machine, (0..300).map(|at| format!("{:013}-{at}.seg", now - at)));
    assert_eq!(machine.ask("ulimit -n 40", "flushes"), ["0"]);
    assert_eq!(server.records().len(), 5 + 301 * 5);
}

fn segment_ms(path: &Path) -> u64 {
    path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().parse().unwrap()
}

#[test]
fn p2_another_generation_is_not_sent_and_a_newer_one_not_touched() {
    let server = Server::healthy();
    let machine = held(&server);
    let now = segment_ms(&machine.segments()[0]);
    copies(&machine, [format!("{:013}-newer.seg", now - 1), format!("{:013}-same.seg", now - 2)].into_iter());
    let newer = machine.segments().remove(1);
    change_header(&newer, |header| header["generation"] = 7.into());
    assert_eq!(machine.flush(), 0);
    assert_eq!(server.records().len(), 10);
    assert_eq!(machine.segments(), [newer]);

    // Now the choice of generation 7 is this machine's, and what is left of generation 0 is void.
    let older = machine.state().join("journal").join(format!("{:013}-older.seg", now - 3));
    std::fs::copy(&machine.segments()[0], &older).unwrap();
    change_header(&older, |header| header["generation"] = 0.into());
    let choice = json!({ "format": 1, "choice": "on", "generation": 7 });
    std::fs::write(machine.consent_file(), choice.to_string()).unwrap();
    assert_eq!(machine.flush(), 0);
    assert_eq!(server.records().len(), 15);
    assert_eq!(machine.segments(), Vec::<std::path::PathBuf>::new());
    assert_eq!(machine.process().status().recorded, 15, "void events are neither recorded nor lost");
}

#[test]
fn p10_events_older_than_thirty_days_expire_and_are_counted() {
    let server = Server::healthy();
    let machine = held(&server);
    let now = segment_ms(&machine.segments()[0]);
    copies(&machine, std::iter::once(format!("{:013}-old.seg", now - 31 * DAY_MS)));
    assert_eq!(machine.flush(), 0);
    assert_eq!(server.records().len(), 5);
    let status = machine.process().status();
    assert_eq!((status.recorded, status.losses.expired), (10, 5));
    machine.run();
    machine.flush_all();
    let client = server.got().last().unwrap().json()["client"].clone();
    assert_eq!((&client["recorded"], &client["losses"]["expired"]), (&json!(15), &json!(5)));
}

#[test]
fn p10_a_clock_that_was_set_back_loses_nothing() {
    let server = Server::healthy();
    let machine = held(&server);
    let segment = machine.segments().remove(0);
    let future = format!("{:013}-future.seg", segment_ms(&segment) + 4000 * DAY_MS);
    std::fs::rename(&segment, segment.with_file_name(future)).unwrap();
    machine.run();
    machine.flush_all();
    assert_eq!(arrived(&server), 10);
}

#[test]
fn p10_a_folder_that_is_deleted_while_a_process_runs_costs_only_what_was_deleted() {
    let server = Server::start(Behaviour::Answer(500, "", ""));
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    let first = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(first.wait(LONG), Outcome::Journaled);
    std::fs::remove_dir_all(machine.state()).unwrap();
    let second = telemetry.cx().record_token_usage("gpt-4o", 2, 2, 0.5);
    server.behave(Behaviour::Answer(200, "", "{}"));
    let _ = telemetry.flush(LONG);
    assert_eq!((first.wait(LONG), second.wait(LONG)), (Outcome::Delivered, Outcome::Delivered));
    // What comes next has a folder again.
    let third = telemetry.cx().record_token_usage("gpt-4o", 3, 2, 0.5);
    assert_eq!(third.wait(LONG), Outcome::Delivered);
    drop(telemetry);
    machine.run();
    machine.flush_all();
}

#[test]
fn p10_a_full_disk_tears_no_line_and_what_finds_no_room_is_counted() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    // 4 KiB a file, and no signal when a write would go beyond.
    let said = machine.ask("trap '' XFSZ; ulimit -f 8", "records-a-hundred");
    let kept: u64 = said[0].parse().unwrap();
    assert!((1..100).contains(&kept), "{kept}");
    let pending = machine.process().pending();
    assert_eq!(pending.len() as u64, kept);
    assert!(pending.iter().all(|record| serde_json::from_str::<Value>(record).is_ok()));
    // There is room again.
    assert!(show_notice(&machine.process()));
    machine.process().command("version", |_| ());
    machine.flush_all();
    assert_eq!(arrived(&server) as u64, kept + 1);
    let status = machine.process().status();
    assert_eq!(status.recorded - status.losses.evicted, kept + 1);
    // The last ones found no room for their count either.
    assert!((1..=100 - kept).contains(&status.losses.evicted), "{status:?}");
}

#[test]
fn p10_what_finds_no_room_is_counted_as_soon_as_there_is_some() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let telemetry = machine.process();
    let cx = telemetry.cx();
    let journal = machine.state().join("journal");
    std::fs::create_dir_all(&journal).unwrap();
    // Stopped in the middle of changing the folder: nobody else waits for it for long.
    let folder = std::fs::File::open(machine.state()).unwrap();
    folder.lock().unwrap();
    let begun = std::time::Instant::now();
    let receipt = cx.record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(Duration::ZERO), Outcome::Dropped(Dropped::Io));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(folder);
    let receipt = cx.record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(Duration::ZERO), Outcome::Journaled);
    let status = telemetry.status();
    assert_eq!((status.recorded, status.losses.evicted, status.pending.events), (2, 1, 1));
}

#[test]
fn a_log_that_cannot_be_written_keeps_nothing_from_being_sent() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    std::fs::create_dir_all(machine.state()).unwrap();
    std::fs::write(machine.state().join("log"), "").unwrap();
    machine.run();
    machine.flush_all();
    assert_eq!(arrived(&server), 5);
}

#[test]
fn p7_a_torn_line_of_the_log_takes_no_other_line_along() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    machine.run();
    machine.flush_all();
    let path = machine.state().join("log/requests.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"kind\":\"request\",\"id\":\"\xff");
    std::fs::write(&path, bytes).unwrap();
    let before = server.got().len();
    machine.run();
    machine.flush_all();
    let log = machine.process().log();
    let is_logged =
        |got: &Got| log.iter().any(|line| matches!(line, LogLine::Request { body, .. } if *body == got.body));
    let got = server.got();
    assert!(got.len() > before);
    assert!(got.iter().all(is_logged), "{log:?}");
}

#[test]
fn an_id_lives_for_thirteen_months_and_no_request_ever_has_two() {
    let server = Server::healthy();
    let machine = held(&server);
    let id_file = machine.state().join("id");
    let mut id: Value = serde_json::from_slice(&std::fs::read(&id_file).unwrap()).unwrap();
    let made = id["created_ms"].as_u64().unwrap();
    id["created_ms"] = (made - 395 * DAY_MS).into();
    std::fs::write(&id_file, id.to_string()).unwrap();
    machine.run();
    assert_eq!(machine.process().status().user_uuid.as_deref(), id["id"].as_str(), "not yet");
    let epoch = |machine: &Machine| {
        let ledger = std::fs::read(machine.state().join("journal/ledger.json")).unwrap();
        serde_json::from_slice::<Value>(&ledger).unwrap()["epoch"].clone()
    };
    machine.flush_all();
    let old_epoch = epoch(&machine);

    // A run of the old id whose events are still here, and then it is too old.
    let unsent = machine.with("TELEMETRY_ENDPOINT", "http://127.0.0.1:9/x");
    unsent.run();
    id["created_ms"] = (made - 396 * DAY_MS).into();
    std::fs::write(&id_file, id.to_string()).unwrap();
    unsent.run();
    let machine = unsent.with("TELEMETRY_ENDPOINT", &server.url());
    machine.flush_all();
    assert_ne!(epoch(&machine), old_epoch, "the counters do not say that the two are one");
    let mut all = HashSet::new();
    for got in server.got() {
        let json = got.json();
        let users: HashSet<String> = json["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["properties"]["user_uuid"].to_string())
            .collect();
        assert_eq!(users.len(), 1, "{users:?}");
        all.extend(users);
    }
    assert_eq!(all.len(), 2);
    let unique: HashSet<_> = ids(&server.records()).into_iter().collect();
    assert_eq!(unique.len(), 20);
}

#[test]
fn a_damaged_id_is_replaced_and_one_of_a_wrong_clock_ages_from_now_on() {
    let server = Server::healthy();
    let machine = held(&server);
    let id_file = machine.state().join("id");
    let old = machine.process().status().user_uuid.unwrap();
    for damaged in ["", "{", "{\"id\":\"alice\",\"created_ms\":1}", "\0\0\0\0"] {
        std::fs::write(&id_file, damaged).unwrap();
        machine.run();
        assert_ne!(machine.process().status().user_uuid.unwrap(), old, "{damaged:?}");
    }
    let id = machine.process().status().user_uuid.unwrap();
    let ahead = json!({ "id": id, "created_ms": 4_000_000_000_000_u64 });
    std::fs::write(&id_file, ahead.to_string()).unwrap();
    machine.run();
    let now: Value = serde_json::from_slice(&std::fs::read(&id_file).unwrap()).unwrap();
    assert_eq!(now["id"], *id);
    assert!(now["created_ms"].as_u64().unwrap() < 4_000_000_000_000);
}

#[test]
fn where_no_id_can_be_kept_nothing_is_recorded() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    std::fs::create_dir_all(machine.state().join("id/in the way")).unwrap();
    show_notice(&machine.process());
    let receipt = machine.process().cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    let outcome = receipt.wait(Duration::ZERO);
    assert!(matches!(outcome, Outcome::Suppressed(_) | Outcome::Dropped(Dropped::Io)), "{outcome:?}");
    assert_eq!(machine.flush(), 0);
    assert!(server.got().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn p10_without_a_thread_events_stay_for_a_later_run() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let said = machine.ask("", "has-no-memory-for-a-thread");
    assert_eq!(said, ["Journaled", "the system gave no thread to send with"]);
    assert_eq!(machine.flush(), 0);
    assert_eq!(arrived(&server), 1);
}

#[test]
fn p9_one_run_a_day_is_patient_when_events_waited_for_a_day() {
    let server = Server::start(Behaviour::each(|_| {
        std::thread::sleep(Duration::from_millis(100));
        crate::server::Reply::ok()
    }));
    let machine = Machine::consenting(&server);
    let run = || machine.process().command("version", |_| ());
    let asks_nobody = || {
        let before = server.got().len();
        run();
        server.got().len() == before
    };
    let asks = || {
        let before = server.got().len();
        run();
        // What was begun comes to its end, also when that takes longer than the run waited.
        server.wait_for(before + 1);
        machine.flush_all();
    };
    // The first run learns how long an answer takes; for a short one that is too long.
    assert_eq!(machine.process().cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG), Outcome::Delivered);
    machine.flush_all();
    assert!(asks_nobody(), "no time");
    make_a_day_older(&machine);
    asks();
    assert!(asks_nobody(), "nothing waited for a day");
    make_a_day_older(&machine);
    assert!(asks_nobody(), "once a day");
    let breaker = machine.state().join("breaker.json");
    let mut remembered: Value = serde_json::from_slice(&std::fs::read(&breaker).unwrap()).unwrap();
    let patient = remembered["patient_ms"].as_u64().unwrap();
    remembered["patient_ms"] = (patient - DAY_MS).into();
    std::fs::write(&breaker, remembered.to_string()).unwrap();
    asks();
}

/// Makes the newest segment look as if it had waited for a day.
fn make_a_day_older(machine: &Machine) {
    let segment = machine.segments().pop().unwrap();
    let old = format!("{:013}-old.seg", segment_ms(&segment) - DAY_MS);
    std::fs::rename(&segment, segment.with_file_name(old)).unwrap();
}
