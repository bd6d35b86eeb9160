//! P6: canary words fed to every public function that takes text; none of them in any byte that leaves or stays.
//!
//! Names are the one kind of text that is sent as written when it is an identifier; so the canaries here are what
//! people must never see sent: sentences, paths, URLs, and identifiers that hold the login.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_telemetry::{
    Dirs, Ended, ErrorClass, InstallId, LanguageTag, Name, Provider, SessionId, SessionOutcome, Telemetry,
    ToolKind, Usage, Version, from_context, track_command,
};

use crate::process::{CATALOGUE, Machine};
use crate::server::Server;

const CANARIES: [&str; 8] = [
    "canary prompt with blanks",
    "/home/canary/secret-plan.txt",
    "https://canary:token@host/path?key=canary",
    "C:/Users/canary/file",
    "../canary",
    "agent-of-canarylogin",
    "canary\nline\u{202e}\"'<script>",
    "canary-identifier-that-is-far-longer-than-the-sixty-four-bytes-a-name-may-have",
];

fn bytes_below(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_below(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
}

fn assert_no_canary(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    if let Some(at) = text.find("canary") {
        let around: String = text.chars().skip(at.saturating_sub(60)).take(140).collect();
        panic!("{place}: …{around}…");
    }
}

#[test]
fn p6_no_canary_through_any_public_function() {
    let server = Server::healthy();
    let home = tempfile::tempdir().unwrap();
    let observed = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&observed);
    let lookup = |name: &str| {
        let value = match name {
            "HOME" => return Some(home.path().as_os_str().to_owned()),
            "TELEMETRY_ENABLED" => "true",
            "TELEMETRY_ENDPOINT" => return Some(server.url().into()),
            "TELEMETRY_API_KEY" => "sk-a-key",
            "TELEMETRY_TAGS" => "canary=canary",
            "USER" | "LOGNAME" => "canarylogin",
            "HOSTNAME" => "canaryhost",
            "LANG" => "canary_CANARY.canary",
            "AI_AGENT" | "CI" => "canary",
            _ => return None,
        };
        Some(value.into())
    };
    let inputs = agent_telemetry::Inputs::from_lookup(lookup).private_word("canaryhost");
    let telemetry = Telemetry::builder("acme", "1.0.0-canary+canary", &CATALOGUE)
        .inputs(inputs)
        .dirs(Dirs::from_lookup("acme", lookup))
        .observer(move |record| own.lock().unwrap().push_str(record))
        .build();
    telemetry.notice_shown().unwrap();
    let cx = telemetry.cx();
    for canary in CANARIES {
        telemetry.command_with(canary, &[canary, "--yolo=canary", "debug"], |cx| {
            let _ = track_command(canary, &[canary]);
            let session =
                cx.session(Name::agent(canary)).model(Provider::Custom, Name::model(canary)).start();
            let child = session.child(Name::agent(canary)).start();
            session.tool(Name::tool(canary), ToolKind::Mcp).failed(ErrorClass::Other);
            drop(session.tool(Name::unknown_tool(), ToolKind::Mcp));
            child.tokens(Usage::delta(1, 2).model(Provider::Custom, Name::model(canary)));
            child.end(SessionOutcome::Failed);
            Ended::failure(1, ErrorClass::Other)
        });
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            telemetry.command("run", |cx| {
                let _session = cx.session(Name::agent(canary)).start();
                assert!(!cx.is_recording(), "{canary}");
            });
        }));
        assert!(panicked.is_err());
        let _ = cx.record_tool_call(canary, canary, canary, Duration::ZERO, Some(ErrorClass::Io));
        let _ = cx.record_token_usage(canary, 1, 2, f64::NAN);
        let _entered = cx.enter();
        let _ = track_command(canary, &[canary, "--debug=canary", "--", canary]);
        assert!(from_context().is_some());
        // Types that read text keep nothing of it.
        assert_no_canary("Version", Version::parse(canary).to_string().as_bytes());
        assert_no_canary("LanguageTag", LanguageTag::from_locale(canary).to_string().as_bytes());
        assert!(SessionId::parse(canary).is_none() && InstallId::parse(canary).is_none());
    }
    let flushed = telemetry.flush(Duration::from_secs(20));
    assert_eq!(flushed.left, 0, "{flushed:?}");

    let got = server.got();
    assert!(server.records().len() >= CANARIES.len() * 10, "the test recorded");
    for got in &got {
        assert_no_canary("a request's head", got.head.as_bytes());
        assert_no_canary("a request's body", got.body.as_bytes());
    }
    assert_no_canary("what the observer saw", observed.lock().unwrap().as_bytes());
    let mut files = Vec::new();
    bytes_below(home.path(), &mut files);
    assert!(files.len() >= 4, "{files:?}");
    for (path, bytes) in files {
        assert_no_canary(&path.to_string_lossy(), &bytes);
    }
}

#[test]
fn p6_no_canary_in_a_segment_that_waits() {
    let home = tempfile::tempdir().unwrap();
    let lookup = |name: &str| (name == "HOME").then(|| home.path().as_os_str().to_owned());
    let telemetry =
        Telemetry::builder("acme", "1.0.0", &CATALOGUE).dirs(Dirs::from_lookup("acme", lookup)).build();
    for canary in CANARIES.iter().filter(|canary| !canary.contains("login")) {
        let _ = telemetry.cx().record_tool_call(canary, canary, canary, Duration::ZERO, None);
    }
    assert_eq!(telemetry.pending().len(), CANARIES.len() - 1);
    telemetry.pending().iter().for_each(|record| assert_no_canary("a waiting record", record.as_bytes()));
}

#[test]
fn p6_login_home_and_host_are_in_no_name() {
    let server = Server::healthy();
    for (variable, value) in [
        ("USER", "canary"),
        ("LOGNAME", "canary"),
        ("USERNAME", "canary"),
        ("USERPROFILE", "/home/canary"),
        ("HOSTNAME", "canary"),
        ("HOSTNAME", "canary.example.org"),
        ("COMPUTERNAME", "canary"),
    ] {
        let machine = Machine::new(&server).with(variable, value);
        machine.process().command("run", |cx| {
            let _ = cx.session(Name::agent("my-Canary-agent")).start();
        });
        let pending = machine.process().pending().join("\n");
        assert!(pending.contains(r#""agent_name":"custom""#), "{variable}: {pending}");
        assert!(!pending.contains("anary"), "{variable}: {pending}");
    }
}

#[test]
fn p6_the_hosts_own_name_is_in_no_name_although_no_variable_says_it() {
    let machine = Machine::new(&Server::healthy());
    let said = machine.ask("", "has-an-agent-named-after-its-host");
    assert_ne!(said, ["custom"], "it is an identifier, so nothing else is against it");
    let pending = machine.process().pending();
    assert_eq!(pending.len(), 2, "start and end");
    assert!(pending.iter().all(|record| record.contains(r#""agent_name":"custom""#)), "{pending:?}");
}
