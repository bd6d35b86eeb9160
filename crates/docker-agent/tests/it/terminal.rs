//! `docker-agent run` at a terminal: the prompt, and being asked.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::server::{self, PATIENCE, Server};
use crate::setup::{Home, shape};

/// A program at a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let open =
            || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        let mut command = home.command(arguments);
        command.stdin(open()).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
        let child = command.spawn().expect("the program");
        drop(command);
        let (sender, screen) = mpsc::channel();
        let mut reader = File::from(master.try_clone().expect("a second handle"));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when the other end is closed.
            while let Ok(length) = reader.read(&mut bytes) {
                if length == 0 || sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keyboard = File::from(master);
        Self { child, keyboard, screen, seen: String::new() }
    }

    /// Waits until the screen shows a text, and forgets what is before its end.
    fn expect(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let more = self.screen.recv_timeout(PATIENCE);
            let more = more.unwrap_or_else(|_| panic!("waited for {text:?}, saw {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("keys");
    }

    /// Waits until the screen's other end is closed, and the program with it.
    fn end(mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(more) => self.seen.push_str(&String::from_utf8_lossy(&more)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("did not end; saw {:?}", self.seen);
                }
            }
        }
        self.child.wait().expect("an end").code().expect("an exit code")
    }
}

fn home() -> Home {
    Home::quiet().with("CHAT_KEY", "x")
}

#[test]
fn a_prompt_takes_messages_until_exit() {
    let home = home();
    let chat = Server::chat([server::says("first answer"), server::says("second answer")]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file]);
    terminal.expect("> ");
    terminal.press("hello\n");
    terminal.expect("first answer");
    terminal.expect("> ");
    terminal.press("\nagain\n");
    terminal.expect("second answer");
    terminal.press("/exit\n");
    assert_eq!(terminal.end(), 0);
    assert_eq!(chat.got().len(), 2);
}

#[test]
fn p11_a_conversation_at_a_prompt_is_recorded_like_any_other() {
    let home = Home::new().with("CHAT_KEY", "x");
    home.write("notes.txt", "hello");
    let chat = Server::chat([
        server::calls("read_file", &json!({"path": "notes.txt"})),
        server::says("It says hello."),
        server::says("Bye."),
    ]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file]);
    terminal.expect("> ");
    terminal.press("what?\n");
    terminal.expect("It says hello.");
    terminal.expect("> ");
    terminal.press("thanks\n");
    terminal.expect("Bye.");
    terminal.expect("> ");
    terminal.press("/exit\n");
    assert_eq!(terminal.end(), 0);
    let records = home.pending();
    let expected = [
        "session start",
        "token usage",
        "tool read_file ok",
        "token usage",
        "token usage",
        "session end completed",
        "run 0",
    ];
    assert_eq!(shape(&records), expected);
    assert_eq!(records[5]["properties"]["turns"], 2);
}

#[test]
fn the_end_of_input_leaves() {
    let home = home();
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file]);
    terminal.expect("> ");
    // Ctrl-D.
    terminal.press("\u{4}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn p8_ctrl_c_at_the_prompt_is_recorded() {
    let home = Home::new().with("CHAT_KEY", "x");
    let chat = Server::chat([]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file]);
    terminal.expect("> ");
    // Once as a key, once as a signal.
    terminal.press("\u{3}");
    terminal.expect("Ctrl-C again leaves");
    terminal.expect("> ");
    kill_process(Pid::from_child(&terminal.child), Signal::INT).expect("a signal");
    assert_eq!(terminal.end(), 130);
    assert_eq!(shape(&home.pending()), ["run 130 cancelled"]);
}

#[test]
fn p8_a_terminal_that_goes_away_ends_the_prompt() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new().with("CHAT_KEY", "x");
        let chat = Server::chat([]);
        let file = home.agent(&chat);
        let mut terminal = Terminal::start(&home, &["run", &file]);
        terminal.expect("> ");
        kill_process(Pid::from_child(&terminal.child), signal).expect("a signal");
        assert_eq!(terminal.end(), code);
        assert_eq!(shape(&home.pending()), [format!("run {code} cancelled")]);
    }
}

#[test]
fn a_person_is_asked_and_decides() {
    for (keys, made) in [("y", true), ("n", false), ("\u{1b}", false), ("\u{4}", false)] {
        let home = home();
        let chat =
            Server::chat([server::calls("shell", &json!({"cmd": "touch made"})), server::says("done")]);
        let file = home.agent(&chat);
        let mut terminal = Terminal::start(&home, &["run", &file, "hi"]);
        let before = terminal.expect("[y]es, [n]o, [a]llow every tool from now on: ");
        assert!(before.contains("run shell {\"cmd\":\"touch made\"}?"), "{before}");
        terminal.press(keys);
        terminal.expect("done");
        assert_eq!(terminal.end(), 0);
        assert_eq!(home.path().join("made").exists(), made, "{keys:?}");
    }
}

#[test]
fn all_is_asked_once() {
    let home = home();
    let call = |name: &str| server::calls("shell", &json!({"cmd": format!("touch {name}")}));
    let chat = Server::chat([call("one"), call("two"), server::says("done")]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file, "hi"]);
    terminal.expect("from now on: ");
    // No answer, and then one.
    terminal.press("\u{1b}[A");
    terminal.press("a");
    let rest = terminal.expect("done");
    assert!(rest.contains("all, until this conversation ends") && !rest.contains("from now on: "), "{rest}");
    assert_eq!(terminal.end(), 0);
    assert!(home.path().join("one").exists() && home.path().join("two").exists());
}

#[test]
fn a_model_cannot_command_the_terminal() {
    let home = home();
    let chat = Server::chat([server::says("a\u{1b}]52;c;eA==\u{7}b")]);
    let file = home.agent(&chat);
    let mut terminal = Terminal::start(&home, &["run", &file, "hi"]);
    let shown = terminal.expect("b");
    assert!(!shown.contains('\u{7}'), "{shown:?}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    for (variable, value, coloured) in [("TERM", "xterm", true), ("NO_COLOR", "1", false)] {
        let home = Home::quiet().with("TERM", "xterm").with(variable, value);
        let mut terminal = Terminal::start(&home, &["run", "missing.yaml"]);
        terminal.expect("error:");
        let rest = terminal.expect("hint:");
        assert_eq!(rest.contains('\u{1b}'), coloured, "{rest:?}");
        assert_eq!(terminal.end(), 1);
    }
}
