//! Changes of files: seen before somebody says yes, or afterwards.

use insta::assert_snapshot;
use serde_json::json;

use super::home;
use super::tmux::Tmux;
use crate::server::{self, Server};

#[test]
fn an_edit_is_shown_and_confirmed_with_one_key() {
    let home = home();
    home.write("a.txt", "one\ntwo\nthree\n");
    let edits = json!([{"oldText": "one\ntwo", "newText": "one\n2"}]);
    let edit = server::calls("edit_file", &json!({"path": "a.txt", "edits": edits}));
    let shell = server::calls("shell", &json!({"cmd": "false"}));
    let chat = Server::chat([edit, shell, server::says("Done.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file, "Edit it."]) else { return };
    tmux.wait_for("run edit_file on a.txt? [y]es, [n]o, [a]llow every tool from now on:");
    assert_eq!(std::fs::read_to_string(home.path().join("a.txt")).expect("a file"), "one\ntwo\nthree\n");
    tmux.press("y");
    tmux.wait_for("run shell");
    tmux.press("n");
    assert_snapshot!(tmux.wait_for("exit 0"), @r#"
      one
    - two
    + 2
    run edit_file on a.txt? [y]es, [n]o, [a]llow every tool from now on: yes
    ✓ edit_file a.txt (+1 -1, T)
    run shell {"cmd":"false"}? [y]es, [n]o, [a]llow every tool from now on: no
    ✗ shell false (denied, T)
      the user declined this call
    Done.
    exit 0, icanon echo
    "#);
    assert_eq!(std::fs::read_to_string(home.path().join("a.txt")).expect("a file"), "one\n2\nthree\n");
}

#[test]
fn what_was_not_asked_about_is_shown_afterwards() {
    let home = home();
    home.write("a.txt", "one\ntwo\nthree\n");
    let edits = json!([{"oldText": "two", "newText": "2"}]);
    let edit = server::calls("edit_file", &json!({"path": "a.txt", "edits": edits}));
    let write = server::calls("write_file", &json!({"path": "b.txt", "content": "new\n"}));
    let chat = Server::chat([edit, write, server::says("Done.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file, "Edit it.", "--yolo"]) else { return };
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    ✓ edit_file a.txt (+1 -1, T)
      one
    - two
    + 2
      three
    ✓ write_file b.txt (+1 -0, T)
    + new
    Done.
    exit 0, icanon echo
    ");
}

#[test]
fn a_file_is_asked_about_by_its_lines() {
    let home = home();
    home.write("a.txt", "old\n");
    let write = |path: &str| server::calls("write_file", &json!({"path": path, "content": "one\ntwo\n"}));
    let chat = Server::chat([write("new.txt"), write("a.txt"), server::says("Done.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start(&home, 80, &["run", &file, "Write it."]) else { return };
    tmux.wait_for("run write_file on new.txt?");
    tmux.press("y");
    tmux.wait_for("run write_file on a.txt?");
    tmux.press("y");
    // What was seen before is not shown again; that a line went was not seen.
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    + one
    + two
    run write_file on new.txt? [y]es, [n]o, [a]llow every tool from now on: yes
    ✓ write_file new.txt (+2 -0, T)
    + one
    + two
    run write_file on a.txt? [y]es, [n]o, [a]llow every tool from now on: yes
    ✓ write_file a.txt (+2 -1, T)
    - old
    + one
    + two
    Done.
    exit 0, icanon echo
    ");
}
