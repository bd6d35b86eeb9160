//! P2: off is off, at any time.

use std::time::{Duration, Instant};

use agent_telemetry::events::TokensUsed;
use agent_telemetry::{Outcome, Suppressed};

use crate::process::{LONG, Machine, show_notice};
use crate::server::{Behaviour, Reply, Server};

#[test]
fn p2_off_creates_nothing_and_sends_nothing() {
    for (name, value) in [
        ("TELEMETRY_ENABLED", "false"),
        ("TELEMETRY_ENABLED", "No"),
        ("TELEMETRY_ENABLED", "what?"),
        ("DO_NOT_TRACK", "1"),
    ] {
        let server = Server::healthy();
        let machine = Machine::new(&server).with(name, value);
        machine.run();
        assert_eq!(machine.flush(), 0);
        assert_eq!(machine.files(), Vec::<String>::new(), "{name}={value}");
        assert!(server.got().is_empty());
        assert!(machine.process().notice().is_none());
    }
}

#[test]
fn p2_disable_leaves_its_own_file_and_the_log_of_what_was_sent() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    machine.run();
    machine.flush_all();
    let id = machine.process().status().user_uuid.unwrap();
    let disabled = machine.process().disable(false).unwrap();
    assert_eq!(disabled.id.unwrap().to_string(), id);
    let requests = server.got().len();
    machine.run();
    assert_eq!(
        machine.files(),
        [".config/acme/telemetry.json", ".local/state/acme/telemetry/log/requests.jsonl"]
    );
    assert_eq!(server.got().len(), requests);
    machine.process().disable(true).unwrap();
    assert_eq!(machine.files(), [".config/acme/telemetry.json"]);
}

#[test]
fn p2_a_corrupt_or_newer_file_is_off_and_stays_as_it_is() {
    for text in ["", "{", "[]", r#"{"format":2,"choice":"on"}"#, r#"{"format":1,"choice":"maybe"}"#] {
        let server = Server::healthy();
        let machine = Machine::new(&server);
        std::fs::create_dir_all(machine.consent_file().parent().unwrap()).unwrap();
        std::fs::write(machine.consent_file(), text).unwrap();
        let telemetry = machine.process();
        assert_eq!(telemetry.decision().state.as_str(), "off", "{text:?}");
        assert!(telemetry.decision().complaint.is_some());
        machine.run();
        assert_eq!(std::fs::read_to_string(machine.consent_file()).unwrap(), text);
        machine.process().enable().unwrap();
        assert_eq!(machine.process().decision().state.as_str(), "on");
    }
}

#[test]
fn p2_turning_off_stops_a_running_process_before_its_next_request() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server).without("TELEMETRY_ENABLED");
    show_notice(&machine.process());
    let running = machine.process();
    let cx = running.cx();
    assert_eq!(cx.record_token_usage("gpt-4o", 1, 2, 0.5).wait(Duration::from_secs(20)), Outcome::Delivered);
    machine.process().disable(true).unwrap();
    let outcome = cx.record_token_usage("gpt-4o", 3, 4, 0.5).wait(Duration::from_secs(20));
    assert!(!matches!(outcome, Outcome::Delivered), "{outcome:?}");
    assert!(!cx.is_recording(), "the sender noticed");
    let nobody_asks = || -> TokensUsed { panic!("an event is made that nobody wants") };
    assert_eq!(cx.record(nobody_asks).wait(Duration::ZERO), Outcome::Suppressed(Suppressed::Off));
    running.close();
    assert_eq!(server.got().len(), 1);
    assert_eq!(machine.files(), [".config/acme/telemetry.json"]);
    assert!(matches!(
        cx.record_token_usage("gpt-4o", 5, 6, 0.5).wait(Duration::ZERO),
        Outcome::Suppressed(_)
    ));
}

#[test]
fn p2_a_process_that_goes_on_holding_asks_again_after_a_second() {
    let machine = Machine::new(&Server::healthy());
    let holding = machine.process();
    let record = || holding.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(Duration::ZERO);
    assert_eq!(record(), Outcome::Journaled);
    machine.process_elsewhere().disable(false).unwrap();
    let told = Instant::now();
    while told.elapsed() < Duration::from_millis(1_100) {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert_eq!(record(), Outcome::Suppressed(Suppressed::Off));
    assert_eq!(machine.files(), [".config/acme/telemetry.json"], "what it held is gone");
}

#[test]
fn p2_a_process_that_records_without_a_pause_asks_again_before_its_next_segment() {
    let machine = Machine::new(&Server::healthy());
    let holding = machine.process();
    let record = |_: &usize| holding.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(Duration::ZERO);
    assert_eq!(record(&0), Outcome::Journaled);
    machine.process_elsewhere().disable(false).unwrap();
    let kept = (0..1000).take_while(|at| record(at) == Outcome::Journaled).count();
    assert!(kept < 64 * 1024 / 200, "{kept}");
    assert_eq!(machine.files(), [".config/acme/telemetry.json"], "what it held is gone");
}

#[test]
fn p2_a_no_from_elsewhere_deletes_what_a_process_holds_when_it_ends() {
    let machine = Machine::new(&Server::healthy());
    let holding = machine.process();
    holding.command("run", |cx| {
        let _ = cx.record_token_usage("gpt-4o", 1, 2, 0.5);
        machine.process_elsewhere().disable(false).unwrap();
        assert_eq!(machine.segments().len(), 1);
    });
    assert_eq!(machine.files(), [".config/acme/telemetry.json"]);
}

#[test]
fn p2_a_no_between_two_requests_deletes_what_an_earlier_run_left_and_ends_the_flush() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let earlier = machine.process();
    show_notice(&earlier);
    for _ in 0..agent_telemetry::MAX_RECORDS + 1 {
        let _ = earlier.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    }
    drop(earlier);
    assert_eq!(machine.segments().len(), 1);
    let elsewhere = machine.process_elsewhere();
    server.behave(Behaviour::each(move |_| {
        elsewhere.disable(false).unwrap();
        Reply::ok()
    }));
    let begun = Instant::now();
    let flushed = machine.process().flush(LONG);
    assert_eq!((flushed.left, flushed.reason), (0, None));
    assert!(begun.elapsed() < LONG / 2, "nobody waits for a sender that was told to stop");
    assert_eq!(server.got().len(), 1);
    assert_eq!(machine.segments(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn p2_another_id_stops_a_running_process_before_its_next_request() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let running = machine.process();
    let cx = running.cx();
    assert_eq!(cx.record_token_usage("gpt-4o", 1, 2, 0.5).wait(LONG), Outcome::Delivered);
    machine.process().reset_id().unwrap();
    let outcome = cx.record_token_usage("gpt-4o", 3, 4, 0.5).wait(LONG);
    assert!(!matches!(outcome, Outcome::Delivered), "{outcome:?}");
    running.close();
    assert_eq!(server.got().len(), 1, "nothing goes under an id that was given up");
    assert_eq!(machine.process().status().user_uuid, None);
}

#[test]
fn p2_a_process_that_records_first_after_a_no_keeps_nothing() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let running = machine.process();
    assert_eq!(running.decision().state.as_str(), "held");
    machine.process().disable(false).unwrap();
    running.command("run", |_| ());
    assert_eq!(machine.files(), [".config/acme/telemetry.json"]);
}

#[test]
fn p2_turning_off_stops_a_process_that_holds() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let holding = machine.process();
    holding.command("run", |cx| {
        let _ = cx.record_token_usage("gpt-4o", 1, 2, 0.5);
        machine.process().disable(false).unwrap();
    });
    assert_eq!(machine.files(), [".config/acme/telemetry.json"]);
}

#[test]
fn p2_an_off_in_the_default_folder_counts_for_every_folder() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.process().disable(false).unwrap();
    let other = machine.home.path().join("other");
    let machine = machine.with("ACME_CONFIG_DIR", other.to_str().unwrap()).with("TELEMETRY_ENABLED", "true");
    let telemetry = machine.process();
    assert_eq!(telemetry.decision().state.as_str(), "off");
    assert_eq!(telemetry.decision().decided_by, "saved choice in the default folder");
}

#[test]
fn a_choice_that_cannot_be_saved_names_the_file_and_what_is_wrong_with_it() {
    let machine = Machine::new(&Server::healthy());
    let said = |done: std::io::Result<()>| {
        done.unwrap_err().to_string().replace(machine.home.path().to_str().unwrap(), "HOME")
    };
    let folder = machine.consent_file().parent().unwrap().to_owned();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(machine.consent_file(), "{").unwrap();
    assert_eq!(
        said(machine.process().reset_id().map(drop)),
        "HOME/.config/acme/telemetry.json: it is corrupt; `telemetry enable` or `telemetry disable` replaces it"
    );
    let locked = std::fs::File::open(&folder).unwrap();
    locked.lock().unwrap();
    assert_eq!(
        said(machine.process().enable()),
        "HOME/.config/acme/telemetry.json: another process keeps its folder locked; try again when that has ended"
    );
    drop(locked);
    std::fs::remove_dir_all(machine.home.path().join(".config")).unwrap();
    std::fs::write(machine.home.path().join(".config"), "").unwrap();
    assert_eq!(
        said(machine.process().disable(false).map(drop)),
        "HOME/.config/acme/telemetry.json: Not a directory (os error 20)"
    );
}

#[test]
fn resetting_makes_another_id_and_drops_what_is_unsent() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let old = machine.process().status().user_uuid.unwrap();
    assert_eq!(machine.process().reset_id().unwrap().unwrap().to_string(), old);
    assert_eq!(machine.process().status().pending.events, 0);
    machine.run();
    assert_ne!(machine.process().status().user_uuid.unwrap(), old);
}

#[test]
fn racing_first_runs_agree_on_one_id() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            // Without the notice, so that everything is held.
            scope.spawn(|| machine.process().command("run", crate::process::session));
        }
    });
    let pending = machine.process().pending();
    assert_eq!(pending.len(), 16 * 5);
    let mut ids: Vec<String> = pending
        .iter()
        .map(|record| {
            serde_json::from_str::<serde_json::Value>(record).unwrap()["properties"]["user_uuid"].to_string()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}
