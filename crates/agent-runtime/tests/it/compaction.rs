//! Conversations that outgrow their model.

use agent_runtime::{Event, TurnOutcome};
use serde_json::{Value, json};

use crate::server::{Script, Server, calls, done, finish, says, text, usage};
use crate::setup::{Notes, Stage, agent_file};

fn too_long() -> Script {
    let error = json!({ "error": { "code": "context_length_exceeded", "message": "This model's maximum context length is 128000 tokens" } });
    Script::Refusal(400, Vec::new(), error.to_string())
}

fn summaries(notes: &Notes) -> Vec<(usize, String)> {
    let summary = |event: &Event| match event {
        Event::Compacted { messages, summary } => Some((*messages, summary.clone())),
        _ => None,
    };
    notes.events.iter().filter_map(summary).collect()
}

fn purposes(records: &[Value]) -> Vec<String> {
    let tokens = records.iter().filter(|record| record["event"] == "token");
    tokens.map(|record| record["properties"]["purpose"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn p11_a_conversation_that_is_too_long_goes_on_from_a_summary() {
    let server =
        Server::start([says("one"), too_long(), says("They said hello."), says("two"), says("three")]);
    let mut stage = Stage::new(&server);
    stage.turn("hello", &mut Notes::default());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("go on", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "two", "the summary is not part of the answer");
    assert_eq!(summaries(&notes), [(2, "They said hello.".to_owned())]);
    let bodies = server.bodies();
    let asked = bodies[2]["messages"].as_array().unwrap();
    assert!(asked.last().unwrap()["content"].as_str().unwrap().starts_with("Summarise this conversation"));
    assert_eq!(
        bodies[3]["messages"],
        json!([
            { "role": "system", "content": "You help." },
            { "role": "user", "content": "Summary of the conversation so far:\n\nThey said hello." },
            { "role": "user", "content": "go on" },
        ])
    );
    stage.turn("more", &mut Notes::default());
    assert_eq!(server.bodies()[4]["messages"].as_array().unwrap().len(), 5);
    assert_eq!(purposes(&stage.finish()), ["turn", "compaction", "turn", "turn"]);
}

#[test]
fn room_is_made_before_the_model_has_to_refuse() {
    let nearly_full = Script::Events(vec![text("one"), finish("stop"), usage(120_000, 10, 0), done()]);
    let server = Server::start([nearly_full, says("A summary."), says("two")]);
    let mut stage = Stage::new(&server);
    stage.turn("hello", &mut Notes::default());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("go on", &mut notes), TurnOutcome::Completed);
    assert_eq!(summaries(&notes).len(), 1);
    assert!(notes.errors().is_empty());
}

#[test]
fn a_long_task_is_summarised_with_its_question() {
    let server = Server::start([
        calls(&[("read_file", json!({ "path": "big" }))]),
        too_long(),
        says("The file is full of x."),
        says("Done."),
    ]);
    let mut stage = Stage::new(&server);
    stage.write("big", &"x".repeat(50_000));
    let mut notes = Notes::default();
    assert_eq!(stage.turn("What is in it?", &mut notes), TurnOutcome::Completed);
    let bodies = server.bodies();
    let asked = bodies[2]["messages"].to_string();
    assert!(asked.len() < 10_000, "long results are cut before they are summarised: {}", asked.len());
    assert_eq!(
        bodies[3]["messages"][1]["content"],
        "Summary of the conversation so far:\n\nThe file is full of x.\n\nContinue with the task that is under \
         way:\n\nWhat is in it?"
    );
    server.assert_clean();
}

#[test]
fn a_model_that_is_never_content_is_given_up() {
    let server = Server::start([
        says("one"),
        too_long(),
        says("summary one"),
        too_long(),
        says("summary two"),
        too_long(),
        says("never asked"),
    ]);
    let mut stage = Stage::new(&server);
    stage.turn("hello", &mut Notes::default());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("go on", &mut notes), TurnOutcome::Failed);
    assert_eq!(summaries(&notes).len(), 2);
    assert_eq!(notes.errors()[0].0, "context_too_long");
    assert_eq!(server.seen().len(), 6);
}

#[test]
fn a_first_message_that_is_too_long_is_an_error_and_no_summary() {
    let server = Server::start([too_long(), says("never asked")]);
    let mut stage = Stage::with_file(&agent_file(&server.base_url, ""));
    let mut notes = Notes::default();
    assert_eq!(stage.turn("hello", &mut notes), TurnOutcome::Failed);
    assert_eq!(server.seen().len(), 1);
    assert_eq!(stage.conversation.history().len(), 1, "the message can be said again, shorter");
}
