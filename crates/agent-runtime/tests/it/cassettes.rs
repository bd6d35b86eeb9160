//! Recordings: written so that they can be shown, read back as they were, matched by what the user said.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use agent_runtime::{
    Agent, Choice, Environment, Event, Keys, Recorder, Replayer, ToolStatus, Transport, TurnOutcome, http,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::format::{End, Format};
use crate::server::{Script, Server, calls, done, finish, says, sse, text};
use crate::setup::{Notes, Stage, agent_file, environment};

const FILE: &str =
    "agents: { root: { model: openai/gpt-4o, instruction: Help., toolsets: [{ type: filesystem }] } }";

fn replay(cassette: &str) -> (Stage, Arc<Replayer>) {
    let replayer = Arc::new(Replayer::from_yaml("tape.yaml", cassette).unwrap());
    let transport = Transport::replaying(Arc::clone(&replayer));
    let choice = Choice::default().keys(Keys::Unused);
    let stage = Stage::build(FILE, transport, |settings| settings, &Environment::default(), &choice);
    (stage, replayer)
}

/// A conversation with two turns, a tool and a retry, recorded: the file's text, and the events.
fn record() -> (String, Vec<Value>) {
    let server = Server::start([
        calls(&[("read_file", json!({ "path": "a" }))]),
        Script::Refusal(500, vec![], "{\"error\":{\"message\":\"sk-canary-0123456789 again\"}}".to_owned()),
        says("It's \"one\"\té 🦀"),
        says("two\n\n  lines"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.yaml");
    std::fs::write(&path, "something old that is longer than nothing").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let environment = environment();
    let text = agent_file(&server.base_url, "");
    let config = agent_runtime::config::from_yaml("agent.yaml", &text).unwrap();
    let keys = Agent::new(&config, &Choice::default(), &environment).unwrap().key_variables().clone();
    let recorder = Arc::new(Recorder::create(&path, environment.secrets(&keys)).unwrap());
    let transport = Transport::recording(http::Options::new("test/1", &environment), Arc::clone(&recorder));
    let mut stage = Stage::build(&text, transport, |settings| settings, &environment, &Choice::default());
    stage.write("a", "content of a");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("my key is sk-canary-0123456789, first", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("second", &mut notes), TurnOutcome::Completed);
    assert_eq!(recorder.check(), Ok(4));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    (std::fs::read_to_string(path).unwrap(), comparable(&notes))
}

fn comparable(notes: &Notes) -> Vec<Value> {
    let keep = |event: &&Event| !matches!(event, Event::SessionStarted { .. } | Event::Retry { .. });
    let value = |event: &Event| {
        let mut value = serde_json::to_value(event).unwrap();
        value.as_object_mut().unwrap().remove("elapsed_ms");
        value
    };
    notes.events.iter().filter(keep).map(value).collect()
}

#[test]
fn what_was_recorded_plays_back() {
    let (cassette, recorded) = record();
    let (mut stage, replayer) = replay(&cassette);
    stage.write("a", "content of a");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("my key is [masked], first", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("second", &mut notes), TurnOutcome::Completed);
    assert_eq!(comparable(&notes), recorded);
    assert_eq!(replayer.remaining(), 0);
}

#[test]
fn a_recording_holds_no_key_and_no_header() {
    let (cassette, _) = record();
    assert!(!cassette.contains("canary"), "{cassette}");
    assert!(!cassette.to_lowercase().contains("authorization"));
    assert!(cassette.contains("my key is [masked], first"));
    assert!(cassette.contains("        body: |+\n            data: {"), "{cassette}");
    assert!(cassette.contains("        code: 500\n"));
}

#[test]
fn matching_is_by_what_the_user_said_not_by_what_a_tool_answered() {
    let (cassette, _) = record();
    let (mut stage, _) = replay(&cassette);
    // The file is missing this time; its content was never part of the match.
    let mut notes = Notes::default();
    assert_eq!(stage.turn("my key is [masked], first", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.results()[0].1, ToolStatus::Error);
}

#[test]
fn unmatched_and_exhausted_name_the_interaction() {
    let (cassette, _) = record();
    let (mut stage, _) = replay(&cassette);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("something else", &mut notes), TurnOutcome::Failed);
    let port = cassette.split("127.0.0.1:").nth(1);
    assert!(port.is_some());
    assert_eq!(
        notes.errors(),
        [(
            "protocol".to_owned(),
            "tape.yaml: no interaction answers /v1/chat/completions with 1 messages, last user message \"something else\"; \
             the next unused one, interaction 0, answers /v1/chat/completions with 1 messages, last user message \
             \"my key is [masked], first\""
                .to_owned()
        )]
    );
    let (mut stage, replayer) = replay(&cassette);
    stage.turn("my key is [masked], first", &mut Notes::default());
    let (mut again, _) = (
        Stage::build(
            FILE,
            Transport::replaying(Arc::clone(&replayer)),
            |s| s,
            &Environment::default(),
            &Choice::default().keys(Keys::Unused),
        ),
        (),
    );
    let mut notes = Notes::default();
    assert_eq!(again.turn("my key is [masked], first", &mut notes), TurnOutcome::Failed);
    let (_, text) = notes.errors().remove(0);
    assert!(
        text.starts_with("tape.yaml: interaction 0 answers ") && text.ends_with("and was already used"),
        "{text}"
    );
}

/// The form in which the Go program writes, with invented content.
const FOREIGN: &str = r#"---
version: 2
interactions:
    - id: 0
      request:
        proto: HTTP/1.1
        proto_major: 1
        proto_minor: 1
        content_length: 0
        host: api.openai.com
        body: '{"messages":[{"content":"You are kind.\n","role":"system"},{"content":"More rules, it''s so","role":"system"},{"content":"List it","role":"user"}],"model":"gpt-4o","stream":true}'
        url: https://api.openai.com/v1/chat/completions
        method: POST
      response:
        proto: HTTP/2.0
        proto_major: 2
        proto_minor: 0
        content_length: -1
        body: |+
            data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"list_directory","arguments":""}}],"refusal":null},"finish_reason":null}],"usage":null}

            data: {"id":"c1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\":\".\"}"}}]},"finish_reason":null}],"usage":null}

            data: {"id":"c1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}

            data: {"id":"c1","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":785,"completion_tokens":18,"total_tokens":803}}

            data: [DONE]

        headers: {}
        status: 200 OK
        code: 200
        duration: 1.145270042s
    - id: 1
      request:
        body: "{\"messages\":[{\"content\":\"You are kind.\",\"role\":\"system\"},{\"content\":[{\"type\":\"text\",\"text\":\"List it\"}],\"role\":\"user\"},{\"role\":\"assistant\",\"tool_calls\":[]},{\"content\":\"FILE other\\n\",\"role\":\"tool\",\"tool_call_id\":\"call_1\"}]}"
        url: https://api.openai.com/v1/chat/completions
        method: POST
      response:
        body: |+
            data: {"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Done."},"finish_reason":"stop"}]}

            data: [DONE]

        headers: {}
        status: 200 OK
        code: 200
        duration: 382.2195ms
"#;

#[test]
fn recordings_of_the_go_program_play() {
    let (mut stage, replayer) = replay(FOREIGN);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("List it", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "Done.");
    assert_eq!(replayer.remaining(), 0);
}

/// An agent file with a model of each format, all of them at the providers' usual addresses.
fn usual(format: Format) -> String {
    let model = match format {
        Format::Chat => "openai/gpt-4o",
        Format::Responses => "openai/gpt-4.1",
        Format::Messages => "anthropic/claude-sonnet-4-5",
    };
    format!("agents: {{ root: {{ model: {model}, toolsets: [{{ type: filesystem }}] }} }}")
}

fn replay_as(format: Format, cassette: &str, pace: Duration) -> (Stage, Arc<Replayer>) {
    let replayer = Arc::new(Replayer::from_yaml("tape.yaml", cassette).unwrap());
    let transport = Transport::replaying(Arc::clone(&replayer)).paced(pace);
    let choice = Choice::default().keys(Keys::Unused);
    let stage = Stage::build(&usual(format), transport, |s| s, &Environment::default(), &choice);
    (stage, replayer)
}

/// Records two turns, the first with two calls in one answer.
fn record_as(format: Format) -> (String, Vec<Value>) {
    let ask = format.calls(&[
        ("c1", "read_file", json!({ "path": "a" })),
        ("c2", "list_directory", json!({ "path": "." })),
    ]);
    let server = Server::start([ask, format.says("one"), format.says("two")]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.yaml");
    let environment = environment();
    let recorder = Arc::new(Recorder::create(&path, Vec::new()).unwrap());
    let transport = Transport::recording(http::Options::new("test/1", &environment), recorder);
    let text = format!(
        "agents: {{ root: {{ model: m, toolsets: [{{ type: filesystem }}] }} }}\nmodels: {{ m: {{ {} }} }}",
        format.model(&server.base_url)
    );
    let mut stage = Stage::build(&text, transport, |s| s, &environment, &Choice::default());
    stage.write("a", "content of a");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("first", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
    assert_eq!(stage.turn("second", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
    (std::fs::read_to_string(path).unwrap(), comparable(&notes))
}

#[test]
fn every_format_is_recorded_and_plays_back() {
    for format in Format::ALL {
        let (cassette, recorded) = record_as(format);
        let (mut stage, replayer) = replay_as(format, &cassette, Duration::ZERO);
        stage.write("a", "content of a");
        let mut notes = Notes::default();
        assert_eq!(stage.turn("first", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        assert_eq!(stage.turn("second", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        let (mut played, mut recorded) = (comparable(&notes), recorded);
        for usage in played.iter_mut().chain(&mut recorded) {
            usage.as_object_mut().unwrap().remove("model");
        }
        assert_eq!(played, recorded, "{format:?}");
        assert_eq!(replayer.remaining(), 0, "{format:?}");
        let (mut stage, _) = replay_as(format, &cassette, Duration::ZERO);
        let mut notes = Notes::default();
        assert_eq!(stage.turn("other", &mut notes), TurnOutcome::Failed);
        let (_, text) = notes.errors().remove(0);
        let path = format.path();
        assert_eq!(
            text,
            format!(
                "tape.yaml: no interaction answers {path} with 1 messages, last user message \"other\"; the next unused one, interaction 0, answers {path} with 1 messages, last user message \"first\""
            )
        );
    }
}

#[test]
fn a_recording_may_speak_as_slowly_as_a_model() {
    for format in Format::ALL {
        let (cassette, _) = record_as(format);
        let pace = Duration::from_millis(2);
        let (mut stage, _) = replay_as(format, &cassette, pace);
        let started = std::time::Instant::now();
        let mut notes = Notes::default();
        assert_eq!(stage.turn("first", &mut notes), TurnOutcome::Completed);
        let lines = cassette.split("id: 2\n").next().unwrap().matches(" data: ").count();
        // The first line of each answer comes at once, and what follows the last word is not waited for.
        let pauses = u32::try_from(lines - 4).unwrap();
        assert!(started.elapsed() >= pace * pauses, "{:?} for {pauses} pauses", started.elapsed());
        assert_eq!(notes.text(), "one");
    }
}

/// Requests as other programs write them: tool results in one message or many, thoughts and text as separate items.
#[test]
fn conversations_are_counted_by_what_was_said_not_by_how_it_is_packed() {
    let tape = |url: &str, body: &str, answer: &str| {
        let answer = answer.replace('\n', "\n            ");
        format!(
            "version: 2\ninteractions:\n    - id: 0\n      request:\n        url: {url}\n        body: '{body}'\n      response:\n        body: |+\n            {answer}\n        code: 200\n"
        )
    };
    let events =
        |format: Format| sse(&[format.begin(), format.text(0, "ok"), format.end(End::Said)].concat());
    let cases = [
        (
            Format::Messages,
            "https://api.anthropic.com/v1/messages?beta=true",
            r#"{"system":[{"type":"text","text":"x"}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#,
        ),
        (
            Format::Responses,
            "https://api.openai.com/v1/responses",
            r#"{"input":[{"role":"system","content":[{"type":"input_text","text":"x"}]},{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#,
        ),
        (Format::Responses, "https://api.openai.com/v1/responses", r#"{"input":"hi","instructions":"x"}"#),
    ];
    for (format, url, body) in cases {
        let (mut stage, replayer) = replay_as(format, &tape(url, body, &events(format)), Duration::ZERO);
        let mut notes = Notes::default();
        assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        assert_eq!((notes.text().as_str(), replayer.remaining()), ("ok", 0));
    }
}

/// Recorded from a real server: llama.cpp with Qwen2.5-Coder-0.5B-Instruct, which writes its calls into the text.
const LLAMA_CPP: &str = include_str!("../data/llama-cpp-fenced-call.yaml");

#[test]
fn a_real_conversation_of_a_small_local_model_plays() {
    let (mut stage, replayer) = replay(LLAMA_CPP);
    stage.write("notes.txt", "the answer is 42\n");
    let mut notes = Notes::default();
    let question = "Read the file notes.txt and tell me what it says.";
    assert_eq!(stage.turn(question, &mut notes), TurnOutcome::Completed);
    let answer = ("read_file".to_owned(), ToolStatus::Ok, "the answer is 42\n".to_owned());
    assert_eq!(notes.results(), [answer]);
    let usages = notes.events.iter().filter_map(|event| match event {
        Event::Usage { call, .. } => Some((call.input_tokens, call.output_tokens, call.cached_tokens)),
        _ => None,
    });
    assert_eq!(usages.collect::<Vec<_>>(), [(255, 30, 0), (300, 120, 255)]);
    // Its second answer ran into the token limit.
    assert!(notes.events.iter().any(|event| matches!(event, Event::Warning { .. })));
    assert_eq!(replayer.remaining(), 0);
}

/// Recorded from the same server with a 1.5B model, in each format.
#[test]
fn a_real_server_in_each_format_plays() {
    let tapes = [
        (Format::Chat, include_str!("../data/llama-cpp-chat.yaml")),
        (Format::Responses, include_str!("../data/llama-cpp-responses.yaml")),
        (Format::Messages, include_str!("../data/llama-cpp-messages.yaml")),
    ];
    for (format, tape) in tapes {
        let (mut stage, replayer) = replay_as(format, tape, Duration::ZERO);
        stage.write("notes.txt", "the answer is 42\n");
        let mut notes = Notes::default();
        assert_eq!(
            stage.turn("List the files in .", &mut notes),
            TurnOutcome::Completed,
            "{:?}",
            notes.errors()
        );
        let listed = ("list_directory".to_owned(), ToolStatus::Ok, "FILE notes.txt\n".to_owned());
        assert_eq!(notes.results(), [listed], "{format:?}");
        assert_eq!(notes.text(), "Yes, the file \"notes.txt\" is in the current directory.", "{format:?}");
        let usages = notes.events.iter().filter_map(|event| match event {
            Event::Usage { call, .. } => Some((call.input_tokens, call.output_tokens, call.cached_tokens)),
            _ => None,
        });
        // The formats tell the same counts in different ways.
        assert_eq!(usages.collect::<Vec<_>>(), [(225, 20, 215), (281, 15, 241)], "{format:?}");
        assert_eq!(replayer.remaining(), 0);
    }
}

#[test]
fn what_is_no_recording_says_so() {
    let error = |text: &str| Replayer::from_yaml("t.yaml", text).unwrap_err().to_string();
    assert_eq!(error("agents: {}"), "t.yaml:1:1: not a recording: expected `version: 2`");
    assert_eq!(error("version: 2"), "t.yaml:1:1: not a recording: `interactions` is missing");
    assert_eq!(
        error("version: 2\ninteractions:\n  - { request: { url: 'http://h/' } }"),
        "t.yaml:3:5: interaction 0: `response.code` is missing"
    );
    assert_eq!(Replayer::from_yaml("t.yaml", "---\nversion: 2\ninteractions:\n").unwrap().remaining(), 0);
}

#[test]
fn a_recording_that_cannot_be_written_is_noticed() {
    assert!(Recorder::create(std::path::Path::new("/nowhere/tape.yaml"), Vec::new()).is_err());
    // A pipe whose reader goes away after the first line.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || std::io::Read::read(&mut std::fs::File::open(path).unwrap(), &mut [0; 4]).unwrap()
    });
    let recorder = Arc::new(Recorder::create(&path, Vec::new()).unwrap());
    assert_eq!(reader.join().unwrap(), 4);
    let server = Server::start([says("one")]);
    let environment = environment();
    let transport = Transport::recording(http::Options::new("test/1", &environment), Arc::clone(&recorder));
    let file = agent_file(&server.base_url, "");
    let mut stage = Stage::build(&file, transport, |s| s, &environment, &Choice::default());
    stage.turn("one", &mut Notes::default());
    assert!(recorder.check().is_err());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("two", &mut notes), TurnOutcome::Failed);
    let (class, text) = notes.errors().remove(0);
    assert_eq!(class, "protocol");
    assert!(text.starts_with("the recording cannot be written: "), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any text that a provider may send comes back as it was, through a real server and a real file.
    #[test]
    fn any_text_round_trips(content in "(\\PC|[\n\t '\"\\\\:#é🦀\u{7f}\u{85}\u{2028}]){0,40}", message in "\\PC{1,30}") {
        prop_assume!(!content.is_empty());
        let server = Server::start([Script::Events(vec![text(&content), finish("stop"), done()])]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.yaml");
        let environment = environment();
        let recorder = Arc::new(Recorder::create(&path, Vec::new()).unwrap());
        let transport = Transport::recording(http::Options::new("test/1", &environment), recorder);
        let mut stage = Stage::build(&agent_file(&server.base_url, ""), transport, |s| s, &environment, &Choice::default());
        let mut notes = Notes::default();
        stage.turn(&message, &mut notes);
        let shown = notes.text();
        prop_assert_eq!(&shown, &content);
        let cassette = std::fs::read_to_string(path).unwrap();
        let (mut stage, _) = replay(&cassette);
        let mut notes = Notes::default();
        prop_assert_eq!(stage.turn(&message, &mut notes), TurnOutcome::Completed, "{}\n{:?}", cassette, notes.errors());
        prop_assert_eq!(notes.text(), shown);
    }
}
