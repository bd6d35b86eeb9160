//! Models at the boundary of the program: which one, with which key, at which price, from a recording at which speed.

use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::{Home, Ran};

fn home() -> Home {
    Home::quiet().with("CHAT_KEY", "sk-test-0123456789")
}

/// A recording of one answer, `tape.yaml`, and the agent file that it was made with.
fn recorded(home: &Home) -> String {
    let chat = Server::chat([server::says("hello")]);
    let file = home.agent(&chat);
    let _recorded = home.run(&["run", &file, "hi", "--record", "tape.yaml"]).ok();
    file
}

fn cost(ran: &Ran) -> Value {
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let usage = events.into_iter().find(|event| event["type"] == "usage").unwrap();
    usage["call"]["cost"].clone()
}

#[test]
fn a_recording_speaks_as_fast_as_it_is_told_to() {
    let home = home();
    let file = recorded(&home);
    for pace in ["--fake-stream", "--fake-stream=1", "--fake-stream=0"] {
        let ran = home.run(&["run", &file, "hi", "--fake", "tape.yaml", pace]).ok();
        assert_eq!(ran.stdout, "hello\n", "{pace}");
    }
    let alone = home.run(&["run", &file, "hi", "--fake-stream"]);
    assert_eq!(alone.code, 2, "{alone:?}");
    assert!(alone.stderr.contains("--fake <FILE>"), "{alone:?}");
}

#[test]
fn auto_says_which_model_and_why() {
    let home = home().with("MISTRAL_API_KEY", "k");
    recorded(&home);
    home.write("auto.yaml", "agents: {root: {instruction: Help.}}");
    let ran = home.run(&["run", "auto.yaml", "hi", "--fake", "tape.yaml"]).ok();
    assert_eq!(ran.stdout, "hello\n");
    let note = "note: model mistral/mistral-small-latest: MISTRAL_API_KEY is set\n";
    assert!(ran.stderr.contains(note), "{ran:?}");
}

#[test]
fn a_missing_key_is_named_and_may_come_from_a_file() {
    let home = Home::quiet();
    let text = "agents: {root: {model: m}}\nmodels: {m: {provider: anthropic, model: claude-sonnet-4-5, base_url: 'http://127.0.0.1:9', token_key: MY_KEY}}\n";
    home.write("agent.yaml", text);
    let ran = home.run(&["run", "agent.yaml", "hi"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("model `m` needs a key: the variable MY_KEY is not set"), "{ran:?}");
    home.write("keys.env", "MY_KEY=sk-0123456789\n");
    let ran = home.run(&["run", "agent.yaml", "hi", "--env-from-file", "keys.env"]);
    // The key is there; nobody listens.
    assert!(ran.stderr.contains("cannot connect to 127.0.0.1"), "{ran:?}");
}

#[test]
fn prices_can_be_replaced_by_a_file() {
    let home = home();
    let file = recorded(&home);
    let run = |home: &Home| home.run(&["run", &file, "hi", "--json", "--fake", "tape.yaml"]);
    // 100 tokens in, 50 out.
    assert_eq!(cost(&run(&home).ok()), json!(0.00075));
    let prices = r#"{"openai":{"models":{"gpt-4o":{"cost":{"input":10,"output":20}}}}}"#;
    home.write(".config/docker-agent/prices.json", prices);
    assert_eq!(cost(&run(&home).ok()), json!(0.002));
    let listed = home.run(&["models", "--all"]).ok().stdout;
    let line = listed.lines().find(|line| line.starts_with("openai/gpt-4o ")).expect("a model");
    assert!(line.contains("10.00") && line.contains("20.00"), "{line}");
    home.write(".config/docker-agent/prices.json", "{");
    let broken = run(&home);
    assert_eq!(broken.code, 1);
    assert!(
        broken.stderr.contains("prices.json\ncause: ") && broken.stderr.contains("models.dev"),
        "{broken:?}"
    );
}

#[test]
fn another_model_stands_in_as_the_file_says() {
    let home = home();
    let refusing =
        Server::start(|_| server::answer(500, "application/json", r#"{"error":{"message":"no"}}"#));
    let other = Server::chat([server::says("hello"), server::says("again")]);
    let model = |server: &Server| {
        format!("{{provider: openai, model: gpt-4o, base_url: '{}', token_key: CHAT_KEY}}", server.base_url())
    };
    let text = format!(
        "agents: {{root: {{model: a, fallback: {{models: [b], retries: -1}}}}}}\nmodels:\n  a: {}\n  b: {}\n",
        model(&refusing),
        model(&other)
    );
    home.write("agent.yaml", &text);
    let ran = home.run(&["run", "agent.yaml", "one", "two"]).ok();
    assert_eq!(ran.stdout, "hello\nagain\n");
    let said = "openai/gpt-4o does not answer, asking openai/gpt-4o: the provider failed: no (status 500)\n";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{ran:?}");
    // Never tried again, and not asked at all while the other one stands in.
    assert_eq!((refusing.got().len(), other.got().len()), (1, 2));
}
