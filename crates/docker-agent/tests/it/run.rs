//! `docker-agent run` at its boundary.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::Home;

fn home() -> Home {
    Home::quiet().with("CHAT_KEY", "sk-test-0123456789")
}

/// What the model was told last, by request.
fn last_messages(chat: &Server) -> Vec<String> {
    let last = |body: Value| {
        body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
    };
    chat.got().iter().map(|got| last(got.json())).collect()
}

#[test]
fn stdout_is_what_the_agent_says_and_nothing_else() {
    let home = home();
    home.write("notes.txt", "hello");
    let chat = Server::chat([
        server::calls("read_file", &json!({"path": "notes.txt"})),
        server::says("It says hello."),
    ]);
    let ran = home.run(&["run", &home.agent(&chat), "what?"]).ok();
    assert_eq!(ran.stdout, "It says hello.\n");
    assert!(ran.stderr.contains("tool: read_file {\"path\":\"notes.txt\"}\n"), "{ran:?}");
    assert!(ran.stderr.contains("tool: read_file ok, "), "{ran:?}");
    assert!(!ran.stderr.contains('\u{1b}'));
}

#[test]
fn thoughts_do_not_break_the_line() {
    let home = home();
    let deltas = [json!({"content": "one "}), json!({"reasoning_content": "hm"}), json!({"content": "line"})];
    let chat = Server::chat([server::events(&deltas, "stop")]);
    let ran = home.run(&["run", &home.agent(&chat), "hi"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("one line\n", ""));
}

#[test]
fn messages_are_turns_of_one_conversation() {
    let home = home();
    let chat = Server::chat([server::says("one"), server::says("two\n")]);
    let ran = home.run(&["run", &home.agent(&chat), "first", "second"]).ok();
    assert_eq!(ran.stdout, "one\ntwo\n");
    assert_eq!(last_messages(&chat), ["first", "second"]);
    assert_eq!(chat.got()[1].json()["messages"].as_array().unwrap().len(), 4);
}

#[test]
fn a_message_can_come_from_stdin() {
    for arguments in
        [&["run", "agent.yaml"] as &[&str], &["run", "agent.yaml", "-"], &["run", "agent.yaml", "--exec"]]
    {
        let home = home();
        let chat = Server::chat([server::says("yes")]);
        let _file = home.agent(&chat);
        let ran = home.run_with_stdin(arguments, "two\nlines, the last unended").ok();
        assert_eq!(ran.stdout, "yes\n");
        assert_eq!(last_messages(&chat), ["two\nlines, the last unended"]);
    }
}

#[test]
fn no_message_at_all_is_wrong_use_with_a_hint() {
    let home = home();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    for (arguments, stdin) in
        [(vec!["run", &file], ""), (vec!["run", &file, "-"], " \n"), (vec!["run", &file, "--exec"], "")]
    {
        let ran = home.run_with_stdin(&arguments, stdin);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("hint: give it after the agent file"), "{ran:?}");
    }
    assert_eq!(chat.connections(), 0);
}

#[test]
fn mistakes_in_the_agent_file_name_their_place() {
    let home = home();
    home.write("bad.yaml", "agents:\n  root:\n    modle: openai/gpt-4o\n");
    let ran = home.run(&["run", "bad.yaml", "hi"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("error: bad.yaml:3:5: unknown key `modle`"), "{ran:?}");
    assert!(ran.stderr.contains("(did you mean `model`?)\n 3 |     modle: openai/gpt-4o\n"), "{ran:?}");
    let ran = home.run(&["run", "missing.yaml", "hi"]);
    assert!(ran.stderr.contains("error: cannot read missing.yaml"), "{ran:?}");
}

#[test]
fn features_that_do_not_run_yet_are_refused() {
    let home = home();
    home.write("later.yaml", "agents: {root: {model: openai/gpt-4o, toolsets: [{type: lsp, command: x}]}}");
    let ran = home.run(&["run", "later.yaml", "hi"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("error: not supported yet: later.yaml:1: toolset `lsp` in "), "{ran:?}");
}

#[test]
fn commands_of_the_file_are_said_by_name() {
    let home = home().with("WHO", "Ada");
    let chat = Server::chat([server::says("yes"), server::says("yes")]);
    let file = home.agent(&chat);
    let text = std::fs::read_to_string(home.path().join(&file)).expect("the agent file");
    let commands = "    commands: {greet: 'Greet ${args[0]} from ${env.WHO}'}\nmodels:\n";
    home.write(&file, &text.replace("models:\n", commands));
    let _ran = home.run(&["run", &file, "/greet Bob", "/greeting"]).ok();
    assert_eq!(last_messages(&chat), ["Greet Bob from Ada", "/greeting"]);
}

#[test]
fn a_missing_key_is_named() {
    let home = home();
    home.write("keyless.yaml", "agents: {root: {model: openai/gpt-4o}}");
    let ran = home.run(&["run", "keyless.yaml", "hi"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("OPENAI_API_KEY") && ran.stderr.contains("hint: "), "{ran:?}");
}

#[test]
fn keys_can_come_from_an_env_file() {
    let mut home = home();
    home.unset("CHAT_KEY");
    home.write("keys.env", "CHAT_KEY=from-the-file\n");
    let chat = Server::chat([server::says("yes")]);
    let _ran = home.run(&["run", &home.agent(&chat), "hi", "--env-from-file", "keys.env"]).ok();
    assert!(chat.got()[0].head.contains("from-the-file"));
}

#[test]
fn an_env_file_that_cannot_be_read_is_an_error_that_names_it() {
    let home = home();
    home.write("bad.env", "A=b\nthis is no line\n");
    for (file, text) in
        [("missing.env", "missing.env"), ("bad.env", "bad.env: line 2"), (".", "cannot read the env file .")]
    {
        let ran = home.run(&["run", "agent.yaml", "hi", "--env-from-file", file]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(text), "{ran:?}");
    }
}

#[test]
fn tools_that_need_asking_are_denied_where_nobody_is_and_that_is_said_once() {
    for more in [&[] as &[&str], &["--exec"], &["--json"]] {
        let home = home();
        let call = || server::calls("shell", &json!({"cmd": "touch made"}));
        let chat = Server::chat([call(), call(), server::says("done")]);
        let file = home.agent(&chat);
        let ran = home.run(&[&["run", &file, "hi"], more].concat()).ok();
        assert_eq!(ran.stderr.matches("--yolo lets tools run unasked").count(), 1, "{ran:?}");
        assert!(!home.path().join("made").exists());
    }
}

#[test]
fn yolo_runs_tools_in_the_working_dir() {
    let home = home();
    fs::create_dir(home.path().join("inside")).unwrap();
    let chat = Server::chat([server::calls("shell", &json!({"cmd": "touch made"})), server::says("done")]);
    let _ran = home.run(&["run", &home.agent(&chat), "hi", "--yolo", "--working-dir", "inside"]).ok();
    assert!(home.path().join("inside/made").exists());
    let ran = home.run(&["run", "agent.yaml", "hi", "--working-dir", "nowhere"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot work in nowhere"), "{ran:?}");
}

#[test]
fn deny_beats_yolo() {
    let home = home();
    let chat = Server::chat([server::calls("shell", &json!({"cmd": "touch made"})), server::says("done")]);
    let file = home.agent_with(&chat, "permissions: {deny: [shell]}");
    let ran = home.run(&["run", &file, "hi", "--yolo"]).ok();
    assert!(ran.stderr.contains("tool: shell denied"), "{ran:?}");
    assert!(!home.path().join("made").exists());
}

#[test]
fn json_is_one_event_a_line_errors_included() {
    let home = home();
    let chat = Server::chat([server::says("hello")]);
    let file = home.agent(&chat);
    let events = |ran: &crate::setup::Ran| -> Vec<Value> {
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    };
    let types = |events: &[Value]| -> Vec<String> {
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let ran = home.run(&["run", &file, "hi", "--json"]).ok();
    assert_eq!(types(&events(&ran)), ["session_started", "text_delta", "usage", "turn_ended"]);
    assert_eq!(ran.stderr, "");

    let ran = home.run(&["run", "missing.yaml", "hi", "--json"]);
    assert_eq!(ran.code, 1);
    let events_of_failure = events(&ran);
    assert_eq!(types(&events_of_failure), ["error"]);
    assert_eq!(events_of_failure[0]["class"], "config");

    let refused = Server::start(|_| server::answer(401, "application/json", r#"{"error":{"message":"no"}}"#));
    let ran = home.run(&["run", &home.agent(&refused), "hi", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(types(&events(&ran)), ["session_started", "error", "turn_ended"]);
}

#[test]
fn a_question_of_a_tool_is_declined_where_nobody_can_be_asked() {
    for more in ["--json", "--exec"] {
        let home = home();
        let chat = Server::chat([
            server::calls("user_prompt", &json!({"message": "Which one?"})),
            server::says("Never mind."),
        ]);
        let file = home.agent(&chat);
        let text = fs::read_to_string(home.path().join(&file)).unwrap();
        home.write(&file, &text.replace("{type: shell}", "{type: user_prompt}"));
        let _ran = home.run(&["run", &file, "hi", more]).ok();
        assert!(last_messages(&chat)[1].contains("decline"), "{:?}", last_messages(&chat));
    }
}

#[test]
fn what_was_recorded_plays_again_without_key_and_network() {
    let mut home = home();
    let chat =
        Server::chat([server::calls("shell", &json!({"cmd": "echo x >> made"})), server::says("done")]);
    let file = home.agent(&chat);
    let recorded = home.run(&["run", &file, "hi", "--yolo", "--record", "tape.yaml"]).ok();
    assert!(
        recorded.stderr.contains("recording to tape.yaml; prompts and answers are in it"),
        "{recorded:?}"
    );
    let tape = fs::read_to_string(home.path().join("tape.yaml")).unwrap();
    assert!(!tape.contains("sk-test"), "{tape}");
    let mode = fs::metadata(home.path().join("tape.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    home.unset("CHAT_KEY");
    let before = chat.connections();
    let played = home.run(&["run", &file, "hi", "--yolo", "--fake", "tape.yaml"]).ok();
    assert!(
        played.stderr.contains("answers come from the recording tape.yaml; tools really run"),
        "{played:?}"
    );
    assert_eq!(played.stdout, "done\n");
    assert_eq!(chat.connections(), before);
    assert_eq!(fs::read_to_string(home.path().join("made")).unwrap(), "x\nx\n");

    // A recording is no approval.
    let unasked = home.run(&["run", &file, "hi", "--fake", "tape.yaml"]).ok();
    assert!(unasked.stderr.contains("tool: shell denied"), "{unasked:?}");
    let other = home.run(&["run", &file, "something else", "--fake", "tape.yaml"]);
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("interaction 0"), "{other:?}");
}

#[test]
fn a_reader_that_went_away_ends_a_run_quietly() {
    let home = home();
    let chat = Server::chat([server::says("hello"), server::says("unheard")]);
    let file = home.agent(&chat);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = home.command(&["run", &file, "one", "two"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the program");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    assert_eq!(chat.got().len(), 1, "nobody reads a second answer");
}

#[test]
fn an_agent_and_a_model_can_be_chosen() {
    let home = home();
    let chat = Server::chat([server::says("hello")]);
    let other = format!(
        "  other: {{provider: openai, model: gpt-4o-mini, base_url: '{}', token_key: CHAT_KEY}}\n",
        chat.base_url()
    );
    let file = home.agent_with(&chat, &other);
    let _ran = home.run(&["run", &file, "hi", "--model", "other", "-a", "root"]).ok();
    assert_eq!(chat.got()[0].json()["model"], "gpt-4o-mini");
    let ran = home.run(&["run", &file, "hi", "--agent", "nobody"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nobody") && ran.stderr.contains("root"), "{ran:?}");
}

#[test]
fn an_answer_without_a_word_is_said() {
    let home = home();
    let chat = Server::chat([server::says("")]);
    let file = home.agent(&chat);
    let ran = home.run(&["run", &file, "hi"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "warning: the model said nothing\n"));
}
