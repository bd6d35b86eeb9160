//! Streaming, through the program: a model that says its next word only when the last one is on stdout.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdout, Stdio};
use std::sync::{Mutex, mpsc};

use serde_json::{Value, json};

use crate::server::{self, PATIENCE, Server};
use crate::setup::{Home, Ran};

/// Words of which none fills a buffer, and none ends a line but the last.
const WORDS: [&str; 6] = ["One ", "by ", "one", ", ", "at once", ".\n"];

/// Runs an agent whose model waits after each word; `read` takes the word from stdout, before which none follows.
fn run(more: &[&str], read: impl Fn(&mut BufReader<ChildStdout>, &str)) {
    let (was_read, reads) = mpsc::channel::<()>();
    let reads = Mutex::new(reads);
    let chat = Server::writing(move |_, stream| {
        let whole = server::events(&WORDS.map(|word| json!({"content": word})), "stop");
        let length = whole.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n"
        )?;
        for (number, event) in whole.split_inclusive("\n\n").enumerate() {
            if (1..=WORDS.len()).contains(&number) {
                // Nobody read it: the connection ends, and with it the run.
                let waited = reads.lock().unwrap().recv_timeout(PATIENCE);
                waited.map_err(|_| std::io::Error::other("the last word was not read"))?;
            }
            stream.write_all(event.as_bytes())?;
        }
        Ok(())
    });
    let home = Home::quiet().with("CHAT_KEY", "x");
    let file = home.agent(&chat);
    let mut command = home.command(&[&["run", &file, "hi"], more].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    for word in WORDS {
        read(&mut stdout, word);
        was_read.send(()).expect("a server that waits");
    }
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("the rest of stdout");
    assert!(!rest.contains("One"), "{rest}");
    let _ran = Ran::of(&child.wait_with_output().expect("an end")).ok();
}

#[test]
fn every_word_is_on_stdout_before_the_next_is_said() {
    for more in [&[] as &[&str], &["--exec"]] {
        run(more, |stdout, word| {
            let mut read = vec![0; word.len()];
            stdout.read_exact(&mut read).expect("a word");
            assert_eq!(String::from_utf8(read).expect("UTF-8"), word);
        });
    }
}

#[test]
fn every_event_of_a_word_is_on_stdout_before_the_next_is_said() {
    run(&["--json"], |stdout, word| {
        let text = stdout.lines().find_map(|line| {
            let event: Value = serde_json::from_str(&line.expect("a line")).expect("an event");
            (event["type"] == "text_delta").then(|| event["text"].clone())
        });
        assert_eq!(text.expect("an event"), word);
    });
}
