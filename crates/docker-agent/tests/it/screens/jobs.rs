//! A run in the background of somebody's shell.

use insta::assert_snapshot;
use serde_json::json;

use super::tmux::Tmux;
use super::{home, patient_model};
use crate::server::{self, Server};

#[test]
fn a_job_in_the_background_needs_no_terminal() {
    let home = home();
    let (chat, go) = patient_model([server::says("Done, **quietly**.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start_behind(&home, 80, &["run", &file, "Take your time."]) else { return };
    chat.wait_for(1);
    // Typed for somebody else, who would echo it.
    tmux.write("for the shell");
    tmux.wait_for("for the shell");
    go.send(()).expect("a model");
    assert_snapshot!(tmux.wait_for("exit 0"), @"
    for the shellDone, quietly.
    exit 0, icanon echo
    ");
}

#[test]
fn a_job_in_the_background_asks_when_it_comes_to_the_front() {
    let home = home();
    let chat = Server::chat([server::calls("shell", &json!({"cmd": "touch made"})), server::says("Done.")]);
    let file = home.agent(&chat);
    let Some(tmux) = Tmux::start_behind(&home, 80, &["run", &file, "Make it."]) else { return };
    tmux.wait_for("stopped");
    assert!(!home.path().join("made").exists());
    tmux.press("Enter");
    // What is typed before the question does not answer it.
    tmux.wait_for("from now on:");
    tmux.write("y");
    tmux.press("Enter");
    assert_snapshot!(tmux.wait_for("exit 0"), @r#"
    stopped

    run shell {"cmd":"touch made"}? [y]es, [n]o, [a]llow every tool from now on: y
    yes
    ✓ shell touch made (T)
    Done.
    exit 0, icanon echo
    "#);
    assert!(home.path().join("made").exists());
}
