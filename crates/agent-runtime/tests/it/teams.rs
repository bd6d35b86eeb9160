//! Agents that pass work on: what each of them is asked, what the user sees, and what telemetry counts where.

use agent_runtime::{Answer, Event, ToolStatus, TurnOutcome};
use serde_json::{Value, json};

use crate::server::{Script, Server, calls, done, finish, gate, says, text, usage};
use crate::setup::{Notes, Stage};

fn team_file(base_url: &str, more: &str) -> String {
    format!(
        "agents:
  root:
    model: m
    instruction: You lead.
    sub_agents: [worker]
    handoffs: [closer]
  worker:
    model: small
    description: Does the work.
    instruction: You work.
    toolsets: [{{ type: shell }}, {{ type: filesystem }}]
  closer:
    model: m
    instruction: You close.
models:
  m: {{ provider: openai, model: gpt-4o, base_url: '{base_url}' }}
  small: {{ provider: openai, model: gpt-4o-mini, base_url: '{base_url}' }}
{more}"
    )
}

fn transfer(agent: &str, task: &str) -> (&'static str, Value) {
    ("transfer_task", json!({ "agent": agent, "task": task, "expected_output": "a number" }))
}

fn stage(server: &Server, more: &str) -> Stage {
    Stage::with_team(&team_file(&server.base_url, more), |settings| settings)
}

/// The records in short: one line each, ids replaced by their order of appearance.
fn in_short(records: &[Value]) -> String {
    let mut ids: Vec<String> = Vec::new();
    let mut number = |id: &Value| {
        let id = id.as_str().unwrap().to_owned();
        let known = ids.iter().position(|known| *known == id);
        known.unwrap_or_else(|| {
            ids.push(id);
            ids.len() - 1
        })
    };
    let line = |record: &Value| {
        let properties = &record["properties"];
        let text = |key: &str| properties[key].as_str().unwrap_or("-").to_owned();
        let mut line = format!(
            "{} {} s{} {}",
            record["event"].as_str().unwrap(),
            text("action"),
            number(&properties["session_id"]),
            text("agent_name")
        );
        if properties["parent_session_id"].is_string() {
            line += &format!(" in s{}", number(&properties["parent_session_id"]));
        }
        for key in ["model_name", "purpose", "tool_name", "tool_kind", "outcome", "error"] {
            if properties[key].is_string() {
                line += &format!(" {key}={}", text(key));
            }
        }
        for key in ["turns", "tool_calls", "tool_errors", "input_tokens", "output_tokens", "cost", "errors"] {
            if !properties[key].is_null() {
                line += &format!(" {key}={}", properties[key]);
            }
        }
        line
    };
    records.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn p11_a_task_is_a_child_session_with_totals_of_its_own() {
    let server = Server::start([
        calls(&[transfer("worker", "Count the files.")]),
        calls(&[("shell", json!({ "cmd": "exit 3" }))]),
        says("Three."),
        says("There are three."),
    ]);
    let mut stage = stage(&server, "permissions: { allow: ['shell'] }\n");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("How many?", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.text(), "Three.There are three.");
    let used = stage.conversation.usage();
    assert_eq!((used.input_tokens, used.output_tokens), (600, 60));
    server.assert_clean();
    insta::assert_snapshot!(in_short(&stage.finish()), @r#"
    session start s0 root model_name=gpt-4o
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=200 output_tokens=20 cost=0.0006375
    session start s1 worker in s0 model_name=gpt-4o-mini
    token usage s1 worker model_name=gpt-4o purpose=turn input_tokens=200 output_tokens=20 cost=0.0006375
    tool call s1 worker tool_name=shell tool_kind=builtin outcome=error error=nonzero_exit
    token usage s1 worker model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    session end s1 worker in s0 model_name=gpt-4o-mini outcome=completed turns=1 tool_calls=1 tool_errors=1 input_tokens=300 output_tokens=30 cost=0.0009875 errors={}
    tool call s0 root tool_name=transfer_task tool_kind=agent outcome=ok
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    session end s0 root model_name=gpt-4o outcome=completed turns=1 tool_calls=1 tool_errors=0 input_tokens=300 output_tokens=30 cost=0.0009875 errors={}
    "#);
}

#[test]
fn a_sub_agent_sees_its_task_and_nothing_else() {
    let server =
        Server::start([calls(&[transfer("worker", "Count the files.")]), says("Three."), says("Done.")]);
    let mut stage = stage(&server, "");
    let mut notes = Notes::default();
    stage.turn("How many?", &mut notes);
    let bodies = server.bodies();
    let prompt = bodies[0]["messages"][0]["content"].as_str().unwrap();
    assert!(prompt.contains("- worker: Does the work.") && prompt.contains("- closer"), "{prompt}");
    let offered: Vec<&str> = bodies[0]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["transfer_task", "handoff"]);
    assert_eq!(bodies[1]["messages"][0], json!({ "role": "system", "content": "You work." }));
    assert_eq!(
        bodies[1]["messages"][1],
        json!({ "role": "user", "content": "Count the files.\n\nExpected output: a number" })
    );
    assert_eq!(bodies[1]["messages"].as_array().unwrap().len(), 2);
    assert_eq!(bodies[2]["messages"][3]["content"], "Three.");
    let brackets: Vec<String> = notes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::SessionStarted { agent, .. } => Some(format!("+{agent}")),
            Event::SessionEnded { agent, outcome, .. } => Some(format!("-{agent} {outcome:?}")),
            _ => None,
        })
        .collect();
    assert_eq!(brackets, ["+root", "+worker", "-worker Completed"]);
}

#[test]
fn a_task_that_fails_is_a_failed_call_and_the_leader_goes_on() {
    let refusal = || Script::Refusal(400, Vec::new(), json!({ "error": { "message": "no" } }).to_string());
    let server = Server::start([calls(&[transfer("worker", "x")]), refusal(), says("It did not work.")]);
    let mut stage = stage(&server, "");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(notes.results()[0].1, ToolStatus::Error);
    insta::assert_snapshot!(in_short(&stage.finish()), @r#"
    session start s0 root model_name=gpt-4o
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=200 output_tokens=20 cost=0.0006375
    session start s1 worker in s0 model_name=gpt-4o-mini
    session end s1 worker in s0 model_name=gpt-4o-mini outcome=failed turns=1 tool_calls=0 tool_errors=0 input_tokens=0 output_tokens=0 cost=0 errors={"invalid_arguments":1}
    tool call s0 root tool_name=transfer_task tool_kind=agent outcome=error error=tool_error
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    session end s0 root model_name=gpt-4o outcome=completed turns=1 tool_calls=1 tool_errors=1 input_tokens=300 output_tokens=30 cost=0.0009875 errors={}
    "#);
}

#[test]
fn tasks_for_nobody_are_answered_with_who_there_is() {
    let server = Server::start([
        calls(&[transfer("workr", "x"), ("handoff", json!({ "agent": "worker" })), ("handoff", json!({}))]),
        says("ok"),
    ]);
    let mut stage = stage(&server, "");
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let texts: Vec<String> = notes.results().into_iter().map(|(_, _, text)| text).collect();
    insta::assert_snapshot!(texts.join("\n"), @"
    there is no agent `workr` to pass this on to; did you mean `worker`?; agents: worker
    there is no agent `worker` to pass this on to; agents: closer
    invalid arguments for handoff: missing field `agent`
    ");
    server.assert_clean();
}

#[test]
fn p11_after_a_handoff_the_other_agent_answers_in_the_same_session() {
    let server = Server::start([
        calls(&[("handoff", json!({ "agent": "closer" }))]),
        says("I close."),
        says("Still me."),
    ]);
    let mut stage = stage(&server, "");
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Completed);
    assert_eq!(stage.conversation.agent().name(), "closer");
    stage.turn("Who is there?", &mut notes);
    let bodies = server.bodies();
    assert_eq!(bodies[1]["messages"][0]["content"], "You close.");
    assert_eq!(bodies[1]["messages"][1]["content"], "?");
    assert!(bodies[1]["tools"].is_null());
    assert_eq!(bodies[2]["messages"][0]["content"], "You close.");
    insta::assert_snapshot!(in_short(&stage.finish()), @r#"
    session start s0 root model_name=gpt-4o
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=200 output_tokens=20 cost=0.0006375
    tool call s0 root tool_name=handoff tool_kind=agent outcome=ok
    token usage s0 closer model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    token usage s0 closer model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    session end s0 root model_name=gpt-4o outcome=completed turns=2 tool_calls=1 tool_errors=0 input_tokens=400 output_tokens=40 cost=0.0013375 errors={}
    "#);
}

#[test]
fn cancelling_reaches_the_sub_agent_and_leaves_both_histories_whole() {
    let (open, gate) = gate();
    let server = Server::start([
        calls(&[transfer("worker", "x"), transfer("worker", "y")]),
        Script::Gated(vec![text("I am on")], gate, Vec::new()),
        says("again"),
    ]);
    let mut stage = stage(&server, "");
    let cancel = stage.cancel.clone();
    let mut notes = Notes::watching(move |event| {
        if matches!(event, Event::TextDelta { .. }) {
            cancel.cancel();
        }
    });
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Cancelled);
    drop(open);
    stage.cancel = agent_runtime::Cancel::new();
    assert_eq!(stage.turn("once more", &mut Notes::default()), TurnOutcome::Completed);
    server.assert_clean();
    insta::assert_snapshot!(in_short(&stage.finish()), @r#"
    session start s0 root model_name=gpt-4o
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=200 output_tokens=20 cost=0.0006375
    session start s1 worker in s0 model_name=gpt-4o-mini
    session end s1 worker in s0 model_name=gpt-4o-mini outcome=cancelled turns=1 tool_calls=0 tool_errors=0 input_tokens=0 output_tokens=0 cost=0 errors={"cancelled":1}
    tool call s0 root tool_name=transfer_task tool_kind=agent outcome=cancelled error=cancelled
    tool call s0 root tool_name=transfer_task tool_kind=agent outcome=cancelled error=cancelled
    token usage s0 root model_name=gpt-4o purpose=turn input_tokens=100 output_tokens=10 cost=0.00035
    session end s0 root model_name=gpt-4o outcome=completed turns=2 tool_calls=2 tool_errors=0 input_tokens=300 output_tokens=30 cost=0.0009875 errors={"cancelled":1}
    "#);
}

#[test]
fn a_sub_agents_long_task_is_no_reason_to_summarise_the_leaders_conversation() {
    let nearly_full = Script::Events(vec![text("Read."), finish("stop"), usage(127_000, 10, 0), done()]);
    let server =
        Server::start([calls(&[transfer("worker", "Read it all.")]), nearly_full, says("one"), says("two")]);
    let mut stage = stage(&server, "");
    for message in ["first", "second"] {
        let mut notes = Notes::default();
        assert_eq!(stage.turn(message, &mut notes), TurnOutcome::Completed);
        assert!(!notes.events.iter().any(|event| matches!(event, Event::Compacted { .. })));
    }
    let last = &server.bodies()[3]["messages"];
    assert_eq!(last[1], json!({ "role": "user", "content": "first" }));
}

#[test]
fn what_the_user_allowed_in_a_task_stays_allowed() {
    let touch = |name: &str| ("shell", json!({ "cmd": format!("touch {name}") }));
    let server = Server::start([
        calls(&[transfer("worker", "x")]),
        calls(&[touch("a")]),
        says("one"),
        calls(&[transfer("worker", "y")]),
        calls(&[touch("b")]),
        says("two"),
        says("both"),
    ]);
    let mut stage = stage(&server, "");
    let mut notes = Notes::answering([Answer::All]);
    stage.turn("?", &mut notes);
    assert_eq!(notes.questions(), 1);
    assert!(stage.folder.path().join("b").exists());
}

#[test]
fn permissions_reach_tasks_and_handoffs_too() {
    let server = Server::start([
        calls(&[transfer("worker", "x"), ("handoff", json!({ "agent": "closer" }))]),
        says("alone then"),
    ]);
    let rules = "permissions: { deny: [transfer_task], ask: [handoff] }\n";
    let mut stage = stage(&server, rules);
    let mut notes = Notes::answering([Answer::No { reason: String::new() }]);
    stage.turn("?", &mut notes);
    let statuses: Vec<ToolStatus> = notes.results().into_iter().map(|(_, status, _)| status).collect();
    assert_eq!(statuses, [ToolStatus::Denied, ToolStatus::Denied]);
    assert_eq!(notes.questions(), 1);
}

#[test]
fn agents_that_pass_a_task_around_in_circles_come_to_an_end() {
    let task = |at: usize| transfer(if at.is_multiple_of(2) { "other" } else { "root" }, "you do it");
    let server = Server::start((0..40).map(|at| calls(&[task(at)])));
    let file = format!(
        "agents:
  root: {{ model: m, instruction: a, sub_agents: [other], max_iterations: 2 }}
  other: {{ model: m, instruction: b, sub_agents: [root], max_iterations: 2 }}
models: {{ m: {{ provider: openai, model: gpt-4o, base_url: '{}' }} }}",
        server.base_url
    );
    let mut stage = Stage::with_team(&file, |settings| settings);
    let mut notes = Notes::default();
    assert_eq!(stage.turn("?", &mut notes), TurnOutcome::Limit);
    let deepest = notes.results().iter().any(|(_, _, text)| text.starts_with("not passed on: 8 tasks"));
    assert!(deepest, "{:?}", notes.results());
}

#[test]
fn neighbours_that_only_read_run_at_the_same_time_and_answer_in_order() {
    let server = Server::start([
        calls(&[
            ("read_file", json!({ "path": "a" })),
            ("read_file", json!({ "path": "b" })),
            ("shell", json!({ "cmd": "rm a" })),
            ("read_file", json!({ "path": "a" })),
        ]),
        says("ok"),
    ]);
    let mut stage = stage_alone(&server);
    stage.write("a", "one");
    stage.write("b", "two");
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let order: Vec<String> = notes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ToolCall { name, .. } => Some(format!("call {name}")),
            Event::ToolResult { name, text, .. } => Some(format!("{name}: {}", text.trim())),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(order.join("\n"), @"
    call read_file
    call read_file
    read_file: one
    read_file: two
    call shell
    shell: the command printed nothing
    call read_file
    read_file: a: No such file or directory (os error 2)
    ");
    server.assert_clean();
}

fn stage_alone(server: &Server) -> Stage {
    let file = crate::setup::agent_file(&server.base_url, "permissions: { allow: [shell] }\n");
    Stage::with_file(&file)
}
