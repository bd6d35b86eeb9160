//! `sessions`: what was said is kept, listed, shown and made into a document.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::server::{self, Server};
use crate::setup::{Home, Ran};

/// A home in which one conversation was held, with a tool call in it.
fn talked() -> Home {
    let home = Home::quiet().with("CHAT_KEY", "x").with("TZ", "UTC");
    home.write("notes.txt", "```\nthree backticks\n```\n");
    let chat = Server::chat([
        server::calls("read_file", &json!({"path": "notes.txt"})),
        server::says("It has **one** block of code."),
    ]);
    let file = home.agent(&chat);
    let _ran = home.run(&["run", &file, "What is in notes.txt?"]).ok();
    home
}

/// The output without what differs from run to run.
fn same(ran: Ran, home: &Home) -> String {
    let listed = home.run(&["sessions", "list", "--json"]).ok();
    let session: Value = serde_json::from_str(&listed.stdout).expect("one conversation");
    let (id, at) = (session["session"].as_str().expect("an id"), session["started_ms"].to_string());
    let folder = std::fs::canonicalize(home.path()).expect("a folder");
    let text = ran.ok().stdout.replace(id, "ID").replace(&at, "MS");
    let text = text.replace(folder.to_str().expect("UTF-8"), "HOME");
    let text = text.replace(home.path().to_str().expect("UTF-8"), "HOME");
    let date = date_in(&text);
    date.map_or(text.clone(), |date| text.replace(&date, "DATE"))
}

/// `2026-11-22 12:00`, wherever it stands.
fn date_in(text: &str) -> Option<String> {
    let is_date = |window: &[u8]| {
        let form = b"0000-00-00 00:00";
        window.iter().zip(form).all(|(c, form)| if *form == b'0' { c.is_ascii_digit() } else { c == form })
    };
    let found = text.as_bytes().windows(16).find(|window| is_date(window))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

#[test]
fn a_conversation_is_listed_and_shown() {
    let home = talked();
    assert_snapshot!(same(home.run(&["sessions", "list"]), &home), @"ID  DATE  root  1 turn  What is in notes.txt?");
    assert_snapshot!(same(home.run(&["sessions", "show", "-1"]), &home), @r#"
    session ID
    DATE with root, in HOME

    you:
    What is in notes.txt?

    root:
    [read_file {"path":"notes.txt"}]

    tool:
    ```
    three backticks
    ```

    root:
    It has **one** block of code.
    "#);
}

#[test]
fn a_conversation_becomes_a_document_without_folders_of_this_machine() {
    let home = talked();
    let document = same(home.run(&["sessions", "export", "-1"]), &home);
    assert_snapshot!(document, @r#"
    # Conversation with root, DATE

    ## You

    What is in notes.txt?

    ## root

    Calls `read_file`:

    ```json
    {
      "path": "notes.txt"
    }
    ```

    The tool answers:

    ````
    ```
    three backticks
    ```
    ````

    ## root

    It has **one** block of code.
    "#);
    let json = home.run(&["sessions", "export", "-1", "--format", "json"]).ok().json();
    assert_eq!(json["agent"], "root");
    assert_eq!(json["messages"][0]["user"], "What is in notes.txt?");
    assert_eq!(json["messages"].as_array().expect("messages").len(), 4);
    assert!(!json.to_string().contains(home.path().to_str().expect("UTF-8")));
}

#[test]
fn what_is_continued_is_said() {
    let home = talked();
    let chat = Server::chat([server::says("As I said: one.")]);
    let file = home.agent(&chat);
    let ran = home.run(&["run", &file, "--session", "-1", "How many?"]).ok();
    assert_eq!(ran.stdout, "As I said: one.\n");
    assert_snapshot!(ran.stderr, @r#"note: continues "What is in notes.txt?" after 1 turn"#);
    assert_snapshot!(same(home.run(&["sessions", "list"]), &home), @"ID  DATE  root  2 turns  What is in notes.txt?");
}

#[test]
fn where_a_conversation_began_is_kept_and_said_when_it_goes_on_elsewhere() {
    let home = talked();
    home.write("elsewhere/notes.txt", "other notes");
    let chat = Server::chat([server::says("I do not know."), server::says("Nor here.")]);
    let file = home.agent(&chat);
    let there = home.run(&["run", &file, "--session", "-1", "--working-dir", "elsewhere", "And here?"]).ok();
    let folder = std::fs::canonicalize(home.path()).expect("a folder");
    let said = there.stderr.replace(folder.to_str().expect("UTF-8"), "HOME");
    assert_snapshot!(said, @r#"
    note: continues "What is in notes.txt?" after 1 turn
    note: it began in HOME; now tools work in HOME/elsewhere
    "#);
    let _new = home.run(&["run", &file, "--working-dir", "elsewhere", "New."]).ok();
    let shown = home.run(&["sessions", "show", "-1"]).ok().stdout;
    assert!(shown.contains(&format!("in {}/elsewhere\n", folder.display())), "{shown}");
}

#[test]
fn a_conversation_in_which_nothing_is_said_is_not_kept() {
    let home = Home::quiet().with("CHAT_KEY", "x");
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    assert_eq!(home.run(&["run", &file]).code, 2);
    assert_eq!(home.run(&["sessions", "list", "--json"]).ok().stdout, "");
}

#[test]
fn what_is_not_there_is_said() {
    let home = Home::quiet();
    // Looking makes nothing, neither file nor folder.
    for looking in [&["sessions", "list"][..], &["sessions", "show", "-1"], &["sessions", "export", "-1"]] {
        let _looked = home.run(looking);
        assert_eq!(std::fs::read_dir(home.path()).expect("a home").count(), 0, "{looking:?}");
    }
    assert_snapshot!(home.run(&["sessions", "list"]).ok().stderr, @"note: no session is kept yet; `docker-agent run` keeps what is said without --exec, --json or --fake");
    let ran = home.run(&["sessions", "export", "-1"]);
    assert_eq!(ran.code, 2);
    assert_snapshot!(ran.stderr.replace(home.path().to_str().expect("UTF-8"), "HOME"), @"error: no session `-1` in HOME/.local/state/docker-agent/sessions (there is none yet)");
}
