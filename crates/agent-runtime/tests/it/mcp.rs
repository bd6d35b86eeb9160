//! MCP servers as an agent uses them: a scripted one with every ugly habit.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_runtime::tools::mcp::ServerSettings;
use agent_runtime::{
    Agent, Choice, Environment, Question, Reply, ToolStatus, Toolset, Transport, TurnOutcome, http,
};
use serde_json::{Value, json};

use crate::server::{Script, Server, calls, says};
use crate::setup::{Notes, Stage, agent_file, environment};
use crate::shell::assert_gone;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcp-server.sh");
const ALLOWED: &str = "permissions: { allow: ['*'] }\n";

fn settings(mode: &str) -> ServerSettings {
    ServerSettings::new("sh", [SERVER, mode]).named("s").restarts(3, Duration::ZERO).patience(|patience| {
        (patience.start, patience.call) = (Duration::from_secs(20), Duration::from_secs(20));
    })
}

fn stage(server: &Server, permissions: &str, settings: ServerSettings) -> Stage {
    Stage::with_toolsets(&agent_file(&server.base_url, permissions), vec![Toolset::Mcp(settings)])
}

/// Has a model make calls, all allowed, one per answer so that servers can be looked at in between.
fn run(settings: ServerSettings, list: &[(&str, Value)]) -> (Stage, Notes, Vec<Value>) {
    let scripts: Vec<Script> =
        list.iter().map(|call| calls(std::slice::from_ref(call))).chain([says("ok")]).collect();
    let server = Server::start(scripts);
    let mut stage = stage(&server, ALLOWED, settings);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    (stage, notes, server.bodies())
}

fn results(notes: &Notes) -> Vec<(ToolStatus, String)> {
    notes.results().into_iter().map(|(_, status, text)| (status, text)).collect()
}

fn offered(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().unwrap().iter();
    let names = tools.map(|tool| tool["function"]["name"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with("s_")).collect()
}

fn echo(text: &str) -> (&'static str, Value) {
    ("s_echo", json!({ "text": text }))
}

fn ok(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Ok, text.to_owned())
}

fn error(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Error, text.to_owned())
}

#[test]
fn a_server_from_beginning_to_end() {
    let (mut stage, notes, bodies) = run(
        settings("plain"),
        &[
            echo("hi"),
            ("s_fail", json!({})),
            ("s_picture", json!({})),
            ("s_many_names", json!({})),
            ("s_refuse", json!({})),
        ],
    );
    assert_eq!(
        results(&notes),
        [
            ok("hi"),
            error("it is broken"),
            ok(
                "look:\n[image: image/png, 6 bytes, not shown]\n[resource x at file:///x]\n[resource file:///y]\ninside"
            ),
            ok("called by my own name"),
            error("MCP server `s` failed: not like that (-32602)"),
        ]
    );
    assert_eq!(notes.warnings(), [""; 0]);
    assert_eq!(
        bodies[0]["messages"][0]["content"],
        "You help.\n\nThe MCP server `s` says about its tools:\nBe kind to my tools."
    );
    let names = offered(&bodies[0]);
    assert_eq!(names[..3], ["s_echo", "s_fail", "s_picture"]);
    assert!(names.contains(&"s_many_names".to_owned()), "{names:?}");
    let pid = stage.read("pid").trim().to_owned();
    stage.runtime.block_on(stage.conversation.close());
    assert_gone(&pid);
    let records = stage.finish();
    let tools: Vec<_> = records
        .iter()
        .map(|record| &record["properties"])
        .filter(|properties| properties["action"] == "call")
        .map(|p| (p["tool_kind"].clone(), p["outcome"].clone(), p["error"].clone()))
        .collect();
    let mcp = |outcome: &str, error: Value| (json!("mcp"), json!(outcome), error);
    let expected = [
        mcp("ok", Value::Null),
        mcp("error", json!("tool_error")),
        mcp("ok", Value::Null),
        mcp("ok", Value::Null),
        mcp("error", json!("invalid_arguments")),
    ];
    assert_eq!(tools, expected);
}

#[test]
fn nothing_is_started_before_the_first_turn() {
    let server = Server::start([says("ok")]);
    let mut stage = stage(&server, "", settings("plain"));
    assert!(!stage.folder.path().join("pid").exists());
    stage.turn("?", &mut Notes::default());
    assert!(stage.folder.path().join("pid").exists());
}

#[test]
fn a_strangers_word_that_a_tool_only_reads_is_not_enough() {
    let server = Server::start([calls(&[echo("hi")]), says("ok")]);
    let mut stage = stage(&server, "", settings("plain"));
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!((notes.questions(), notes.results()[0].1), (1, ToolStatus::Denied));
    assert!(!stage.read("seen").contains("tools/call"));
}

#[test]
fn a_tool_that_is_denied_is_never_called() {
    let server = Server::start([calls(&[echo("hi")]), says("ok")]);
    let mut stage = stage(&server, "permissions: { allow: ['*'], deny: ['S_EC*'] }\n", settings("plain"));
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.results()[0].1, ToolStatus::Denied);
    assert!(!stage.read("seen").contains("tools/call"));
}

#[test]
fn rubbish_on_standard_output_is_passed_over() {
    let (_, notes, _) = run(settings("rubbish"), &[echo("still here")]);
    assert_eq!(results(&notes), [ok("still here")]);
}

#[test]
fn all_pages_of_a_list_are_read_and_a_filter_picks() {
    let (_, notes, bodies) = run(settings("pages"), &[("s_second-page", json!({}))]);
    assert!(offered(&bodies[0]).contains(&"s_second-page".to_owned()), "{:?}", offered(&bodies[0]));
    assert_eq!(notes.results().len(), 1);
    let server = Server::start([says("ok")]);
    let only = ["echo".to_owned(), "s_fail".to_owned(), "nothing".to_owned()];
    let text = agent_file(&server.base_url, "");
    let mut stage = Stage::with_toolsets_only(&text, vec![Toolset::Mcp(settings("plain"))], Some(&only));
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(offered(&server.bodies()[0]), ["s_echo", "s_fail"]);
    assert_eq!(notes.warnings(), ["MCP server `s` has no tool `nothing`"]);
}

#[test]
fn a_list_that_changes_is_asked_for_again() {
    let (_, notes, bodies) = run(settings("plain"), &[("s_grow", json!({})), ("s_grown", json!({}))]);
    assert_eq!(results(&notes), [ok("grown"), ok("I am new")]);
    assert!(!offered(&bodies[0]).contains(&"s_grown".to_owned()));
    assert!(offered(&bodies[1]).contains(&"s_grown".to_owned()));
}

#[test]
fn a_server_that_dies_is_started_again_a_few_times() {
    let die = ("s_die", json!({}));
    let list = [die.clone(), echo("back"), die.clone(), die.clone(), die, echo("gone")];
    let (stage, notes, bodies) = run(settings("plain").restarts(3, Duration::from_millis(1)), &list);
    let died =
        error("MCP server `s` failed: it closed the connection (exit status: 3); its last words: I am dying");
    let found = results(&notes);
    assert_eq!(found[..5], [died.clone(), ok("back"), died.clone(), died.clone(), died]);
    assert_eq!(found[5].0, ToolStatus::Error);
    assert!(found[5].1.starts_with("there is no tool `s_echo`"), "{found:?}");
    assert_eq!(notes.warnings(), ["MCP server `s` ended 4 times"]);
    assert_eq!(stage.read("pid").lines().count(), 4);
    assert_eq!(offered(&bodies[5]), [""; 0]);
}

#[test]
fn a_server_that_cannot_start_is_told_about_once_and_not_missed() {
    for (settings, warning) in [
        (
            ServerSettings::new("/nowhere/server", [""; 0]).named("s"),
            "MCP server `s` cannot be started: /nowhere/server: No such file or directory (os error 2)",
        ),
        (
            settings("broken"),
            "MCP server `s` cannot be started: it closed the connection (exit status: 7); its last \
             words: cannot find my files",
        ),
        (
            settings("mute").patience(|patience| patience.start = Duration::from_secs(1)),
            "MCP server `s` cannot be started: it did not introduce itself within 1 seconds",
        ),
        (
            settings("listless").patience(|patience| patience.list = Duration::from_secs(1)),
            "MCP server `s` does not tell its tools: no answer within 1 seconds",
        ),
        (
            settings("future"),
            "MCP server `s` cannot be started: it speaks version 2099-01-01 of the protocol",
        ),
    ] {
        let server =
            Server::start([calls(&[("shell", json!({ "cmd": "echo fine" }))]), says("ok"), says("still")]);
        let mut stage = stage(&server, ALLOWED, settings);
        let mut notes = Notes::default();
        assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
        assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
        assert_eq!(results(&notes), [ok("fine\n")]);
        assert_eq!(notes.warnings(), [warning]);
        for pid in std::fs::read_to_string(stage.folder.path().join("pid")).unwrap_or_default().lines() {
            assert_gone(pid);
        }
    }
}

#[test]
fn a_call_that_is_never_answered_ends_in_time() {
    let settings = settings("plain").patience(|patience| patience.call = Duration::from_secs(1));
    let (stage, notes, _) = run(settings, &[("s_hang", json!({})), echo("next")]);
    assert_eq!(results(&notes), [error("MCP server `s` failed: no answer within 1 seconds"), ok("next")]);
    assert!(stage.read("seen").contains("notifications/cancelled"), "{}", stage.read("seen"));
}

#[test]
fn a_call_is_cancelled_and_the_server_told() {
    let server = Server::start([calls(&[("s_hang", json!({}))]), calls(&[echo("next")]), says("ok")]);
    let mut stage = stage(&server, ALLOWED, settings("plain"));
    let mut notes = Notes::default();
    assert_eq!(stage.turn_cancelled_by("hanging", &mut notes), TurnOutcome::Cancelled);
    assert_eq!(notes.results()[0].1, ToolStatus::Cancelled);
    stage.cancel = agent_runtime::Cancel::new();
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(results(&notes), [ok("next")]);
    assert!(stage.read("seen").contains("notifications/cancelled"));
    assert_eq!(stage.read("pid").lines().count(), 1);
}

#[test]
fn waiting_for_a_server_to_start_can_be_cancelled() {
    let server = Server::start([]);
    let mut stage = stage(&server, "", settings("mute"));
    let mut notes = Notes::default();
    assert_eq!(stage.turn_cancelled_by("pid", &mut notes), TurnOutcome::Cancelled);
    assert_gone(stage.read("pid").trim());
}

#[test]
fn a_server_asks_the_user_during_a_call() {
    let ask = ("s_ask", json!({}));
    let server = Server::start([calls(&[ask.clone(), ask.clone(), ask]), says("ok")]);
    let mut stage = stage(&server, ALLOWED, settings("plain"));
    let replies = vec![Reply::Accept(json!({ "name": "Ada" })), Reply::Cancel];
    let mut notes = Notes { replies, ..Notes::default() };
    stage.turn("?", &mut notes);
    assert_eq!(
        results(&notes),
        [ok("{action:accept,content:{name:Ada}}"), ok("{action:cancel}"), ok("{action:decline}")]
    );
    let asked: Question = notes.asked().remove(0);
    assert_eq!((asked.server.as_deref(), asked.message.as_str()), (Some("s"), "Who?"));
    assert_eq!(asked.schema.unwrap()["properties"]["name"]["type"], "string");
}

#[test]
fn a_server_that_will_not_end_is_made_to() {
    let (mut stage, _, _) =
        run(settings("stubborn").patience(|p| p.stop = Duration::from_millis(50)), &[echo("x")]);
    let pid = stage.read("pid").trim().to_owned();
    stage.runtime.block_on(stage.conversation.close());
    assert_gone(&pid);
}

#[test]
fn a_server_ends_with_everything_else() {
    let (stage, _, _) = run(settings("stubborn"), &[echo("x")]);
    let pid = stage.read("pid").trim().to_owned();
    drop(stage);
    assert_gone(&pid);
}

#[test]
fn a_server_gets_what_it_was_given_and_no_credentials() {
    let server = Server::start([calls(&[("s_env", json!({}))]), says("ok")]);
    let text = agent_file(&server.base_url, ALLOWED);
    let surroundings = [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", "/home/x".to_owned()),
        ("OPENAI_API_KEY", "canary".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "canary".to_owned()),
        ("TELEMETRY_API_KEY", "canary".to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary".to_owned()),
        ("TELEMETRY_ENABLED", "false".to_owned()),
    ];
    let surroundings = Environment::new(surroundings.map(|(name, value)| (name.to_owned(), value)));
    let transport = Transport::live(http::Options::new("test/1", &environment()));
    let given = BTreeMap::from([("TOKEN".to_owned(), "given".to_owned())]);
    let more = |agent: Agent| agent.with_tools(Toolset::Mcp(settings("plain").env(given)), None);
    let choice = Choice::default();
    let mut stage = Stage::build_with(&text, transport, |settings| settings, &surroundings, &choice, more);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let text = &notes.results()[0].2;
    assert!(!text.contains("canary"), "{text}");
    for kept in ["HOME=/home/x ", "TELEMETRY_ENABLED=false ", "TOKEN=given "] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
}

#[test]
fn a_tool_that_two_toolsets_have_is_said() {
    let server = Server::start([says("ok"), says("ok again")]);
    let nameless = || ServerSettings::new("sh", [SERVER, "plain"]);
    let toolsets = vec![Toolset::Mcp(nameless()), Toolset::Mcp(nameless())];
    let mut stage = Stage::with_toolsets(&agent_file(&server.base_url, ""), toolsets);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    stage.turn("?", &mut notes);
    let warnings = notes.warnings();
    let of_echo: Vec<&String> = warnings.iter().filter(|text| text.contains("`echo`")).collect();
    assert_eq!(of_echo.len(), 1, "{warnings:?}");
    insta::assert_snapshot!(of_echo[0], @"more than one toolset has a tool `echo`: that of the first one is used; a `name` for an MCP toolset is put before the names of its tools");
}
