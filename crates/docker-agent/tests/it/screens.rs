//! `docker-agent run` as somebody sees it who types: screens, compared.

mod edits;
mod jobs;
mod tmux;

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Mutex, mpsc};

use insta::assert_snapshot;
use serde_json::json;

use self::tmux::Tmux;
use crate::server::{self, Server, answer};
use crate::setup::Home;

const ANSWER: &str = "# Plan\n\nThere are **two** files, and this line is long enough to be broken in most terminals.\n\n\
                      - `a.txt`, which is short\n- `b.txt`\n\n| file | lines |\n|---|---|\n| a.txt | 1 |\n| b.txt | 20 |\n\n\
                      ```sh\nls -l\n```";

fn home() -> Home {
    Home::quiet().with("CHAT_KEY", "x")
}

/// A model that answers when it is told to.
fn patient_model(answers: impl IntoIterator<Item = String>) -> (Server, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel();
    let answers: Vec<String> = answers.into_iter().collect();
    let state = Mutex::new((answers.into_iter(), wait));
    let server = Server::start(move |_| {
        let mut state = state.lock().expect("one at a time");
        // The test's end is a word, too.
        let _ = state.1.recv();
        let next = state.0.next().unwrap_or_default();
        answer(200, "text/event-stream", &next)
    });
    (server, go)
}

/// A model that says what it is told to, piece by piece, until nothing more is said; and its `base_url`.
fn streaming_model() -> (String, mpsc::Sender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let (say, said) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        server::request(&mut BufReader::new(&stream)).expect("a request");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("a head");
        while let Ok(text) = said.recv() {
            let delta = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
            stream.write_all(format!("data: {delta}\n\n").as_bytes()).expect("a piece");
        }
        let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        stream.write_all(format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes()).expect("an end");
    });
    (url, say)
}

#[test]
fn an_answer_is_shown_while_it_is_written() {
    let home = home();
    let (url, say) = streaming_model();
    let model = format!("m: {{provider: openai, model: gpt-4o, base_url: '{url}'}}");
    home.write("agent.yaml", &format!("agents: {{root: {{model: m}}}}\nmodels: {{{model}}}\n"));
    let Some(tmux) = Tmux::start(&home, 40, &["run", "agent.yaml", "Say it."]) else { return };
    tmux.wait_for("waiting");
    say.send("Hello, **wor").expect("a model");
    assert_eq!(tmux.wait_for("Hello"), "Hello,", "half a word is not shown, nor the spinner within a line");
    say.send("ld**, how").expect("a model");
    assert_eq!(tmux.wait_for("world"), "Hello, world,");
    say.send(" are you?\n\n- fine\n- th").expect("a model");
    assert_eq!(tmux.wait_for("fine"), "Hello, world, how are you?\n\n• fine\n•");
    drop(say);
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    Hello, world, how are you?

    • fine
    • th
    exit 0, icanon echo
    ");
}

#[test]
fn a_message_is_typed_and_answered() {
    let home = home();
    let (chat, go) = patient_model([server::says(ANSWER)]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file]) else { return };
    tmux.wait_for("\n>");
    tmux.write("What is here?");
    tmux.press("Enter");
    tmux.wait_for("waiting");
    go.send(()).expect("a model");
    tmux.wait_for("tokens · $");
    tmux.write("/exit");
    tmux.press("Enter");
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    root, openai/gpt-4o · /help says what else
    > What is here?
    Plan

    There are two files, and this line is long enough to be broken in most
    terminals.

    • a.txt, which is short
    • b.txt

    file  │ lines
    ──────┼──────
    a.txt │ 1
    b.txt │ 20

      ls -l
    root · openai/gpt-4o · 150 tokens · $0.0008
    > /exit
    exit 0, icanon echo
    ");
}

#[test]
fn an_answer_fits_into_40_columns() {
    let home = home();
    let read = server::calls("read_file", &json!({"path": "gone.txt"}));
    let chat = Server::chat([read, server::says(ANSWER)]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 40, &["run", &file, "What is here?"]) else { return };
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    ✗ read_file gone.txt (failed, T)
      gone.txt: No such file or directory…
    Plan

    There are two files, and this line is
    long enough to be broken in most
    terminals.

    • a.txt, which is short
    • b.txt

    file  │ lines
    ──────┼──────
    a.txt │ 1
    b.txt │ 20

      ls -l
    exit 0, icanon echo
    ");
}

#[test]
fn a_tool_can_ask() {
    let home = home();
    let schema = json!({"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]});
    let ask = |arguments: serde_json::Value| server::calls("user_prompt", &arguments);
    let chat = Server::chat([
        ask(json!({"message": "Which branch?"})),
        ask(json!({"title": "About you", "message": "How old?", "schema": schema})),
        server::says("Thank you."),
    ]);
    let file = home.agent(&chat);
    let text = std::fs::read_to_string(home.path().join(&file)).expect("the agent file");
    home.write(&file, &text.replace("{type: shell}", "{type: user_prompt}"));
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file, "Ask me."]) else { return };
    let answer = |question: &str, answer: &str| {
        tmux.wait_for(question);
        tmux.write(answer);
        tmux.press("Enter");
    };
    answer("to decline:", "main");
    answer("age (a whole number)", "old");
    answer("not a whole number\nage", "42");
    assert_snapshot!(tmux.wait_for("exit 0"), @r#"
    the agent asks: Which branch?
    answer, or nothing to decline: main
    ✓ user_prompt Which branch? (T)
    About you
    the agent asks: How old?
    age (a whole number), or nothing to decline: old
    not a whole number
    age (a whole number), or nothing to decline: 42
    ✓ user_prompt How old? (T)
    Thank you.
    exit 0, icanon echo
    "#);
    let told = |at: usize| chat.got()[at].json()["messages"].as_array().expect("messages").last().cloned();
    let told = |at: usize| told(at).expect("an answer")["content"].to_string();
    assert!(told(1).contains("main") && told(2).contains("42"), "{} {}", told(1), told(2));
}

#[test]
fn another_model_can_answer_from_now_on() {
    let home = home();
    let chat = Server::chat([server::says("I am one."), server::says("I am another.")]);
    let other = format!(
        "  small: {{provider: openai, model: gpt-4o-mini, base_url: '{}', token_key: CHAT_KEY}}\n",
        chat.base_url()
    );
    let file = home.agent_with(&chat, &other);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file]) else { return };
    tmux.wait_for("\n>");
    let say = |text: &str| {
        tmux.write(text);
        tmux.press("Enter");
    };
    say("Who are you?");
    tmux.wait_for("150 tokens");
    say("/model nonsense");
    tmux.wait_for("no model");
    tmux.write("/model sm");
    tmux.press("Tab");
    tmux.wait_for("> /model small");
    tmux.press("Enter");
    tmux.wait_for("answers from now on");
    say("And you?");
    tmux.wait_for("300 tokens");
    say("/clear");
    tmux.wait_for("is remembered");
    say("/model");
    tmux.wait_for("lets another one");
    say("/exit");
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    root, openai/gpt-4o · /help says what else
    > Who are you?
    I am one.
    root · openai/gpt-4o · 150 tokens · $0.0008
    > /model nonsense
    error: no model `nonsense` in agent.yaml, and it is no provider/model
    > /model small
    openai/gpt-4o-mini answers from now on
    > And you?
    I am another.
    root · openai/gpt-4o-mini · 300 tokens · $0.0015
    > /clear
    a new conversation; nothing of the last one is remembered
    > /model
    openai/gpt-4o-mini; `/model NAME` lets another one answer
    > /exit
    exit 0, icanon echo
    ");
    let asked: Vec<(String, usize)> = chat
        .got()
        .iter()
        .map(|got| {
            let body = got.json();
            (body["model"].to_string(), body["messages"].as_array().expect("messages").len())
        })
        .collect();
    assert_eq!(asked, [("\"gpt-4o\"".to_owned(), 2), ("\"gpt-4o-mini\"".to_owned(), 4)]);
}

#[test]
fn a_model_that_cannot_be_reached_is_said_with_what_to_do() {
    let home = home();
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = nobody.local_addr().expect("an address").port();
    drop(nobody);
    let model = format!("m: {{provider: openai, model: gpt-4o, base_url: 'http://127.0.0.1:{port}/v1'}}");
    let agent = "root: {model: m, fallback: {models: [m], retries: -1}}";
    home.write("agent.yaml", &format!("agents: {{{agent}}}\nmodels: {{{model}}}\n"));
    let Some(tmux) = Tmux::start(&home, 100, &["run", "agent.yaml", "hi"]) else { return };
    assert_snapshot!(tmux.wait_for("exit 1").replace(&port.to_string(), "PORT"), @"
    openai/gpt-4o does not answer, asking openai/gpt-4o: the connection to the model failed: cannot
    connect to 127.0.0.1:PORT: Connection refused (os error 111)
    error: the connection to the model failed
    cause: cannot connect to 127.0.0.1:PORT: Connection refused (os error 111)
    hint: check `base_url` in the agent file, and that the model's server runs
    exit 1, icanon echo
    ");
}

#[test]
fn ctrl_c_stops_an_answer_and_twice_leaves() {
    let home = home();
    let (chat, go) = patient_model([String::new(), server::says("Here I am.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file]) else { return };
    tmux.wait_for("\n>");
    tmux.write("Take your time.");
    tmux.press("Enter");
    tmux.wait_for("waiting");
    tmux.press("C-c");
    tmux.wait_for("stopped");
    go.send(()).expect("a model");
    go.send(()).expect("a model");
    tmux.write("Are you there?");
    tmux.press("Enter");
    tmux.wait_for("Here I am.");
    tmux.wait_for("tokens · $");
    tmux.write("half a line");
    tmux.wait_for("> half a line");
    tmux.press("C-c");
    tmux.wait_for("so does /exit\n>");
    tmux.press("C-c");
    assert_snapshot!(tmux.wait_for("exit 130"), @"
    root, openai/gpt-4o · /help says what else
    > Take your time.
    stopped
    root · openai/gpt-4o · tokens unknown
    > Are you there?
    Here I am.
    root · openai/gpt-4o · 150 tokens · $0.0008
    > half a line
    Ctrl-C again leaves, and so does /exit
    >
    exit 130, icanon echo
    ");
}

#[test]
fn ctrl_c_answers_a_question() {
    let home = home();
    let call = server::calls("shell", &json!({"cmd": "touch made"}));
    let chat = Server::chat([call]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file, "hi"]) else { return };
    tmux.wait_for("from now on:");
    tmux.press("C-c");
    assert_snapshot!(tmux.wait_for("exit 130"), @r#"
    run shell {"cmd":"touch made"}? [y]es, [n]o, [a]llow every tool from now on:
    ✗ shell touch made (cancelled, T)
      [not run: cancelled by the user]
    exit 130, icanon echo
    "#);
    assert!(!home.path().join("made").exists());
}

#[test]
fn a_terminal_may_change_its_size_at_any_time() {
    let home = home();
    let (chat, go) = patient_model([server::says(ANSWER), server::says("And **this** is a second answer.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 100, &["run", &file]) else { return };
    tmux.wait_for("\n>");
    tmux.write("What is here?");
    tmux.press("Enter");
    tmux.wait_for("waiting");
    tmux.resize(50);
    go.send(()).expect("a model");
    tmux.wait_for("tokens · $");
    tmux.resize(40);
    tmux.write("And a second question, which is long?");
    tmux.resize(30);
    tmux.resize(60);
    tmux.press("Enter");
    tmux.wait_for("waiting");
    tmux.resize(40);
    tmux.resize(80);
    go.send(()).expect("a model");
    tmux.wait_for("300 tokens");
    tmux.write("/exit");
    tmux.press("Enter");
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    root, openai/gpt-4o · /help says what else
    > What is here?
    Plan

    There are two files, and this line is long enough
    to be broken in most terminals.

    • a.txt, which is short
    • b.txt

    file  │ lines
    ──────┼──────
    a.txt │ 1
    b.txt │ 20

      ls -l
    root · openai/gpt-4o · 150 tokens · $0.0008
    > And a second question, which is long?
    And this is a second answer.
    root · openai/gpt-4o · 300 tokens · $0.0015
    > /exit
    exit 0, icanon echo
    ");
}

#[test]
fn words_are_completed_and_lines_remembered() {
    let home = home();
    home.write("a-file.txt", "");
    let chat = Server::chat([server::says("An empty one.")]);
    let file = home.agent(&chat);
    let start = || {
        let tmux = Tmux::start(&home, 80, &["run", &file])?;
        tmux.wait_for("\n>");
        Some(tmux)
    };
    let Some(tmux) = start() else { return };
    tmux.write("/he");
    tmux.press("Tab");
    tmux.wait_for("> /help");
    tmux.press("Enter");
    tmux.wait_for("Ctrl-C stops an answer");
    tmux.write("What is a-f");
    tmux.press("Tab");
    tmux.wait_for("> What is a-file.txt");
    tmux.press("Enter");
    tmux.wait_for("tokens · $");
    // Typed ahead of their answers.
    for command in ["/cost", "/model", "/session", "/nonsense", "/clear"] {
        tmux.write(command);
        tmux.press("Enter");
    }
    assert_snapshot!(tmux.wait_for("is remembered\n>"), @"
      /telemetry  what is collected, and whether it is sent
      /clear      begin a new conversation
      /exit       leave; Ctrl-D and twice Ctrl-C do, too
      Tab completes commands and file names; Ctrl-C stops an answer.
    > What is a-file.txt
    An empty one.
    root · openai/gpt-4o · 150 tokens · $0.0008
    > /cost
    100 tokens read (0 cached), 50 written (0 thoughts): $0.0008
    > /model
    openai/gpt-4o; `/model NAME` lets another one answer
    > /session
    agent  root
    model  openai/gpt-4o
    tools  read_file, read_multiple_files, list_directory, directory_tree,
           search_files_content, write_file, edit_file, create_directory,
           remove_directory, shell, run_background_job, list_background_jobs,
           view_background_job, stop_background_job
    turns  1
    > /nonsense
    there is no /nonsense; /help says what there is
    > /clear
    a new conversation; nothing of the last one is remembered
    >
    ");
    drop(tmux);
    let Some(tmux) = start() else { return };
    for _ in 0..6 {
        tmux.press("Up");
    }
    tmux.wait_for("> What is a-file.txt");
    let history = home.state().join("history");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(history).expect("a file"));
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn slash_telemetry_shows_the_status() {
    let home = home();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &[&file]) else { return };
    tmux.wait_for("\n>");
    tmux.write("/telemetry");
    tmux.press("Enter");
    tmux.wait_for("Telemetry is off: nothing is recorded or sent");
    tmux.press("C-d");
    tmux.wait_for("exit 0");
}
