//! Conversations on disk: written as they go, read back as they were.

use std::io::Write;

use agent_runtime::provider::Message;
use agent_runtime::sessions::{Change, Header, SessionError, Sessions, StoredId};
use agent_runtime::{Event, TurnOutcome};
use serde_json::json;

use crate::server::{Script, Server, calls, says};
use crate::setup::{Notes, Stage};

const STARTED_MS: u64 = 1_795_348_800_000;

fn stored(stage: &mut Stage, folder: &std::path::Path) -> StoredId {
    let header = Header::new("root", STARTED_MS, stage.folder.path());
    stage.conversation.store_in(Sessions::new(folder), &header).unwrap()
}

fn file_of(folder: &std::path::Path, id: StoredId) -> std::path::PathBuf {
    folder.join(format!("{id}.jsonl"))
}

#[test]
fn a_conversation_is_continued_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = Sessions::new(folder.path().join("new/sessions"));
    let server = Server::start([calls(&[("read_file", json!({ "path": "a" }))]), says("hi"), says("again")]);
    let mut first = Stage::new(&server);
    first.write("a", "x");
    let id = stored(&mut first, &folder.path().join("new/sessions"));
    first.turn("What is in a?", &mut Notes::default());
    let history = first.conversation.history().to_vec();
    drop(first);
    let (read, file) = sessions.resume(id).unwrap();
    assert_eq!(read.messages, history[1..]);
    let mut second = Stage::new(&server);
    second.conversation.resume(sessions.clone(), read, file, STARTED_MS);
    assert_eq!(second.turn("And now?", &mut Notes::default()), TurnOutcome::Completed);
    let body = &server.bodies()[2];
    assert_eq!(body["messages"].as_array().unwrap().len(), 6);
    assert_eq!(body["messages"][1]["content"], "What is in a?");
    server.assert_clean();
    let listed = sessions.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].turns, listed[0].title.as_str()), (2, "What is in a?"));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start([says("hi")]);
    let mut stage = Stage::new(&server);
    let id = stored(&mut stage, &folder.path().join("s"));
    stage.turn("hello", &mut Notes::default());
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("s")), 0o700);
    assert_eq!(mode(&file_of(&folder.path().join("s"), id)), 0o600);
}

#[test]
fn a_conversation_in_which_nothing_is_said_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start([]);
    let mut stage = Stage::new(&server);
    let id = stored(&mut stage, folder.path());
    drop(stage);
    assert!(!file_of(folder.path(), id).exists());
    assert_eq!(Sessions::new(folder.path()).list().unwrap(), []);
}

#[test]
fn a_file_that_was_cut_anywhere_is_read_and_continued() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start([
        calls(&[("read_file", json!({ "path": "a" })), ("read_file", json!({ "path": "b" }))]),
        says("hi"),
    ]);
    let mut stage = Stage::new(&server);
    let id = stored(&mut stage, folder.path());
    stage.turn("What is in a?", &mut Notes::default());
    let path = file_of(folder.path(), id);
    let whole = std::fs::read(&path).unwrap();
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let sessions = Sessions::new(folder.path());
    for cut in header + 1..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (read, mut file) = sessions.resume(id).unwrap();
        assert!(answered(&read.messages), "cut at {cut}: {:?}", read.messages);
        file.append(&Change::Message(Message::User("more".to_owned()))).unwrap();
        let again = sessions.read(id).unwrap();
        assert!(again.transcript.contains(&Message::User("more".to_owned())), "cut at {cut}");
        // What was ended once stays ended, also when the conversation goes on a third time.
        assert!(answered(&again.messages), "continued after a cut at {cut}: {:?}", again.messages);
        assert_eq!(again.messages[..read.messages.len()], read.messages, "cut at {cut}");
    }
}

#[test]
fn calls_without_ids_of_their_own_get_new_ones_when_a_conversation_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let call = || says("```json\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}\n```");
    let server = Server::start([call(), says("x"), call(), says("x again")]);
    let mut first = Stage::new(&server);
    first.write("a", "x");
    let id = stored(&mut first, folder.path());
    assert_eq!(first.turn("What is in a?", &mut Notes::default()), TurnOutcome::Completed);
    drop(first);
    let (read, file) = Sessions::new(folder.path()).resume(id).unwrap();
    let mut second = Stage::new(&server);
    second.write("a", "x");
    second.conversation.resume(Sessions::new(folder.path()), read, file, STARTED_MS);
    assert_eq!(second.turn("And now?", &mut Notes::default()), TurnOutcome::Completed);
    let ids: Vec<&str> = second
        .conversation
        .history()
        .iter()
        .filter_map(|message| match message {
            Message::Tool { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["call_1", "call_2"]);
}

/// Whether every call has its answer before anything else is said, and the model the last word.
fn answered(messages: &[Message]) -> bool {
    let all = messages.iter().enumerate().all(|(at, message)| match message {
        Message::Assistant { calls, .. } => {
            let answers: Vec<&String> = messages[at + 1..]
                .iter()
                .map_while(|message| match message {
                    Message::Tool { call_id, .. } => Some(call_id),
                    _ => None,
                })
                .collect();
            answers == calls.iter().map(|call| &call.id).collect::<Vec<_>>()
        }
        _ => true,
    });
    all && matches!(messages.last(), None | Some(Message::Assistant { .. }))
}

#[test]
fn a_file_grows_with_what_is_said_and_not_with_its_square() {
    let size_after = |turns: usize| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start((0..turns).map(|_| says("an answer of some length, always the same")));
        let mut stage = Stage::new(&server);
        let id = stored(&mut stage, folder.path());
        for _ in 0..turns {
            stage.turn("a question of some length, always the same", &mut Notes::default());
        }
        file_of(folder.path(), id).metadata().unwrap().len()
    };
    let (short, long) = (size_after(100), size_after(200));
    assert!(long as f64 <= 2.05 * short as f64, "{short} and {long}");
}

#[test]
fn what_was_taken_back_or_summarised_is_read_that_way() {
    let folder = tempfile::tempdir().unwrap();
    let too_long =
        json!({ "error": { "code": "context_length_exceeded", "message": "too long" } }).to_string();
    let refused = json!({ "error": { "message": "no" } }).to_string();
    let server = Server::start([
        says("one"),
        Script::Refusal(400, Vec::new(), refused),
        Script::Refusal(400, Vec::new(), too_long),
        says("They talked."),
        says("two"),
    ]);
    let mut stage = Stage::new(&server);
    let id = stored(&mut stage, folder.path());
    assert_eq!(stage.turn("hello", &mut Notes::default()), TurnOutcome::Completed);
    assert_eq!(stage.turn("lost", &mut Notes::default()), TurnOutcome::Failed);
    assert_eq!(stage.turn("go on", &mut Notes::default()), TurnOutcome::Completed);
    let read = Sessions::new(folder.path()).read(id).unwrap();
    assert_eq!(read.messages, stage.conversation.history()[1..]);
    let said: Vec<&Message> = read.transcript.iter().collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(!said.contains(&&Message::User("lost".to_owned())));
    assert_eq!(Sessions::new(folder.path()).list().unwrap()[0].turns, read.turns());
}

#[test]
fn a_conversation_of_which_nothing_came_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let refused = || Script::Refusal(401, Vec::new(), String::new());
    let server = Server::start([refused(), refused(), says("hi")]);
    let sessions = Sessions::new(folder.path());
    let mut stage = Stage::new(&server);
    stored(&mut stage, folder.path());
    for _ in 0..2 {
        assert_eq!(stage.turn("hello", &mut Notes::default()), TurnOutcome::Failed);
        assert_eq!(sessions.list().unwrap(), []);
    }
    assert_eq!(stage.turn("hello again", &mut Notes::default()), TurnOutcome::Completed);
    let listed = sessions.list().unwrap();
    assert_eq!((listed[0].turns, listed[0].title.as_str()), (1, "hello again"));
}

#[test]
fn conversations_are_found_by_place_and_by_the_beginning_of_their_id() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = Sessions::new(folder.path());
    let message = |sessions: &Sessions, wanted: &str| match sessions.find(wanted) {
        Err(error @ SessionError::Unknown { .. }) => {
            error.to_string().replace(&folder.path().display().to_string(), "DIR")
        }
        other => panic!("{wanted}: {other:?}"),
    };
    let none_yet = message(&sessions, "-1");
    let create = |started_ms: u64| {
        let mut file = sessions.create(&Header::new("root", started_ms, "/")).unwrap();
        file.append(&Change::Message(Message::User("hello".to_owned()))).unwrap();
        file.id()
    };
    let (old, new) = (create(STARTED_MS), create(STARTED_MS + 1));
    let task = Header::new("helper", STARTED_MS + 2, "/").parent(new);
    let said = Change::Message(Message::User("do this".to_owned()));
    sessions.create(&task).unwrap().append(&said).unwrap();
    assert_eq!(sessions.find("-1").unwrap(), new);
    assert_eq!(sessions.find("-2").unwrap(), old);
    assert_eq!(sessions.find(&old.as_text()).unwrap(), old);
    assert_eq!(sessions.find(&old.as_text().to_uppercase()).unwrap(), old);
    std::fs::write(folder.path().join("notes.jsonl"), "not ours\n").unwrap();
    std::fs::write(folder.path().join("readme.txt"), "").unwrap();
    assert_eq!(sessions.list().unwrap().len(), 3);
    let texts = [none_yet, message(&sessions, "-3"), message(&sessions, "-x"), message(&sessions, "zzz")];
    insta::assert_snapshot!(texts.join("\n"), @"
    no session `-1` in DIR (there is none yet)
    no session `-3` in DIR (there are 2)
    no session `-x` in DIR (count from the newest with -1, -2, …, or name an id)
    no session `zzz` in DIR (`sessions list` shows them)
    ");
}

#[test]
fn a_newer_format_is_refused_and_a_full_disk_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start([says("hi"), says("still here")]);
    let mut stage = Stage::new(&server);
    let id = stored(&mut stage, folder.path());
    assert_eq!(stage.turn("good morning", &mut Notes::default()), TurnOutcome::Completed);
    let path = file_of(folder.path(), id);
    let text = std::fs::read_to_string(&path).unwrap().replace("\"format\":1", "\"format\":2");
    std::fs::write(&path, text).unwrap();
    let error = Sessions::new(folder.path()).read(id).unwrap_err().to_string();
    assert!(error.ends_with("written by a newer version (format 2, this one knows 1)"), "{error}");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"half a li").unwrap();
    let mut notes = Notes::default();
    assert_eq!(stage.turn("hello", &mut notes), TurnOutcome::Completed);
    assert!(!notes.events.iter().any(|event| matches!(event, Event::Warning { .. })));
}
