//! Conversations over real sockets in each wire format, with the ways in which servers and networks differ.

use std::time::Duration;

use agent_runtime::{Event, ToolStatus, TurnOutcome};
use serde_json::json;

use crate::server::format::{End, Format};
use crate::server::{Script, Server, sse};
use crate::setup::{Notes, Stage};

fn stage(format: Format, server: &Server) -> Stage {
    Stage::with_file(&file(format, server, ""))
}

fn file(format: Format, server: &Server, more: &str) -> String {
    format!(
        "agents: {{ root: {{ model: m, instruction: Help., toolsets: [{{ type: filesystem }}] }} }}\n\
         models: {{ m: {{ {}{more} }} }}\n",
        format.model(&server.base_url)
    )
}

/// A call of two pieces and the text of a second answer.
fn call_stream(format: Format) -> Vec<String> {
    let call = format.call(0, "call_é", "read_file", &["{\"path\":", "\"ä.txt\"}"]);
    [format.begin(), call, format.end(End::Calls)].concat()
}

/// Lets a stream ask for a file, and expects that the file is read and told.
fn expect_call(format: Format, what: &str, stream: Script) {
    let server = Server::start([stream, format.says("It says ✓.")]);
    let mut stage = stage(format, &server);
    stage.write("ä.txt", "content");
    let mut notes = Notes::default();
    assert_eq!(
        stage.turn("Read", &mut notes),
        TurnOutcome::Completed,
        "{format:?}, {what}: {:?}",
        notes.errors()
    );
    let read = ("read_file".to_owned(), ToolStatus::Ok, "content".to_owned());
    assert_eq!(notes.results(), [read], "{format:?}, {what}");
    assert_eq!(notes.text(), "It says ✓.", "{format:?}, {what}");
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 2, "{format:?}, {what}");
    assert_eq!(format.results(&bodies[1]).len(), 1, "{format:?}, {what}");
}

#[test]
fn a_turn_with_a_tool_and_what_it_costs() {
    for format in Format::ALL {
        let ask = format.calls(&[
            ("c1", "read_file", json!({ "path": "a" })),
            ("c2", "read_file", json!({ "path": "b" })),
        ]);
        let server = Server::start([ask, format.says("done"), format.says("again")]);
        let mut stage = stage(format, &server);
        stage.write("a", "A");
        let mut notes = Notes::default();
        assert_eq!(stage.turn("Read", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        assert_eq!(stage.turn("And?", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        assert_eq!(
            notes.results().iter().map(|r| r.1).collect::<Vec<_>>(),
            [ToolStatus::Ok, ToolStatus::Error]
        );
        let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
        assert_eq!(paths, [format.path(); 3]);
        let tokens: Vec<_> = stage
            .finish()
            .into_iter()
            .filter(|record| record["event"] == "token")
            .map(|record| record["properties"].clone())
            .collect();
        assert_eq!(tokens.len(), 3, "{format:?}");
        for token in tokens {
            let count = |name: &str| token[name].as_u64();
            assert_eq!((count("input_tokens"), count("output_tokens")), (Some(100), Some(20)), "{token}");
            assert_eq!(count("cache_read_tokens"), Some(30), "{token}");
            let written = if format == Format::Messages { 10 } else { 0 };
            assert_eq!(count("cache_write_tokens"), Some(written), "{token}");
            assert_eq!(token["model_name"], format.answers_as());
            let nano = match format {
                Format::Chat => 70 * 2_500 + 30 * 1_250 + 20 * 10_000,
                Format::Responses => 70 * 2_000 + 30 * 500 + 20 * 8_000,
                Format::Messages => 60 * 3_000 + 30 * 300 + 10 * 3_750 + 20 * 15_000,
            };
            assert_eq!(token["cost"].as_f64(), Some(f64::from(nano) / 1e9), "{token}");
        }
    }
}

#[test]
fn headers_say_who_asks_and_in_which_version() {
    let server = Server::start([Format::Messages.says("hello")]);
    let text = file(Format::Messages, &server, ", token_key: OPENAI_API_KEY");
    assert_eq!(Stage::with_file(&text).turn("hi", &mut Notes::default()), TurnOutcome::Completed);
    let seen = server.seen().remove(0);
    let header =
        |name: &str| seen.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("x-api-key"), Some("sk-canary-0123456789"));
    assert_eq!(header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(header("authorization"), None);
}

#[test]
fn streams_as_servers_and_networks_make_them() {
    for format in Format::ALL {
        let stream = sse(&call_stream(format));
        let unnamed: String = call_stream(format).iter().map(|data| format!("data: {data}\n\n")).collect();
        let shapes = [
            ("as it is", stream.clone()),
            ("CRLF", stream.replace('\n', "\r\n")),
            ("CR", stream.replace('\n', "\r")),
            ("a byte order mark", format!("\u{feff}{stream}")),
            ("no space after the colon", stream.replace("data: ", "data:").replace("event: ", "event:")),
            ("no names", unnamed),
            ("keep-alive comments", stream.replace("\n\n", "\n\n: keep-alive\n\n:\n\n")),
            ("no blank line at the end", stream.trim_end().to_owned()),
            ("empty data", stream.replace("\n\n", "\n\ndata:\n\n")),
        ];
        for (what, bytes) in shapes {
            expect_call(format, what, Script::Raw(bytes.into_bytes()));
        }
        expect_call(format, "byte by byte", Script::Dripping(stream.into_bytes()));
    }
}

#[test]
fn the_end_need_not_be_said_twice() {
    for format in Format::ALL {
        // `[DONE]`, `message_stop`: what comes after the reason for the end.
        let mut events = call_stream(format);
        if format != Format::Responses {
            events.pop();
        }
        expect_call(format, "no last word", Script::Events(events.clone()));
        expect_call(format, "no last word, and the connection breaks", Script::Broken(events));
        // Nothing follows, but the connection stays open: nobody waits for it for long.
        expect_call(
            format,
            "all said, and the connection stays",
            Script::Stuck(sse(&call_stream(format)).into_bytes()),
        );
    }
}

#[test]
fn a_server_that_never_says_the_last_word_is_not_waited_for() {
    let mut events = call_stream(Format::Chat);
    events.pop();
    let started = std::time::Instant::now();
    expect_call(Format::Chat, "no last word, no end", Script::Stuck(sse(&events).into_bytes()));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn calls_whose_pieces_are_mixed() {
    for format in Format::ALL {
        let pieces = |path: &str, index: u64, id: &str| {
            format.call(index, id, "read_file", &["{\"pa", "th\":", &format!("\"{path}\"}}")])
        };
        let (one, two) = (pieces("a", 0, "c1"), pieces("b", 1, "c2"));
        let mixed: Vec<String> = one.into_iter().zip(two).flat_map(|(one, two)| [one, two]).collect();
        let stream = Script::Events([format.begin(), mixed, format.end(End::Calls)].concat());
        let server = Server::start([stream, format.says("done")]);
        let mut stage = stage(format, &server);
        stage.write("a", "A");
        stage.write("b", "B");
        let mut notes = Notes::default();
        assert_eq!(stage.turn("Read", &mut notes), TurnOutcome::Completed, "{format:?}");
        let texts: Vec<String> = notes.results().into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, ["A", "B"], "{format:?}");
    }
}

#[test]
fn calls_under_a_reason_that_says_otherwise_run_all_the_same() {
    for format in Format::ALL {
        let call = format.call(0, "c1", "list_directory", &["{\"path\":\".\"}"]);
        let stream = Script::Events([format.begin(), call, format.end(End::Said)].concat());
        let server = Server::start([stream, format.says("empty")]);
        let mut notes = Notes::default();
        assert_eq!(stage(format, &server).turn("List", &mut notes), TurnOutcome::Completed);
        assert_eq!((notes.results().len(), notes.text().as_str()), (1, "empty"), "{format:?}");
    }
}

#[test]
fn ids_and_arguments_that_are_missing() {
    for format in Format::ALL {
        // Two calls with one id, one without arguments at all.
        let calls = [
            format.call(0, "same", "list_directory", &["{\"path\":\".\"}"]),
            format.call(1, "same", "list_directory", &[]),
        ]
        .concat();
        let stream = Script::Events([format.begin(), calls, format.end(End::Calls)].concat());
        let server = Server::start([stream, format.says("done")]);
        let mut notes = Notes::default();
        assert_eq!(
            stage(format, &server).turn("List", &mut notes),
            TurnOutcome::Completed,
            "{:?}",
            notes.errors()
        );
        assert_eq!(notes.results().len(), 2, "{format:?}");
        // That ids are present and distinct in the second request is a rule of the server.
        assert_eq!(format.results(&server.bodies()[1]).len(), 2, "{format:?}");
    }
}

#[test]
fn a_call_that_the_token_limit_cut_off_is_neither_run_nor_sent_back() {
    for format in Format::ALL {
        let calls = [
            format.call(0, "c1", "list_directory", &["{\"path\":\".\"}"]),
            format.call(1, "c2", "write_file", &["{\"path\":\"x\",\"cont"]),
        ]
        .concat();
        let stream = Script::Events([format.begin(), calls, format.end(End::Cut)].concat());
        let server = Server::start([stream, format.says("done")]);
        let mut stage = stage(format, &server);
        let mut notes = Notes::default();
        assert_eq!(stage.turn("Write", &mut notes), TurnOutcome::Completed, "{:?}", notes.errors());
        assert_eq!(notes.results().len(), 1, "{format:?}");
        assert!(notes.events.iter().any(|event| matches!(event, Event::Warning { .. })), "{format:?}");
        assert_eq!(format.results(&server.bodies()[1]).len(), 1, "{format:?}");
        assert!(!server.bodies()[1].to_string().contains("write_file\",\"id"), "{format:?}");
    }
}

#[test]
fn errors_in_a_stream_that_began_well() {
    for format in Format::ALL {
        for (kind, class, tried) in [
            ("overloaded_error", "server", 3),
            ("server_error", "server", 3),
            ("rate_limit_exceeded", "rate_limited", 1),
            ("invalid_request_error", "invalid_arguments", 1),
            ("authentication_error", "auth", 1),
        ] {
            let broken = || Script::Events([format.begin(), vec![format.error(kind, "told you")]].concat());
            let server = Server::start((0..tried).map(|_| broken()));
            let mut notes = Notes::default();
            assert_eq!(stage(format, &server).turn("hi", &mut notes), TurnOutcome::Failed);
            let (said, text) = notes.errors().remove(0);
            assert_eq!(said, class, "{format:?} {kind}");
            assert!(text.contains("told you"), "{text}");
            assert_eq!(server.seen().len(), tried, "{format:?} {kind}");
        }
    }
}

#[test]
fn text_that_was_shown_is_not_said_again() {
    for format in Format::ALL {
        let began = || [format.begin(), format.text(0, "I was say")].concat();
        let server = Server::start([Script::Broken(began()), format.says("go on")]);
        let mut stage = stage(format, &server);
        let mut notes = Notes::default();
        assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Failed);
        assert_eq!((notes.text().as_str(), server.seen().len()), ("I was say", 1), "{format:?}");
        assert_eq!(notes.errors()[0].0, "network");
        // What was said stays in the conversation, so that it can go on.
        assert_eq!(stage.turn("go on", &mut notes), TurnOutcome::Completed);
        assert!(server.bodies()[1].to_string().contains("I was say"), "{format:?}");
    }
}

#[test]
fn a_break_before_the_first_word_is_made_good_and_paid_for() {
    let format = Format::Messages;
    let server = Server::start([Script::Broken(format.begin()), format.says("hello")]);
    let mut stage = stage(format, &server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "hello");
    let counted: Vec<(u64, u64)> = notes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Usage { call, .. } => Some((call.input_tokens, call.output_tokens)),
            _ => None,
        })
        .collect();
    // The provider had read everything before it broke off, and said so.
    assert_eq!(counted, [(100, 1), (100, 20)]);
}

#[test]
fn a_conversation_that_is_too_long_is_not_tried_again() {
    let refusals = [
        (
            400,
            json!({ "error": { "code": 400, "type": "exceed_context_size_error", "message": "request (4030 tokens) exceeds the available context size (2048 tokens), try increasing it" } }),
        ),
        (
            400,
            json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum" } }),
        ),
        (
            400,
            json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000" } }),
        ),
        (
            413,
            json!({ "type": "error", "error": { "type": "request_too_large", "message": "Request exceeds the maximum size" } }),
        ),
        (
            400,
            json!({ "error": { "code": "context_length_exceeded", "message": "Your input exceeds the context window of this model." } }),
        ),
    ];
    for (status, body) in refusals {
        let server = Server::start([Script::Refusal(status, vec![], body.to_string())]);
        let mut notes = Notes::default();
        assert_eq!(stage(Format::Messages, &server).turn("hi", &mut notes), TurnOutcome::Failed);
        assert_eq!(notes.errors()[0].0, "context_too_long", "{body}");
    }
}

#[test]
fn a_provider_that_is_overloaded_is_asked_three_times() {
    let overloaded = || {
        let body =
            json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
        Script::Refusal(529, vec![], body.to_string())
    };
    let server = Server::start([overloaded(), overloaded(), Format::Messages.says("at last")]);
    let mut notes = Notes::default();
    assert_eq!(stage(Format::Messages, &server).turn("hi", &mut notes), TurnOutcome::Completed);
    assert_eq!((notes.text().as_str(), server.seen().len()), ("at last", 3));
}
