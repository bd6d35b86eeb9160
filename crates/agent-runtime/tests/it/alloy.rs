//! Models that take turns in one conversation: who is asked is drawn for every call, and everybody is counted by name.

use std::sync::atomic::{AtomicUsize, Ordering};

use agent_runtime::{Choice, Environment, Event, Random, Transport, TurnOutcome, http};
use serde_json::{Value, json};

use crate::server::format::Format;
use crate::server::{Script, Server};
use crate::setup::{Notes, Stage};

/// A source of these numbers, and then of zeros.
fn drawn(numbers: &'static [u64]) -> Random {
    let next = AtomicUsize::new(0);
    Random::new(move || numbers.get(next.fetch_add(1, Ordering::Relaxed)).copied().unwrap_or(0))
}

/// A conversation with an agent whose models, one in each format, take turns as the numbers say.
fn stage(chat: &Server, messages: &Server, numbers: &'static [u64]) -> Stage {
    let text = format!(
        "agents: {{ root: {{ model: 'one, two' }} }}\nmodels: {{ one: {{ {} }}, two: {{ {} }} }}",
        Format::Chat.model(&chat.base_url),
        Format::Messages.model(&messages.base_url),
    );
    let environment = Environment::default();
    let transport = Transport::live(http::Options::new("test/1", &environment));
    let random = drawn(numbers);
    Stage::build(&text, transport, |settings| settings.random(random), &environment, &Choice::default())
}

fn models(records: &[Value]) -> Vec<&str> {
    let tokens = records.iter().filter(|record| record["event"] == "token");
    tokens.map(|record| record["properties"]["model_name"].as_str().unwrap()).collect()
}

#[test]
fn p11_who_is_drawn_answers_sees_what_the_others_wrote_and_is_counted() {
    let chat = Server::start([Format::Chat.says("chat one"), Format::Chat.says("chat two")]);
    let messages = Server::start([Format::Messages.says("claude one"), Format::Messages.says("claude two")]);
    let mut stage = stage(&chat, &messages, &[1, 0, 2, 1_000_001]);
    assert_eq!(stage.conversation.agent().model(), "openai/gpt-4o,anthropic/claude-sonnet-4-5");
    let mut notes = Notes::default();
    for message in ["a", "b", "c", "d"] {
        assert_eq!(stage.turn(message, &mut notes), TurnOutcome::Completed);
    }
    assert_eq!(notes.text(), "claude onechat onechat twoclaude two");
    assert_eq!(chat.bodies()[0]["messages"][2], json!({ "role": "assistant", "content": "claude one" }));
    let records = stage.finish();
    let claude = "claude-sonnet-4-5-20250929";
    assert_eq!(models(&records), [claude, "gpt-4o", "gpt-4o", claude]);
    // A session is known by the first of its models.
    assert_eq!(records[0]["properties"]["model_name"], "gpt-4o");
    assert!(records.iter().all(|record| record["properties"]["cost_known"] != false), "{records:?}");
}

#[test]
fn the_others_stand_in_for_the_one_that_was_drawn() {
    let refused = || Script::Refusal(401, vec![], json!({ "error": { "message": "no" } }).to_string());
    let chat = Server::start([Format::Chat.says("here"), Format::Chat.says("again")]);
    let messages = Server::start([refused(), refused()]);
    // Nobody sticks: the next call is drawn anew. A failure draws a number, too, for the pause that it might need.
    let mut stage = stage(&chat, &messages, &[1, 1, 1, 1]);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("a", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.turn("b", &mut notes), TurnOutcome::Completed);
    let stood_in = notes.events.iter().filter(|event| matches!(event, Event::Fallback { .. })).count();
    assert_eq!((stood_in, messages.seen().len()), (2, 2));
    assert_eq!(models(&stage.finish()), ["gpt-4o", "gpt-4o"]);
}

#[test]
fn the_systems_numbers_draw_everybody() {
    let random = Random::default();
    let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| random.next() % 3).collect();
    assert_eq!(drawn.len(), 3);
}
