//! Turns: what the user sees, what the model is sent, and what is left behind.

use std::time::Duration;

use agent_runtime::provider::Message;
use agent_runtime::{
    Answer, Approval, Cancel, Choice, Environment, Event, Frontend, ToolStatus, Transport, TurnOutcome, http,
};
use serde_json::{Value, json};

use crate::server::{Script, Server, call, calls, chunk, done, finish, gate, says, text, usage};
use crate::setup::{Notes, Stage, agent_file};

fn read_file(path: &str) -> (&'static str, Value) {
    ("read_file", json!({ "path": path }))
}

fn kinds(notes: &Notes) -> Vec<String> {
    let kind = |event: &Event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned();
    notes.events.iter().map(kind).collect()
}

#[test]
fn a_turn_with_a_tool_from_beginning_to_end() {
    let server = Server::start([calls(&[read_file("a.txt")]), says("It says hi.")]);
    let mut stage = Stage::new(&server);
    stage.write("a.txt", "hi\n");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("What is in a.txt?", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "It says hi.");
    assert_eq!(notes.results(), [("read_file".to_owned(), ToolStatus::Ok, "hi\n".to_owned())]);
    assert_eq!(
        kinds(&notes),
        ["session_started", "usage", "tool_call", "tool_result", "text_delta", "usage", "turn_ended"]
    );
    let seen = server.seen();
    assert_eq!(seen[0].path, "/v1/chat/completions");
    let header =
        |name: &str| seen[0].headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(header("authorization").as_deref(), Some("Bearer sk-canary-0123456789"));
    assert_eq!(header("user-agent").as_deref(), Some("test/1"));
    assert_eq!(seen[0].body["messages"][0], json!({ "role": "system", "content": "You help." }));
    assert_eq!(seen[1].body["messages"][3]["content"], "hi\n");
    assert_eq!(seen[0].body["tools"].as_array().map(Vec::len), Some(14));
}

#[test]
fn events_as_json() {
    let server = Server::start([calls(&[read_file("none")]), says("No.")]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let mut lines: Vec<Value> =
        notes.events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        // Ids and durations are different every time.
        for changing in ["session_id", "id", "elapsed_ms"] {
            line.remove(changing);
        }
    }
    assert_eq!(
        lines,
        [
            json!({ "type": "session_started", "agent": "root", "model": "openai/gpt-4o" }),
            json!({ "type": "usage", "model": "openai/gpt-4o",
                "call": { "input_tokens": 200, "output_tokens": 20, "cached_tokens": 50, "reasoning_tokens": 0, "cost": 0.000_637_5 },
                "total": { "input_tokens": 200, "output_tokens": 20, "cached_tokens": 50, "reasoning_tokens": 0, "cost": 0.000_637_5 } }),
            json!({ "type": "tool_call", "name": "read_file", "arguments": { "path": "none" } }),
            json!({ "type": "tool_result", "name": "read_file", "status": "error", "text": "none: No such file or directory (os error 2)" }),
            json!({ "type": "text_delta", "text": "No." }),
            json!({ "type": "usage", "model": "openai/gpt-4o",
                "call": { "input_tokens": 100, "output_tokens": 10, "cached_tokens": 0, "reasoning_tokens": 0, "cost": 0.000_35 },
                "total": { "input_tokens": 300, "output_tokens": 30, "cached_tokens": 50, "reasoning_tokens": 0, "cost": 0.000_987_5 } }),
            json!({ "type": "turn_ended", "outcome": "completed", "model_calls": 2, "tool_calls": 1 }),
        ]
    );
}

#[test]
fn text_arrives_while_the_model_still_speaks() {
    let (open, gate) = gate();
    let rest = vec![text(" world"), finish("stop"), done()];
    let server = Server::start([Script::Gated(vec![text("hello")], gate, rest)]);
    let mut stage = Stage::new(&server);
    let mut open = Some(open);
    // The rest is sent only once the first piece has been shown: waiting for the whole would hang here.
    let mut notes = Notes::watching(move |event| {
        if matches!(event, Event::TextDelta { .. })
            && let Some(open) = open.take()
        {
            open.send(()).unwrap();
        }
    });
    assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "hello world");
}

#[test]
fn tool_calls_that_finish_with_stop_still_get_their_results_to_the_model() {
    let first =
        Script::Events(vec![call(0, "a", "read_file", &json!({ "path": "x" })), finish("stop"), done()]);
    let server = Server::start([first, says("ok")]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "ok");
}

#[test]
fn calls_in_fenced_text_run() {
    let fence = "```json\n{\"name\": \"list_directory\", \"arguments\": {\"path\": \".\"}}\n```";
    let server = Server::start([says(fence), says("one file")]);
    let mut stage = Stage::new(&server);
    stage.write("a", "");
    let mut notes = Notes::default();
    stage.turn("list", &mut notes);
    assert_eq!(notes.results(), [("list_directory".to_owned(), ToolStatus::Ok, "FILE a\n".to_owned())]);
}

#[test]
fn a_call_that_the_token_limit_cut_off_is_dropped() {
    let cut = chunk(
        json!({ "tool_calls": [
            { "index": 0, "id": "a", "function": { "name": "read_file", "arguments": "{\"path\":\"x\"}" } },
            { "index": 1, "id": "b", "function": { "name": "write_file", "arguments": "{\"path\":\"y\",\"cont" } },
        ] }),
        Some("length"),
    );
    let alone = chunk(
        json!({ "tool_calls": [{ "index": 0, "id": "c", "function": { "name": "read_file", "arguments": "{" } }] }),
        Some("length"),
    );
    let server =
        Server::start([Script::Events(vec![cut, done()]), Script::Events(vec![alone, done()]), says("hi")]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Limit);
    assert_eq!(notes.results().len(), 1);
    // The server has checked that the history holds no half a call; a later turn is fine.
    assert_eq!(stage.turn("again", &mut Notes::default()), TurnOutcome::Completed);
}

#[test]
fn wrong_calls_are_answered_so_that_the_model_can_do_better() {
    let wrong = Script::Events(vec![
        call(0, "a", "read_fil", &json!({ "path": "x" })),
        call(1, "b", "read_file", &json!({ "file": "x" })),
        chunk(
            json!({ "tool_calls": [{ "index": 2, "id": "c", "function": { "name": "shell", "arguments": "ls" } }] }),
            None,
        ),
        call(3, "d", "search_files_content", &json!({ "path": ".", "query": "a(b", "is_regex": true })),
        finish("tool_calls"),
        done(),
    ]);
    let server = Server::start([wrong, says("sorry")]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    let texts: Vec<String> = notes.results().into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(
        texts,
        [
            "there is no tool `read_fil`; did you mean `read_file`?",
            "invalid arguments for read_file: unknown field `file`, expected `path`",
            "invalid arguments for shell: expected a JSON object",
            "query: regex parse error:\n    a(b\n     ^\nerror: unclosed group",
        ]
    );
}

#[test]
fn the_user_is_asked_and_heard() {
    let write = |name: &str| ("write_file", json!({ "path": name, "content": "x" }));
    let server = Server::start([
        calls(&[write("yes"), write("no"), write("all"), write("after")]),
        says("done"),
        calls(&[write("later")]),
        says("done"),
    ]);
    let mut stage = Stage::new(&server);
    let no = Answer::No { reason: "not there".to_owned() };
    let mut notes = Notes::answering([Answer::Yes, no, Answer::All]);
    stage.turn("write", &mut notes);
    let results: Vec<_> = notes.results().into_iter().map(|(_, status, text)| (status, text)).collect();
    assert_eq!(
        results,
        [
            (ToolStatus::Ok, "wrote 1 bytes to yes".to_owned()),
            (ToolStatus::Denied, "the user declined this call: not there".to_owned()),
            (ToolStatus::Ok, "wrote 1 bytes to all".to_owned()),
            (ToolStatus::Ok, "wrote 1 bytes to after".to_owned()),
        ]
    );
    assert_eq!(notes.questions(), 3);
    let mut notes = Notes::default();
    stage.turn("more", &mut notes);
    assert_eq!((notes.questions(), stage.read("later").as_str()), (0, "x"));
    assert!(!stage.folder.path().join("no").exists());
}

#[test]
fn deny_beats_yolo_and_all() {
    let rm = ("shell", json!({ "cmd": "rm -rf x" }));
    let server = Server::start([calls(&[rm, ("shell", json!({ "cmd": "echo fine" }))]), says("ok")]);
    let file = agent_file(&server.base_url, "permissions: { deny: ['shell:cmd=rm*'] }\n");
    let mut stage = Stage::with(&file, |options| options, |settings| settings.approval(Approval::All));
    stage.write("x/y", "");
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let results: Vec<_> = notes.results().into_iter().map(|(_, status, text)| (status, text)).collect();
    assert_eq!(results[0].0, ToolStatus::Denied);
    assert_eq!(results[1], (ToolStatus::Ok, "fine\n".to_owned()));
    assert!(stage.folder.path().join("x/y").exists());
}

#[test]
fn a_model_that_repeats_itself_is_stopped() {
    let mut scripts: Vec<Script> = (0..5).map(|_| calls(&[read_file("x")])).collect();
    scripts.push(says("hello"));
    let server = Server::start(scripts);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Limit);
    assert_eq!(notes.results().len(), 5);
    assert_eq!(
        notes.errors(),
        [("limit".to_owned(), "the model made the same call 5 times in a row: read_file".to_owned())]
    );
    assert_eq!(stage.turn("and now?", &mut Notes::default()), TurnOutcome::Completed);
}

#[test]
fn max_iterations_counts_model_calls_of_a_turn() {
    let server = Server::start([calls(&[read_file("a")]), calls(&[read_file("b")]), says("hi")]);
    let file =
        agent_file(&server.base_url, "").replace("    model: m\n", "    model: m\n    max_iterations: 2\n");
    let mut stage = Stage::with_file(&file);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Limit);
    assert_eq!(
        notes.errors(),
        [("limit".to_owned(), "stopped after 2 model calls (max_iterations)".to_owned())]
    );
    assert_eq!(stage.turn("go on", &mut Notes::default()), TurnOutcome::Completed);
    let bodies = server.bodies();
    let last = bodies[2]["messages"].as_array().unwrap();
    assert_eq!(last[last.len() - 2]["content"], "[stopped after 2 model calls (max_iterations)]");
}

#[test]
fn cancelling_while_the_model_speaks_keeps_what_was_said() {
    let (_open, gate) = gate();
    let server = Server::start([Script::Gated(vec![text("I was say")], gate, vec![]), says("back")]);
    let mut stage = Stage::new(&server);
    let cancel = stage.cancel.clone();
    let mut notes = Notes::watching(move |event| {
        if matches!(event, Event::TextDelta { .. }) {
            cancel.cancel();
        }
    });
    assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Cancelled);
    let said = Message::assistant("I was say", Vec::new());
    assert_eq!(stage.conversation.history().last(), Some(&said));
    stage.cancel = Cancel::new();
    assert_eq!(stage.turn("again", &mut Notes::default()), TurnOutcome::Completed);
}

#[test]
fn cancelling_a_question_or_a_tool_answers_every_call() {
    let both =
        || calls(&[("shell", json!({ "cmd": "echo hello; touch begun; sleep 1000" })), read_file("x")]);
    let server = Server::start([both(), both(), says("fine")]);
    let mut stage = Stage::new(&server);
    // While the question is open.
    let cancel = stage.cancel.clone();
    let mut notes = Notes { silent: true, ..Notes::default() };
    notes.on_event = Some(Box::new(move |event| {
        if matches!(event, Event::ToolConfirmationRequest { .. }) {
            cancel.cancel();
        }
    }));
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Cancelled);
    let statuses = |notes: &Notes| notes.results().iter().map(|(_, status, _)| *status).collect::<Vec<_>>();
    assert_eq!(statuses(&notes), [ToolStatus::Cancelled, ToolStatus::Cancelled]);
    // While the command runs.
    stage.cancel = Cancel::new();
    let mut notes = Notes::answering([Answer::Yes]);
    let outcome = stage.turn_cancelled_by("begun", &mut notes);
    assert_eq!(outcome, TurnOutcome::Cancelled);
    assert_eq!(statuses(&notes), [ToolStatus::Cancelled, ToolStatus::Cancelled]);
    assert_eq!(notes.results()[0].2, "hello\n\n[cancelled by the user]");
    stage.cancel = Cancel::new();
    assert_eq!(stage.turn("still there?", &mut Notes::default()), TurnOutcome::Completed);
}

#[test]
fn failures_that_may_pass_are_tried_again() {
    let refusal = |status| Script::Refusal(status, vec![], "sk-canary-0123456789".to_owned());
    let limited = Script::Refusal(429, vec![("retry-after", "0".to_owned())], String::new());
    // The more exact header counts.
    let exact = [("retry-after", "3600".to_owned()), ("retry-after-ms", "1".to_owned())].to_vec();
    let exactly = Script::Refusal(429, exact, String::new());
    let server = Server::start([refusal(503), Script::Hangup, says("a"), limited, exactly, says("b")]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "ab");
    let retries: Vec<(u32, String)> = notes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Retry { attempt, class, .. } => Some((*attempt, class.clone())),
            _ => None,
        })
        .collect();
    let expected = [(1, "server"), (2, "network"), (1, "rate_limited"), (2, "rate_limited")];
    assert_eq!(retries, expected.map(|(attempt, class)| (attempt, class.to_owned())));
    assert!(!format!("{:?}", notes.events).contains("canary"));
}

#[test]
fn failures_that_will_not_pass_end_the_turn() {
    let refusal = |status, body: &str| Script::Refusal(status, vec![], body.to_owned());
    let late = Script::Refusal(429, vec![("retry-after", "3600".to_owned())], String::new());
    let server = Server::start([
        refusal(401, r#"{"error":{"message":"key sk-canary-0123456789 is wrong"}}"#),
        late,
        refusal(500, ""),
        refusal(500, ""),
        refusal(500, ""),
        says("better"),
    ]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    for _ in 0..3 {
        assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    }
    let classes: Vec<String> = notes.errors().into_iter().map(|(class, _)| class).collect();
    assert_eq!(classes, ["auth", "rate_limited", "server"]);
    assert_eq!(notes.errors()[0].1, "the provider refused the key: key [masked] is wrong (status 401)");
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    // What failed left nothing behind: one question, not four.
    let bodies = server.bodies();
    assert_eq!(bodies.last().unwrap()["messages"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_answer_that_breaks_off_is_tried_again_only_if_nothing_was_shown() {
    let server = Server::start([
        Script::Broken(vec![chunk(json!({ "role": "assistant", "content": null }), None)]),
        says("whole"),
        Script::Broken(vec![text("half an ans")]),
        Script::Events(vec![text("no end in sight")]),
    ]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(notes.text(), "wholehalf an ansno end in sight");
    let classes: Vec<String> = notes.errors().into_iter().map(|(class, _)| class).collect();
    assert_eq!(classes, ["network", "network"]);
}

#[test]
fn a_silent_provider_is_given_up() {
    let (_open, gate1) = gate();
    let (_open2, gate2) = gate();
    let server = Server::start([
        Script::Gated(vec![text("a")], gate1, vec![]),
        Script::Gated(vec![], gate2, vec![]),
        says("c"),
    ]);
    let file = agent_file(&server.base_url, "");
    let idle = Duration::from_millis(100);
    let mut stage = Stage::with(&file, |options| options.idle_timeout(idle), |settings| settings);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(notes.errors()[0].0, "timeout");
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let flood = Script::Raw([b"data: ".to_vec(), vec![b'x'; 2_000_000]].concat());
    let server = Server::start([flood]);
    let file = agent_file(&server.base_url, "");
    let mut stage = Stage::with(&file, |options| options.max_response_bytes(100_000), |settings| settings);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(notes.errors(), [("protocol".to_owned(), "the answer is larger than is accepted".to_owned())]);
}

#[test]
fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let mut stage = Stage::with_file(&agent_file(&format!("http://{place}/v1"), ""));
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    let (class, text) = notes.errors().remove(0);
    assert_eq!(class, "network");
    assert!(text.contains(&format!("failed: cannot connect to {place}: Connection refused")), "{text}");
}

#[test]
fn a_stream_that_stays_open_after_its_end_holds_nothing_up() {
    let (_open, gate) = gate();
    let events = vec![text("done"), finish("stop"), usage(1, 1, 0), done()];
    let server = Server::start([Script::Gated(events, gate, vec![])]);
    let mut stage = Stage::new(&server);
    assert_eq!(stage.turn("?", &mut Notes::default()), TurnOutcome::Completed);
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let message = |message: Value, reason: &str| {
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7 });
        let document = json!({ "model": "gpt-4o", "choices": [{ "message": message, "finish_reason": reason }], "usage": usage });
        Script::Raw(format!("\n{document:#}").into_bytes())
    };
    let one = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "list_directory", "arguments": "{\"path\":\".\"}" } });
    let server = Server::start([
        message(
            json!({ "role": "assistant", "content": null, "tool_calls": [one("a"), one("b")] }),
            "tool_calls",
        ),
        message(json!({ "role": "assistant", "content": "plain" }), "stop"),
        Script::Raw(b"{\"error\":{\"code\":401,\"message\":\"no\"}}".to_vec()),
    ]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!((notes.text().as_str(), notes.results().len()), ("plain", 2));
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    assert_eq!(notes.errors()[0].0, "auth");
}

#[test]
fn a_proxy_is_not_asked_about_this_machine() {
    let nobody = "http://127.0.0.1:1".to_owned();
    let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let environment = Environment::new(names.map(|name| (name.to_owned(), nobody.clone())));
    let turn = |base_url: &str| {
        let transport = Transport::live(http::Options::new("test/1", &environment));
        let file = agent_file(base_url, "");
        let mut stage = Stage::build(&file, transport, |settings| settings, &environment, &Choice::default());
        let mut notes = Notes::default();
        (stage.turn("?", &mut notes), notes)
    };
    let server = Server::start([says("direct")]);
    assert_eq!(turn(&server.base_url).0, TurnOutcome::Completed);
    // A name that only the proxy could look up: what refuses is the proxy.
    let (outcome, notes) = turn("http://elsewhere.invalid/v1");
    assert_eq!(outcome, TurnOutcome::Failed);
    let (class, text) = &notes.errors()[0];
    assert_eq!(class, "network");
    assert!(text.ends_with("Connection refused (os error 111)"), "{text}");
}

#[test]
fn tls_to_somebody_who_does_not_speak_it_is_an_error() {
    let server = Server::start([]);
    let file = agent_file(&server.base_url.replace("http:", "https:"), "");
    let mut stage = Stage::with_file(&file);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Failed);
    // A system without root certificates says so; any other fails in the handshake.
    let (class, text) = &notes.errors()[0];
    assert!(class == "network" || text.contains("no root certificates"), "{text}");
}

#[test]
fn the_system_prompt_has_what_the_file_asks_for() {
    let server = Server::start([says("ok")]);
    let file = agent_file(&server.base_url, "")
        .replace("    model: m\n", "    model: m\n    add_date: true\n    add_environment_info: true\n")
        .replace("type: shell", "type: shell\n        instruction: Be careful.");
    let mut stage = Stage::with(&file, |options| options, |settings| settings.today("2026-11-22"));
    stage.turn("?", &mut Notes::default());
    let bodies = server.bodies();
    let prompt = bodies[0]["messages"][0]["content"].as_str().unwrap();
    assert!(
        prompt.starts_with("You help.\n\nBe careful.\n\nToday's date: 2026-11-22\n\nWorking folder: /"),
        "{prompt}"
    );
}

#[test]
fn a_turn_can_run_on_any_thread() {
    fn check<T: Send>(_: T) {}
    let server = Server::start([]);
    let mut stage = Stage::new(&server);
    let mut notes = Notes::default();
    check(stage.conversation.turn("?", &mut notes as &mut dyn Frontend, &stage.cancel));
}
