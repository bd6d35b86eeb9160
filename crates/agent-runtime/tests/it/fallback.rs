//! Models that stand in for others: in which order, for how long, and what is said about it.

use std::time::{Duration, Instant};

use agent_runtime::prices::Catalogue;
use agent_runtime::provider::client::{CallError, Failed, Next, Observer};
use agent_runtime::provider::fallback::{Chain, Order};
use agent_runtime::provider::model::ModelSettings;
use agent_runtime::provider::{Delta, Message, Model, ProviderError, Question, Reasoning};
use agent_runtime::{
    Agent, Cancel, Choice, Conversation, Environment, Event, Keys, Settings, Transport, TurnOutcome, config,
    http,
};
use serde_json::json;

use crate::server::format::{End, Format};
use crate::server::{Script, Server};
use crate::setup::{Notes, Stage, quick};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_one_that_stands_in_stays_for_a_while() {
    let now = Instant::now();
    let mut order = Order::new(3, MINUTE);
    let at = |order: &Order, seconds| Vec::from(order.at(now + Duration::from_secs(seconds), 7));
    assert_eq!(at(&order, 0), [0, 1, 2]);
    order.answered(0, now);
    assert_eq!(at(&order, 1), [0, 1, 2]);
    order.answered(1, now);
    // It begins with the one that answered; those before it come last.
    assert_eq!(at(&order, 59), [1, 2, 0]);
    // Its answers do not prolong its time.
    order.answered(1, now + Duration::from_secs(50));
    assert_eq!(at(&order, 59), [1, 2, 0]);
    assert_eq!(at(&order, 60), [0, 1, 2]);
    order.answered(2, now + Duration::from_secs(70));
    assert_eq!(at(&order, 100), [2, 0, 1]);
    order.answered(0, now + Duration::from_secs(101));
    assert_eq!(at(&order, 102), [0, 1, 2]);
    let mut impatient = Order::new(2, Duration::ZERO);
    impatient.answered(1, now);
    assert_eq!(at(&impatient, 0), [0, 1]);
}

#[test]
fn those_that_take_turns_are_drawn_and_stand_in_for_each_other_first() {
    let now = Instant::now();
    let mut order = Order::new(5, MINUTE).in_turn(3);
    let at = |order: &Order, random| Vec::from(order.at(now, random));
    assert_eq!(at(&order, 0), [0, 1, 2, 3, 4]);
    assert_eq!(at(&order, 1), [1, 0, 2, 3, 4]);
    assert_eq!(at(&order, 3 * 1_000_003 + 2), [2, 0, 1, 3, 4]);
    // Whoever of them answered, the next call is drawn again.
    order.answered(2, now);
    assert_eq!(at(&order, 1), [1, 0, 2, 3, 4]);
    order.answered(3, now);
    assert_eq!(at(&order, 1), [3, 4, 0, 1, 2]);
    assert_eq!(Vec::from(Order::new(2, MINUTE).in_turn(0).at(now, 7)), [0, 1]);
}

/// Writes down what is said about a call.
#[derive(Default)]
struct Log(Vec<String>);

impl Observer for Log {
    fn delta(&mut self, delta: &Delta) {
        if let Delta::Text(text) = delta {
            self.0.push(format!("text {text}"));
        }
    }

    fn failed(&mut self, failed: &Failed<'_>) {
        let next = match failed.next {
            Next::Retry { attempt, .. } => format!("retry {attempt}"),
            Next::Fallback { to } => format!("ask {to}"),
        };
        let usage = failed.usage.map(|usage| format!(", read {}", usage.input)).unwrap_or_default();
        self.0.push(format!("{}: {}{usage}; {next}", failed.model, failed.error));
    }
}

fn model(format: Format, server: &Server) -> Model {
    let text = format!("agents: {{ a: {{}} }}\nmodels: {{ m: {{ {} }} }}", format.model(&server.base_url));
    let config = config::from_yaml("agent.yaml", &text).unwrap();
    let settings = ModelSettings::from_config(&config, &config.models[0]);
    Model::resolve(&settings, Catalogue::bundled(), &Environment::default(), Keys::Required).unwrap()
}

fn chain(models: &[(Format, &Server)]) -> Chain {
    let mut models = models.iter().map(|(format, server)| model(*format, server));
    let first = models.next().unwrap();
    let transport = Transport::live(http::Options::new("test/1", &Environment::default()));
    Chain::new(first, models, MINUTE, &transport, quick(), &[])
}

/// Asks once: what was observed, and who answered or what went wrong.
fn ask(chain: &mut Chain, messages: &[Message]) -> (Vec<String>, Result<String, CallError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut log = Log::default();
    let question = Question { messages, tools: &[] };
    let answer = runtime.block_on(chain.ask(question, &mut log, &Cancel::new(), || "id".to_owned()));
    (log.0, answer.map(|answered| answered.model.to_string()))
}

fn hello() -> Vec<Message> {
    vec![Message::System("s".to_owned()), Message::User("hi".to_owned())]
}

fn refusal(status: u16) -> Script {
    Script::Refusal(status, vec![], format!("{{\"error\":{{\"message\":\"m{status}\"}}}}"))
}

#[test]
fn the_next_model_answers_and_keeps_answering() {
    let first = Server::start([refusal(500), refusal(500), refusal(500)]);
    let second = Server::start([Format::Messages.says("two"), Format::Messages.says("two again")]);
    let mut chain = chain(&[(Format::Chat, &first), (Format::Messages, &second)]);
    let (log, answer) = ask(&mut chain, &hello());
    insta::assert_snapshot!(log.join("\n"), @r"
    openai/gpt-4o: the provider failed: m500 (status 500); retry 1
    openai/gpt-4o: the provider failed: m500 (status 500); retry 2
    openai/gpt-4o: the provider failed: m500 (status 500); ask anthropic/claude-sonnet-4-5
    text t
    text wo
    ");
    assert_eq!(answer, Ok("anthropic/claude-sonnet-4-5".to_owned()));
    // Within its time it is asked first; the first model hears nothing.
    let (log, answer) = ask(&mut chain, &hello());
    assert_eq!(log, ["text t", "text wo again"]);
    assert_eq!(answer, Ok("anthropic/claude-sonnet-4-5".to_owned()));
    assert_eq!((first.seen().len(), second.seen().len()), (3, 2));
}

#[test]
fn refusals_that_only_concern_one_model_lead_to_the_next() {
    let late = Script::Refusal(429, vec![("retry-after", "3600".to_owned())], String::new());
    for (script, asked) in
        [(refusal(401), 1), (refusal(404), 1), (refusal(400), 1), (refusal(429), 1), (late, 1)]
    {
        let first = Server::start([script]);
        let second = Server::start([Format::Responses.says("two")]);
        let mut chain = chain(&[(Format::Messages, &first), (Format::Responses, &second)]);
        let (log, answer) = ask(&mut chain, &hello());
        assert_eq!(answer, Ok("openai/gpt-4.1".to_owned()), "{log:?}");
        assert_eq!(first.seen().len(), asked, "{log:?}");
    }
}

#[test]
fn a_conversation_that_is_too_long_is_too_long_for_all() {
    let first = Server::start([Script::Refusal(
        400,
        vec![],
        "{\"error\":{\"code\":\"context_length_exceeded\"}}".to_owned(),
    )]);
    let second = Server::start([]);
    let (_, answer) = ask(&mut chain(&[(Format::Chat, &first), (Format::Messages, &second)]), &hello());
    let Err(CallError::Failed(failure)) = answer else { panic!("{answer:?}") };
    assert!(matches!(failure.error, ProviderError::ContextTooLong(_)));
    assert_eq!(second.seen().len(), 0);
}

#[test]
fn what_one_model_began_to_say_no_other_says_again() {
    let began = [Format::Messages.begin(), Format::Messages.text(0, "Well")].concat();
    let first = Server::start([Script::Broken(began)]);
    let second = Server::start([]);
    let (log, answer) = ask(&mut chain(&[(Format::Messages, &first), (Format::Chat, &second)]), &hello());
    assert_eq!(log, ["text W", "text ell"]);
    let Err(CallError::Failed(failure)) = answer else { panic!("{answer:?}") };
    assert_eq!(failure.partial.text, "Well");
    assert_eq!(failure.partial.usage.map(|usage| usage.input), Some(100));
    assert_eq!(second.seen().len(), 0);
}

#[test]
fn when_nobody_answers_the_last_error_is_told() {
    let first = Server::start([refusal(401)]);
    let second = Server::start([refusal(404)]);
    let (log, answer) = ask(&mut chain(&[(Format::Chat, &first), (Format::Messages, &second)]), &hello());
    assert_eq!(log.len(), 1);
    let Err(CallError::Failed(failure)) = answer else { panic!("{answer:?}") };
    assert_eq!(failure.error, ProviderError::NotFound("m404 (status 404)".to_owned()));
    assert_eq!(failure.model.to_string(), "anthropic/claude-sonnet-4-5");
}

#[test]
fn thoughts_go_back_to_nobody_but_who_had_them() {
    let format = Format::Messages;
    let thought = |index: u64| {
        let event = |value: serde_json::Value| value.to_string();
        vec![
            event(
                json!({ "type": "content_block_start", "index": index, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
            ),
            event(
                json!({ "type": "content_block_delta", "index": index, "delta": { "type": "thinking_delta", "thinking": "hm" } }),
            ),
            event(
                json!({ "type": "content_block_delta", "index": index, "delta": { "type": "signature_delta", "signature": "sig" } }),
            ),
            event(json!({ "type": "content_block_stop", "index": index })),
        ]
    };
    let stream = [format.begin(), thought(0), format.text(1, "ok"), format.end(End::Said)].concat();
    let server = Server::start([Script::Events(stream), format.says("mine")]);
    let other = Server::start([Format::Chat.says("other")]);
    let transport = Transport::live(http::Options::new("test/1", &Environment::default()));
    let mut alone = Chain::new(model(format, &server), [], MINUTE, &transport, quick(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let messages = hello();
    let question = Question { messages: &messages, tools: &[] };
    let reply = runtime
        .block_on(alone.ask(question, &mut Log::default(), &Cancel::new(), || "id".to_owned()))
        .unwrap()
        .reply;
    assert!(matches!(&reply.reasoning[..], [Reasoning { after_text: false, calls_before: 0, .. }]));
    let mut history = hello();
    history.push(Message::Assistant { text: reply.text, calls: reply.calls, reasoning: reply.reasoning });
    history.push(Message::User("and?".to_owned()));
    // A stored session still knows whose thoughts these are.
    let stored = serde_json::to_string(&history).unwrap();
    let history: Vec<Message> = serde_json::from_str(&stored).unwrap();
    ask(&mut alone, &history).1.unwrap();
    ask(&mut chain(&[(Format::Chat, &other)]), &history).1.unwrap();
    let mine = &server.bodies()[1]["messages"][1]["content"];
    assert_eq!(mine[0], json!({ "type": "thinking", "thinking": "hm", "signature": "sig" }));
    assert!(!other.bodies()[0].to_string().contains("sig"));
}

#[test]
fn a_conversation_tells_who_stood_in_and_counts_who_answered() {
    let first = Server::start([refusal(401)]);
    let second = Server::start([Format::Messages.says("two"), Format::Messages.says("again")]);
    let environment = Environment::default();
    let text = format!(
        "agents: {{ root: {{ model: m }} }}\nmodels: {{ m: {{ {} }} }}",
        Format::Chat.model(&first.base_url)
    );
    let config = config::from_yaml("agent.yaml", &text).unwrap();
    let agent = Agent::new(&config, &Choice::default(), &environment).unwrap();
    let agent = agent.with_fallback(vec![model(Format::Messages, &second)], MINUTE);
    let folder = tempfile::tempdir().unwrap();
    let (cx, telemetry) = agent_telemetry::testing::capture();
    let transport = Transport::live(http::Options::new("test/1", &environment));
    let settings = Settings::new(folder.path()).retry(quick());
    let mut conversation = Conversation::new(agent, transport, settings, &environment, &cx).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut notes = Notes::default();
    for message in ["hi", "and?"] {
        let outcome = runtime.block_on(conversation.turn(message, &mut notes, &Cancel::new()));
        assert_eq!(outcome, TurnOutcome::Completed);
    }
    let fallbacks: Vec<String> = notes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Fallback { from, to, class, .. } => Some(format!("{from} {class}, {to}")),
            _ => None,
        })
        .collect();
    assert_eq!(fallbacks, ["openai/gpt-4o auth, anthropic/claude-sonnet-4-5"]);
    conversation.finish();
    let records = telemetry.records();
    let tokens: Vec<&serde_json::Value> = records
        .iter()
        .filter(|record| record["event"] == "token")
        .map(|record| &record["properties"])
        .collect();
    assert_eq!(tokens.len(), 2);
    for token in tokens {
        assert_eq!(
            (&token["model_provider"], &token["model_name"]),
            (&json!("anthropic"), &json!("claude-sonnet-4-5-20250929"))
        );
        assert!(token["cost"].as_f64().is_some(), "{token}");
    }
    let end = records.iter().find(|record| record["properties"]["action"] == "end").unwrap();
    assert_eq!(end["properties"]["errors"], json!({ "auth": 1 }));
    assert_eq!(end["properties"]["outcome"], "completed");
}

#[test]
fn who_stands_in_may_be_left_to_the_program() {
    let first = Server::start([refusal(401)]);
    let runner = Server::start([Format::Chat.says("local")]);
    let host = runner.base_url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let environment = Environment::new([("MODEL_RUNNER_HOST".to_owned(), host)]);
    let text = format!(
        "agents: {{ root: {{ model: m, fallback: {{ models: [auto] }} }} }}\nmodels: {{ m: {{ {} }} }}",
        Format::Chat.model(&first.base_url)
    );
    let transport = Transport::live(http::Options::new("test/1", &environment));
    let mut stage = Stage::build(&text, transport, |settings| settings, &environment, &Choice::default());
    let mut notes = Notes::default();
    assert_eq!(stage.turn("hi", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "local");
    assert_eq!(runner.seen()[0].path, "/engines/v1/chat/completions");
}
