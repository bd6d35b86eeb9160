//! Many conversations in one process: nobody's numbers end up with anybody else.

use std::collections::BTreeMap;

use agent_runtime::{Cancel, Choice, Conversation, Settings, Team, Transport, TurnOutcome, config, http};
use agent_telemetry::testing::capture;
use serde_json::{Value, json};

use crate::server::{Script, Server, call, done, finish, text, usage};
use crate::setup::{Notes, agent_file, environment, quick};

const CONVERSATIONS: u64 = 50;

/// What conversation `n` is answered: a tool call and a text for each of its turns, with numbers of its own.
fn scripts(n: u64) -> impl Iterator<Item = Script> {
    (0..turns(n)).flat_map(move |turn| {
        let arguments = json!({ "path": format!("{n}-{turn}") });
        let asks = vec![
            call(0, &format!("c{n}-{turn}"), "read_file", &arguments),
            finish("tool_calls"),
            usage(1_000 + n, 10 + turn, 0),
            done(),
        ];
        let says = vec![text(&format!("I am {n}")), finish("stop"), usage(2_000 + n, 20 + turn, 0), done()];
        [Script::Events(asks), Script::Events(says)]
    })
}

fn turns(n: u64) -> u64 {
    1 + n % 4
}

#[test]
fn p11_fifty_conversations_at_once_keep_their_own_totals() {
    let (cx, telemetry) = capture();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut running = Vec::new();
    for n in 0..CONVERSATIONS {
        let cx = cx.clone();
        running.push(runtime.spawn(async move {
            let server = Server::start(scripts(n));
            let folder = tempfile::tempdir().unwrap();
            let file = agent_file(&server.base_url, "");
            let config = config::from_yaml("agent.yaml", &file).unwrap();
            let environment = environment();
            let team = Team::new(&config, &Choice::default(), &environment).unwrap();
            let transport = Transport::live(http::Options::new("test/1", &environment));
            let settings = Settings::new(folder.path()).retry(quick());
            let mut conversation = Conversation::new(team, transport, settings, &environment, &cx).unwrap();
            let mut notes = Notes::default();
            for turn in 0..turns(n) {
                std::fs::write(folder.path().join(format!("{n}-{turn}")), "x").unwrap();
                let outcome = conversation.turn("go", &mut notes, &Cancel::new()).await;
                assert_eq!(outcome, TurnOutcome::Completed, "{:?}", notes.errors());
            }
            assert_eq!(notes.text(), format!("I am {n}").repeat(usize::try_from(turns(n)).unwrap()));
            conversation.finish();
            server.assert_clean();
        }));
    }
    for conversation in running {
        runtime.block_on(conversation).unwrap();
    }
    let mut ends: BTreeMap<u64, Value> = BTreeMap::new();
    let mut sums: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for record in telemetry.records() {
        let properties = &record["properties"];
        let session = properties["session_id"].as_str().unwrap().to_owned();
        let number = |key: &str| properties[key].as_u64().unwrap();
        match (record["event"].as_str().unwrap(), properties["action"].as_str()) {
            ("token", _) => {
                let sum = sums.entry(session).or_default();
                *sum = (sum.0 + number("input_tokens"), sum.1 + number("output_tokens"), sum.2);
            }
            ("tool", _) => sums.entry(session).or_default().2 += 1,
            ("session", Some("end")) => {
                let n = (number("input_tokens") - 3_000 * number("turns")) / (2 * number("turns"));
                assert!(ends.insert(n, properties.clone()).is_none(), "{n} ended twice");
            }
            _ => {}
        }
    }
    assert_eq!(ends.len() as u64, CONVERSATIONS);
    for (n, end) in ends {
        let turns = turns(n);
        let output: u64 = (0..turns).map(|turn| 30 + 2 * turn).sum();
        assert_eq!(end["turns"], turns, "{n}");
        assert_eq!(end["input_tokens"], (3_000 + 2 * n) * turns, "{n}");
        assert_eq!(end["output_tokens"], output, "{n}");
        assert_eq!(end["tool_calls"], turns, "{n}");
        let sum = sums[end["session_id"].as_str().unwrap()];
        assert_eq!(sum, ((3_000 + 2 * n) * turns, output, turns), "{n}");
    }
}
