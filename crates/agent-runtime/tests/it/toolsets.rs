//! Small tools and scripts, as a model uses them: thoughts, todos, questions to the user, commands with names.

use agent_runtime::tools::script::Script;
use agent_runtime::tools::todo;
use agent_runtime::{Question, Reply, ToolStatus, Toolset};
use serde_json::{Map, Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};

/// Runs calls one after the other, all allowed, by an agent that has these toolsets, too.
pub fn run(toolsets: Vec<Toolset>, list: &[(&str, Value)], notes: &mut Notes) -> Stage {
    let server = Server::start([calls(list), says("ok")]);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'] }\n");
    let mut stage = Stage::with_toolsets(&text, toolsets);
    stage.turn("?", notes);
    stage
}

fn results(toolsets: Vec<Toolset>, list: &[(&str, Value)]) -> Vec<(ToolStatus, String)> {
    let mut notes = Notes::default();
    run(toolsets, list, &mut notes);
    notes.results().into_iter().map(|(_, status, text)| (status, text)).collect()
}

fn ok(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Ok, text.to_owned())
}

fn error(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Error, text.to_owned())
}

#[test]
fn a_thought_is_noted_unasked() {
    let server = Server::start([calls(&[("think", json!({ "thought": "hm" }))]), says("ok")]);
    let mut stage = Stage::with_toolsets(&agent_file(&server.base_url, ""), vec![Toolset::Think]);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.results(), [("think".to_owned(), ToolStatus::Ok, "noted".to_owned())]);
    assert_eq!(notes.questions(), 0);
}

#[test]
fn todos_are_made_and_changed() {
    let update = |id: &str, status: &str| json!({ "id": id, "status": status });
    let found = results(
        vec![Toolset::Todo(todo::List::new())],
        &[
            ("list_todos", json!({})),
            ("create_todo", json!({ "description": "a" })),
            ("create_todos", json!({ "descriptions": ["b", "c"] })),
            (
                "update_todos",
                json!({ "updates": [update("todo_1", "completed"), update("todo_3", "in-progress")] }),
            ),
            (
                "update_todos",
                json!({ "updates": [update("todo_2", "completed"), update("todo_4", "completed")] }),
            ),
            ("update_todos", json!({ "updates": [update("todo_2", "done")] })),
            ("create_todos", json!({ "descriptions": ["d", " "] })),
            ("list_todos", json!({})),
        ],
    );
    let list = "todo_1 [completed] a\ntodo_2 [pending] b\ntodo_3 [in-progress] c\n";
    let expected = [
        ok("the list is empty\n"),
        ok("todo_1 [pending] a\n"),
        ok("todo_2 [pending] b\ntodo_3 [pending] c\n"),
        ok(list),
        error("id: there is no todo `todo_4`; nothing was changed"),
        error(
            "invalid arguments for update_todos: unknown variant `done`, expected one of `pending`, `in-progress`, `completed`",
        ),
        error("description: expected 1 to 2000 bytes, found 1"),
        ok(list),
    ];
    assert_eq!(found, expected);
}

#[test]
fn agents_that_are_given_one_list_share_it() {
    let list = todo::List::new();
    results(vec![Toolset::Todo(list.clone())], &[("create_todo", json!({ "description": "shared" }))]);
    assert_eq!(
        results(vec![Toolset::Todo(list)], &[("list_todos", json!({}))]),
        [ok("todo_1 [pending] shared\n")]
    );
    assert_eq!(
        results(vec![Toolset::Todo(todo::List::new())], &[("list_todos", json!({}))]),
        [ok("the list is empty\n")]
    );
}

#[test]
fn a_list_of_todos_has_an_end() {
    let many: Vec<String> = (0..500).map(|number| format!("t{number}")).collect();
    let found = results(
        vec![Toolset::Todo(todo::List::new())],
        &[
            ("create_todos", json!({ "descriptions": many })),
            ("create_todo", json!({ "description": "one more" })),
        ],
    );
    assert_eq!(found[0].0, ToolStatus::Ok);
    assert_eq!(found[1], error("the list holds 500 todos at most, there are 500"));
}

#[test]
fn the_user_answers_a_question() {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let asked = ("user_prompt", json!({ "message": "Who?", "title": "Name", "schema": schema }));
    for (reply, expected) in [
        (Reply::Accept(json!({ "name": "Ada" })), r#"{"action":"accept","content":{"name":"Ada"}}"#),
        (Reply::Decline, r#"{"action":"decline"}"#),
        (Reply::Cancel, r#"{"action":"cancel"}"#),
    ] {
        let mut notes = Notes { replies: vec![reply], ..Notes::default() };
        run(vec![Toolset::UserPrompt], std::slice::from_ref(&asked), &mut notes);
        assert_eq!(notes.results()[0].2, expected);
        let mut question = Question::new("Who?");
        question.title = Some("Name".to_owned());
        question.schema = Some(schema.clone());
        assert_eq!(notes.asked(), [question]);
    }
}

#[test]
fn a_question_that_nobody_hears_is_declined() {
    let found = results(
        vec![Toolset::UserPrompt],
        &[("user_prompt", json!({ "message": "Who?" })), ("user_prompt", json!({ "message": " " }))],
    );
    assert_eq!(found, [ok(r#"{"action":"decline"}"#), error("message: expected a question")]);
}

#[test]
fn a_turn_is_cancelled_while_the_user_is_asked() {
    let server = Server::start([calls(&[("user_prompt", json!({ "message": "Who?" }))])]);
    let mut stage = Stage::with_toolsets(&agent_file(&server.base_url, ""), vec![Toolset::UserPrompt]);
    let cancel = stage.cancel.clone();
    let mut notes = Notes::watching(move |event| {
        if matches!(event, agent_runtime::Event::Question { .. }) {
            cancel.cancel();
        }
    });
    notes.silent = true;
    assert_eq!(stage.turn("?", &mut notes), agent_runtime::TurnOutcome::Cancelled);
    assert_eq!(notes.results()[0].1, ToolStatus::Cancelled);
}

fn args(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn a_scripts_arguments_are_variables_and_nothing_else() {
    let mut script = Script::new("greet", "echo \"$who: $times $loud $more\"; pwd -P; echo $GIVEN");
    script.args = args(json!({
        "who": { "type": "string" }, "times": { "type": "integer" }, "loud": { "type": "boolean" }, "more": {},
    }));
    script.required = vec!["who".to_owned()];
    script.env.insert("GIVEN".to_owned(), "given".to_owned());
    script.working_dir = Some("sub".to_owned());
    assert_eq!(script.check(), Ok(()));
    let evil = "$(touch evil); `touch evil`\"; touch evil; \"";
    let mut notes = Notes::default();
    let server = Server::start([
        calls(&[
            ("greet", json!({ "who": evil, "times": 2, "loud": true, "more": [1, "a b"] })),
            ("greet", json!({ "times": 2 })),
            ("greet", json!({ "who": "x", "times": "2" })),
            ("greet", json!({ "who": "x", "PATH": "/evil" })),
            ("greet", json!({ "who": "a\0b" })),
            ("greet", json!({ "who": "x".repeat(200_000) })),
        ]),
        says("ok"),
    ]);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'] }\n");
    let mut stage = Stage::with_toolsets(&text, vec![Toolset::Script(vec![script])]);
    stage.write("sub/file", "");
    stage.turn("?", &mut notes);
    let folder = stage.folder.path().canonicalize().unwrap();
    let found: Vec<_> = notes.results().into_iter().map(|(_, status, text)| (status, text)).collect();
    let wrong = |text: &str| error(&format!("invalid arguments for greet: {text}"));
    let expected = [
        ok(&format!("{evil}: 2 true [1,\"a b\"]\n{}/sub\ngiven\n", folder.display())),
        wrong("missing `who`"),
        wrong("times: expected integer, found \"2\""),
        wrong("unknown argument `PATH`"),
        wrong("who: expected at most 120000 bytes without NUL"),
        wrong("who: expected at most 120000 bytes without NUL"),
    ];
    assert_eq!(found, expected);
    assert!(!folder.join("evil").exists() && !folder.join("sub/evil").exists());
    assert_eq!(notes.questions(), 0);
    let records = stage.finish();
    let kinds: Vec<&Value> = records.iter().map(|record| &record["properties"]["tool_kind"]).collect();
    assert!(kinds.contains(&&json!("script")), "{records:?}");
}

#[test]
fn a_script_is_offered_with_its_arguments_and_asked_about() {
    let mut script = Script::new("greet", "touch ran");
    script.description = "Greets.".to_owned();
    script.args = args(json!({ "who": { "type": "string", "description": "Whom" } }));
    let server = Server::start([calls(&[("greet", json!({ "who": "x" }))]), says("ok")]);
    let text = agent_file(&server.base_url, "");
    let mut stage = Stage::with_toolsets(&text, vec![Toolset::Script(vec![script])]);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let offered = server.bodies()[0]["tools"].as_array().unwrap().last().unwrap()["function"].clone();
    assert_eq!(offered["name"], "greet");
    assert_eq!(offered["description"], "Greets.");
    assert_eq!(offered["parameters"]["properties"]["who"]["description"], "Whom");
    assert_eq!((notes.questions(), notes.results()[0].1), (1, ToolStatus::Denied));
    assert!(!stage.folder.path().join("ran").exists());
}

#[test]
fn a_script_that_fails_or_takes_too_long() {
    let mut slow = Script::new("slow", "echo begun; sleep 1000");
    slow.limit = std::time::Duration::from_secs(1);
    let mut lost = Script::new("lost", "true");
    lost.working_dir = Some("/nowhere".to_owned());
    let scripts = vec![slow, lost, Script::new("fails", "echo no; exit 3")];
    let found = results(
        vec![Toolset::Script(scripts)],
        &[("slow", json!({})), ("lost", json!({})), ("fails", json!({}))],
    );
    assert_eq!(
        found,
        [
            error("begun\n\n[ended after 1 seconds]"),
            error("working_dir: /nowhere is no folder"),
            error("no\n\n[exit status: 3]"),
        ]
    );
}

#[test]
fn scripts_that_can_never_run_say_so_beforehand() {
    let check = |change: fn(&mut Script)| {
        let mut script = Script::new("s", "true");
        change(&mut script);
        script.check().unwrap_err()
    };
    assert_eq!(
        check(|script| script.name = "a b".to_owned()),
        "script `a b`: a tool's name has 1 to 64 letters, digits, `_` and `-`"
    );
    assert_eq!(check(|script| script.cmd = " ".to_owned()), "script `s`: cmd: expected a command");
    assert_eq!(
        check(|script| script.args = args(json!({ "a-b": {} }))),
        "script `s`: argument `a-b` becomes a variable: letters, digits and `_`, no digit first"
    );
    assert_eq!(
        check(|script| script.required = vec!["x".to_owned()]),
        "script `s`: required argument `x` is not below args"
    );
}

#[test]
fn a_filter_leaves_the_others_out() {
    let server = Server::start([says("ok")]);
    let mut stage = Stage::with_toolsets_only(
        &agent_file(&server.base_url, ""),
        vec![Toolset::Todo(todo::List::new())],
        Some(&["list_todos".to_owned()]),
    );
    stage.turn("?", &mut Notes::default());
    let tools = server.bodies()[0]["tools"].as_array().unwrap().clone();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .filter(|n| n.contains("todo"))
        .collect();
    assert_eq!(names, ["list_todos"]);
}
