use std::path::Path;
use std::time::Duration;

use agent_telemetry::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};
use agent_telemetry::{Dirs, Ended, Inputs, Name, Outcome, Provider, SessionOutcome, Telemetry, ToolKind, Usage, catalogue};

use crate::server::Server;

catalogue! {
    pub(crate) static CATALOGUE = {
        events: [CommandEnded, SessionStarted, SessionEnded, ToolCalled, TokensUsed],
        commands: ["run", "version"],
        flags: ["debug", "yolo"],
        agents: ["root"],
    };
}

/// A process of a tool whose home is `home`.
pub(crate) fn process(home: &Path, variables: &[(&str, &str)]) -> Telemetry {
    let lookup = |name: &str| {
        let given = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        given.or_else(|| (name == "HOME").then(|| home.as_os_str().to_owned()))
    };
    Telemetry::builder("acme", "1.2.3", &CATALOGUE)
        .inputs(Inputs::from_lookup(lookup))
        .dirs(Dirs::from_lookup("acme", lookup))
        .build()
}

#[test]
fn a_run_with_explicit_consent_delivers_everything() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::healthy();
    let telemetry = process(home.path(), &[("TELEMETRY_ENABLED", "true"), ("TELEMETRY_ENDPOINT", &server.url())]);
    telemetry.command_with("run", &["--yolo", "--unknown=secret"], |cx| {
        let session = cx.session(Name::agent("root")).model(Provider::OpenAi, Name::model("gpt-4o")).start();
        session.turn();
        session.tool(Name::tool("read_file"), ToolKind::Builtin).ok();
        session.tokens(Usage::delta(100, 50));
        session.end(SessionOutcome::Completed);
        Ended::SUCCESS
    });
    let flushed = process(home.path(), &[("TELEMETRY_ENABLED", "true"), ("TELEMETRY_ENDPOINT", &server.url())])
        .flush(Duration::from_secs(10));
    assert_eq!(flushed.left, 0, "{flushed:?}");
    let mut names: Vec<_> = server.records().iter().map(|record| record["event"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["command", "session", "session", "token", "tool"]);
    let status = telemetry.status();
    assert_eq!((status.recorded, status.pending.events), (5, 0));
}

#[test]
fn nothing_is_written_or_sent_when_off() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::healthy();
    let telemetry = process(home.path(), &[("TELEMETRY_ENABLED", "0"), ("TELEMETRY_ENDPOINT", &server.url())]);
    telemetry.command("run", |cx| {
        let receipt = cx.record_token_usage("gpt-4", 1, 2, 0.5);
        assert!(matches!(receipt.wait(Duration::ZERO), Outcome::Suppressed(_)));
    });
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    assert!(server.got().is_empty());
}
