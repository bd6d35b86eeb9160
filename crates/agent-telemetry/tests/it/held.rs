//! P1: you are told first.

use std::time::Duration;

use agent_telemetry::Outcome;

use crate::process::{Machine, ids, kinds, show_notice};
use crate::server::Server;

#[test]
fn p1_the_run_that_shows_the_notice_sends_nothing_and_the_next_sends_both() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    assert!(server.got().is_empty());
    assert_eq!(machine.flush(), 0, "a process started after the notice may send");
    assert_eq!(
        kinds(&server.records()),
        ["session/start", "tool/call", "token/usage", "session/end", "command/run"]
    );
    machine.run();
    machine.flush_all();
    assert_eq!(ids(&server.records()).len(), 10);
}

#[test]
fn p1_without_the_notice_nothing_is_ever_sent() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    for _ in 0..3 {
        machine.process().command("version", |_| ());
    }
    let flushed = machine.process().flush(Duration::from_secs(5));
    assert_eq!(flushed.left, 3);
    assert!(flushed.reason.unwrap().contains("notice"));
    assert!(server.got().is_empty());
}

#[test]
fn p1_explicit_consent_sends_at_once_and_the_notice_is_still_due() {
    let server = Server::healthy();
    let machine = Machine::consenting(&server);
    let telemetry = machine.process();
    assert!(show_notice(&telemetry));
    let outcome = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5).wait(Duration::from_secs(20));
    assert_eq!(outcome, Outcome::Delivered);
    assert!(!show_notice(&machine.process()), "once");
}

#[test]
fn p1_enable_releases_what_was_held() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    machine.process().enable().unwrap();
    machine.run();
    machine.flush_all();
    assert_eq!(ids(&server.records()).len(), 10);
}

#[test]
fn p1_a_no_in_between_drops_what_was_held() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    machine.run();
    let machine = machine.with("TELEMETRY_ENABLED", "false");
    machine.run();
    let machine = machine.without("TELEMETRY_ENABLED");
    assert_eq!(machine.flush(), 0);
    assert!(server.got().is_empty());

    let machine = Machine::new(&server);
    machine.run();
    machine.process().disable(false).unwrap();
    machine.process().enable().unwrap();
    assert_eq!(machine.flush(), 0);
    assert!(server.got().is_empty());
}

#[test]
fn p1_another_endpoint_beyond_this_machine_is_another_notice() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    assert!(show_notice(&machine.process()));
    let machine = machine.with("TELEMETRY_ENDPOINT", "https://telemetry.invalid/events/v1/track");
    let telemetry = machine.process();
    assert_eq!(telemetry.decision().state.as_str(), "held");
    assert!(telemetry.notice().unwrap().to_string().contains("telemetry.invalid"));
    assert!(show_notice(&telemetry));
    assert!(!show_notice(&machine.process()));
}

#[test]
fn p1_a_notice_with_another_text_is_another_notice() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    assert!(show_notice(&machine.process()));
    let saved = std::fs::read_to_string(machine.consent_file()).unwrap();
    let now = format!("\"version\":{}", agent_telemetry::consent::NOTICE_VERSION);
    assert!(saved.contains(&now), "{saved}");
    std::fs::write(machine.consent_file(), saved.replace(&now, "\"version\":0")).unwrap();
    let telemetry = machine.process();
    assert_eq!(telemetry.decision().state.as_str(), "held");
    assert!(show_notice(&telemetry));
    assert!(!show_notice(&machine.process()), "once");
}

#[test]
fn p1_hidden_is_held() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    let hidden = |telemetry: &agent_telemetry::Telemetry| telemetry.notice().is_none();
    let inputs = agent_telemetry::Inputs::from_lookup(|name| {
        (name == "TELEMETRY_ENDPOINT").then(|| server.url().into())
    });
    let telemetry = agent_telemetry::Telemetry::builder("acme", "1.2.3", &crate::process::CATALOGUE)
        .inputs(inputs.hide_notice(true))
        .build();
    assert!(hidden(&telemetry));
    assert_eq!(telemetry.decision().state.as_str(), "held");
    assert!(!hidden(&machine.process()), "not consumed");
}

#[test]
fn p1_the_notice_says_everything() {
    let server = Server::healthy();
    let machine =
        Machine::new(&server).with("TELEMETRY_ENDPOINT", "https://telemetry.invalid/events/v1/track");
    insta::assert_snapshot!(machine.process().notice().unwrap(), @r#"
acme collects anonymous usage data: which commands, agents, tools and models are used,
whether they succeed, how long they take, tokens and cost. It helps decide what to improve.
Never prompts, answers, files, paths, arguments, error texts, keys or host names.
It goes to telemetry.invalid, from your next command on. This run sends nothing; what it notes is held
here, and later runs send it unless you say no first.
  See it:   acme telemetry status | log --pending | explain
  Stop it:  acme telemetry disable   (or TELEMETRY_ENABLED=false, or DO_NOT_TRACK=1)
"#);
}

#[test]
fn p1_the_notice_of_a_tool_without_agents_does_not_speak_of_agents() {
    agent_telemetry::catalogue! {
        static COMMANDS = { events: [agent_telemetry::events::CommandEnded], commands: ["x"], flags: [] };
    }
    let telemetry = agent_telemetry::Telemetry::builder("acme", "1.2.3", &COMMANDS).build();
    let notice = telemetry.notice().unwrap().to_string();
    let (first, _) = notice.split_once("Never").unwrap();
    assert_eq!(
        first,
        "acme collects anonymous usage data: which commands are used,\n\
         whether they succeed and how long they take. It helps decide what to improve.\n"
    );
}

#[test]
fn p1_unwritable_folders_send_nothing_without_an_explicit_yes() {
    let server = Server::healthy();
    let machine = Machine::new(&server);
    // A file where the folders should be: nobody can write there, not even root.
    std::fs::write(machine.home.path().join(".config"), "").unwrap();
    std::fs::write(machine.home.path().join(".local"), "").unwrap();
    let telemetry = machine.process();
    assert!(telemetry.notice_shown().is_err());
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert!(matches!(receipt.wait(Duration::ZERO), Outcome::Suppressed(_)));
    let local = machine.home.path().join(".local");
    let problem = format!("{} cannot be written to: not a folder", local.display());
    assert_eq!(telemetry.status().not_kept, Some(problem));
    assert_eq!(Machine::new(&server).process().status().not_kept, None);
    drop(telemetry);
    let machine = machine.with("TELEMETRY_ENABLED", "true");
    let telemetry = machine.process();
    let receipt = telemetry.cx().record_token_usage("gpt-4o", 1, 2, 0.5);
    assert_eq!(receipt.wait(Duration::from_secs(20)), Outcome::Delivered);
    assert_eq!(server.got().len(), 1);
}
