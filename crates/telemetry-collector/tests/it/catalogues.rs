//! Events of other tools: `--catalogue FILE`.

use std::io::Read as _;

use agent_telemetry::{Closed, Count, Event, Name, name};
use serde_json::{Value, json};

use crate::harness::{Collector, NOW};
use crate::process::program;

/// A format of acme's.
#[derive(Closed)]
enum Format {
    Csv,
    Json,
}

/// A table was exported.
#[derive(Event)]
#[event(name = "export", since = "1.0.0", review = "2027-06-01", why = "shows which formats people need")]
struct Export {
    #[field(since = "1.0.0", why = "shows which formats are worth keeping")]
    format: Format,
    #[field(since = "1.0.0", why = "shows how large tables are")]
    rows: Count,
    // Another type than the property of this name has in docker-agent's events.
    #[field(since = "1.0.0", why = "shows which plug-in did the work")]
    outcome: Name<name::Tool>,
}

agent_telemetry::catalogue! {
    static ACME = { events: [Export], commands: [], flags: [] };
}

fn export() -> Value {
    json!({
        "event_id": "01a20000-0000-7000-8000-000000000001", "event": "export", "event_timestamp": NOW, "source": "acme",
        "properties": {
            "format": "csv", "rows": 12, "outcome": "fast-writer", "user_uuid": "3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c11",
            "version": "1.0.0", "os": "linux", "arch": "amd64", "os_language": "en", "caller": "human", "schema": 1,
        },
    })
}

#[test]
fn p12_events_of_another_tool_are_checked_by_its_own_catalogue_and_stored_as_sent() {
    let alone = Collector::start();
    assert_eq!(alone.send([export()]).json()["rejected"][0]["code"], "unknown_source");

    let collector = Collector::with(|settings| settings.catalogues.add(ACME.document("acme")).unwrap());
    let mut wrong = export();
    wrong["properties"]["format"] = "xml".into();
    let answer = collector.send([export(), wrong]).json();
    assert_eq!(answer["accepted"], 1, "{answer}");
    assert_eq!(answer["rejected"][0]["code"], "bad_type");
    assert_eq!(answer["rejected"][0]["detail"], "format");
    let mut stored = collector.events().remove(0);
    stored.as_object_mut().unwrap().remove("row");
    assert_eq!(stored, export());
}

#[test]
fn a_catalogue_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str| {
        let file = folder.path().join("catalogue.json");
        std::fs::write(&file, text).unwrap();
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .arg("--catalogue")
            .arg(&file)
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{stderr}");
        assert!(stderr.contains("catalogue.json") && stderr.contains("telemetry explain --json"), "{stderr}");
        stderr
    };
    assert!(refused("{").contains("not a catalogue"));
    let newer =
        serde_json::to_string(&ACME.document("acme")).unwrap().replace("\"format\":1", "\"format\":2");
    assert!(refused(&newer).contains("format 2"));
    let doubled = serde_json::to_string(&ACME.document("docker-agent")).unwrap();
    assert!(refused(&doubled).contains("already"));
}
