//! Headers that a file gives to a model or a provider: what is sent, what has to be there for it, and who never sees it.

use std::sync::Arc;

use agent_runtime::{Agent, Choice, Environment, Keys, Recorder, Team, Transport, TurnOutcome, config, http};

use crate::server::{Script, Seen, Server, says};
use crate::setup::{Notes, Stage};

fn file(base_url: &str, provider: &str, model: &str) -> String {
    format!(
        "agents: {{ root: {{ model: m, toolsets: [{{ type: shell }}] }} }}
models: {{ m: {{ provider: gateway, model: gpt-4o, headers: {{ {model} }} }} }}
providers: {{ gateway: {{ base_url: '{base_url}', token_key: KEY, headers: {{ {provider} }} }} }}
permissions: {{ allow: [shell] }}
"
    )
}

fn environment() -> Environment {
    let path = std::env::var("PATH").unwrap_or_default();
    let variables = [
        ("KEY", "sk-of-the-gateway"),
        ("PATH", path.as_str()),
        ("HOME", "/home/ada"),
        ("PASS", "canary-0123456789"),
    ];
    Environment::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn stage(server: &Server, provider: &str, model: &str) -> Stage {
    let environment = environment();
    let transport = Transport::live(http::Options::new("test/1", &environment));
    let text = file(&server.base_url, provider, model);
    Stage::build(&text, transport, |settings| settings, &environment, &Choice::default())
}

fn header<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    let values = seen.headers.iter().filter(|(known, _)| known == name);
    values.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn they_are_sent_filled_in_and_a_models_own_beat_its_providers() {
    let server = Server::start([says("ok")]);
    let provider =
        "X-Team: '${env.TEAM || \"nobody\"}', X-Pass: $PASS, X-Same: provider, X-None: '${env.NO || \"\"}'";
    let mut stage = stage(&server, provider, "x-same: model, X-Number: 7, X-Text: 'a ${HOME} $$5'");
    assert_eq!(stage.turn("?", &mut Notes::default()), TurnOutcome::Completed);
    let seen = &server.seen()[0];
    let table = [
        ("x-team", vec!["nobody"]),
        ("x-pass", vec!["canary-0123456789"]),
        ("x-same", vec!["model"]),
        ("x-number", vec!["7"]),
        ("x-text", vec!["a /home/ada $5"]),
        ("x-none", vec![]),
        ("authorization", vec!["Bearer sk-of-the-gateway"]),
        ("content-type", vec!["application/json"]),
    ];
    for (name, expected) in table {
        assert_eq!(header(seen, name), expected, "{name}");
    }
}

#[test]
fn one_that_signs_a_request_replaces_ours() {
    let server = Server::start([says("ok")]);
    let mut stage = stage(&server, "Authorization: Basic $PASS, User-Agent: mine", "");
    stage.turn("?", &mut Notes::default());
    let seen = &server.seen()[0];
    assert_eq!(header(seen, "authorization"), ["Basic canary-0123456789"]);
    assert_eq!(header(seen, "user-agent"), ["mine"]);
}

#[test]
fn a_variable_that_is_missing_is_named_before_anything_is_sent() {
    let config =
        config::from_yaml("agent.yaml", &file("http://h.example/v1", "", "X-Pass: Bearer $GONE")).unwrap();
    let error = Agent::new(&config, &Choice::default(), &environment()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `m` needs a value for its header `x-pass`: the variable GONE is not set"
    );
    // A replay sends nothing.
    let unused = Choice::default().keys(Keys::Unused);
    assert!(Agent::new(&config, &unused, &Environment::default()).is_ok());
}

#[test]
fn names_that_no_file_may_set_are_refused_with_their_place() {
    let text = file("http://h.example/v1", "Host: other.example, 'X Y': a", "content-LENGTH: 7");
    let error = config::from_yaml("agent.yaml", &text).unwrap_err().to_string();
    for part in [
        "agent.yaml:2:",
        "models.m.headers: `content-LENGTH` is a header that the program sets itself",
        "agent.yaml:3:",
        "providers.gateway.headers: `Host` is a header that the program sets itself",
        "providers.gateway.headers: `X Y` is no name of a header",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn their_values_are_in_no_error_no_recording_and_no_child() {
    let said = r#"{"error":{"message":"canary-0123456789 and literal-0123456789 are wrong, ada"}}"#;
    let call = crate::server::calls(&[("shell", serde_json::json!({ "cmd": "echo [$PASS] $HOME" }))]);
    let server = Server::start([call, Script::Refusal(401, vec![], said.to_owned())]);
    let text = file(&server.base_url, "X-Pass: $PASS, X-Token: Bearer literal-0123456789, X-Who: $HOME", "");
    let environment = environment();
    let config = config::from_yaml("agent.yaml", &text).unwrap();
    let team = Team::new(&config, &Choice::default(), &environment).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.yaml");
    let recorder = Arc::new(Recorder::create(&path, team.secrets(&environment)).unwrap());
    let transport = Transport::recording(http::Options::new("test/1", &environment), Arc::clone(&recorder));
    let mut stage = Stage::build(&text, transport, |settings| settings, &environment, &Choice::default());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(recorder.check(), Ok(2));
    // What only says where home is, is no secret.
    assert_eq!(notes.results()[0].2.trim(), "[] /home/ada");
    assert!(notes.errors()[0].1.contains("[masked] and [masked] are wrong, ada"), "{:?}", notes.errors());
    let recorded = std::fs::read_to_string(path).unwrap();
    assert!(recorded.contains("[masked] and [masked] are wrong, ada"), "{recorded}");
    let everything = format!("{recorded}{:?}", notes.events);
    assert!(!everything.contains("0123456789"), "{everything}");
}
