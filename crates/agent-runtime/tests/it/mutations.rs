//! Arguments as a confused or a hostile model writes them, for every tool: nothing breaks, nothing hangs, and nothing
//! changes that nobody agreed to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use agent_runtime::tools::script::Script;
use agent_runtime::tools::todo;
use agent_runtime::{ToolStatus, Toolset, TurnOutcome};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};

/// Generous: it tells a hang from a slow machine.
const HANG: Duration = Duration::from_secs(120);

const TOOLS: &[&str] = &[
    "read_file",
    "read_multiple_files",
    "list_directory",
    "directory_tree",
    "search_files_content",
    "write_file",
    "edit_file",
    "create_directory",
    "remove_directory",
    "shell",
    "run_background_job",
    "list_background_jobs",
    "view_background_job",
    "stop_background_job",
    "think",
    "create_todo",
    "create_todos",
    "update_todos",
    "list_todos",
    "user_prompt",
    "greet",
];

const KEYS: &[&str] = &[
    "path",
    "paths",
    "json",
    "query",
    "is_regex",
    "excludePatterns",
    "content",
    "edits",
    "cmd",
    "cwd",
    "timeout",
    "job_id",
    "thought",
    "description",
    "descriptions",
    "updates",
    "message",
    "title",
    "schema",
    "who",
    "",
];

fn words() -> impl Strategy<Value = String> {
    let nasty = select(vec![
        ".",
        "..",
        "",
        "/",
        "a.txt",
        "sub",
        "sub/../a.txt",
        "link/secret",
        "dangling",
        "pipe",
        "../../../../etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        "/proc/self/mem",
        "a\0b",
        "~",
        "touch hit",
        "*",
        "(((",
        "\u{202e}x",
        "job_1",
        "todo_1",
        "OUTSIDE/secret",
    ]);
    prop_oneof![4 => nasty.prop_map(str::to_owned), 1 => ".{0,20}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => words().prop_map(Value::String),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(
                select(vec!["oldText", "newText", "id", "status", "x"]).prop_map(str::to_owned),
                inner,
                0..4
            )
            .prop_map(|map| json!(map)),
        ]
    })
}

/// Arguments of about the right form, so that most get past the first check.
fn arguments() -> impl Strategy<Value = Value> {
    let object = prop::collection::btree_map(select(KEYS).prop_map(str::to_owned), values(), 0..4);
    let path = words().prop_map(|path| json!({ "path": path }));
    let search = (words(), words(), any::<bool>())
        .prop_map(|(path, query, regex)| json!({ "path": path, "query": query, "is_regex": regex }));
    let edit = (words(), words(), words())
        .prop_map(|(path, old, new)| json!({ "path": path, "edits": [{ "oldText": old, "newText": new }] }));
    let write = (words(), words()).prop_map(|(path, content)| json!({ "path": path, "content": content }));
    let paths = prop::collection::vec(words(), 0..4).prop_map(|paths| json!({ "paths": paths }));
    prop_oneof![object.prop_map(|map| json!(map)), path, search, edit, write, paths, values()]
}

/// Every file and folder below one, with what is in it.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        let shown = path.display().to_string();
        if kind.is_dir() {
            found.insert(shown, "a folder".to_owned());
            found.append(&mut contents(&path));
        } else if kind.is_file() {
            found.insert(shown, std::fs::read_to_string(&path).unwrap());
        } else {
            found.insert(shown, format!("{kind:?}"));
        }
    }
    found
}

fn stage(server: &Server, permissions: &str, outside: &Path) -> Stage {
    let mut script = Script::new("greet", "touch hit");
    script.args = json!({ "who": { "type": "string" } }).as_object().cloned().unwrap();
    let more = vec![
        Toolset::Think,
        Toolset::Todo(todo::List::new()),
        Toolset::UserPrompt,
        Toolset::Script(vec![script]),
    ];
    let stage = Stage::with_toolsets(&agent_file(&server.base_url, permissions), more);
    stage.write("a.txt", "alpha\n");
    stage.write("sub/b.txt", "beta\n");
    let link =
        |to: &Path, name: &str| std::os::unix::fs::symlink(to, stage.folder.path().join(name)).unwrap();
    link(outside, "link");
    link(Path::new("nowhere"), "dangling");
    let made = std::process::Command::new("mkfifo").arg(stage.folder.path().join("pipe")).status().unwrap();
    assert!(made.success());
    stage
}

/// Takes a turn with these calls and checks that each was answered in time.
fn turn(stage: &mut Stage, count: usize) -> Notes {
    let mut notes = Notes::default();
    let begun = Instant::now();
    let outcome = stage.turn("?", &mut notes);
    assert!(begun.elapsed() < HANG);
    assert!(matches!(outcome, TurnOutcome::Completed | TurnOutcome::Limit), "{outcome:?}");
    assert_eq!(notes.results().len(), count);
    notes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_a_yes_nothing_changes_and_nothing_outside_is_read(
        list in prop::collection::vec((select(TOOLS), arguments()), 30)
    ) {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "canary-outside").unwrap();
        let place = outside.path().display().to_string();
        let list: Vec<(&str, Value)> = list
            .into_iter()
            .map(|(tool, value)| (tool, serde_json::from_str(&value.to_string().replace("OUTSIDE", &place)).unwrap()))
            .collect();
        let server = Server::start([calls(&list), says("ok")]);
        let mut stage = stage(&server, "", outside.path());
        let before = (contents(stage.folder.path()), contents(outside.path()));
        let notes = turn(&mut stage, list.len());
        for (name, _, text) in notes.results() {
            prop_assert!(!text.contains("canary-outside") && !text.contains("root:x:"), "{name}: {text}");
        }
        prop_assert_eq!(before, (contents(stage.folder.path()), contents(outside.path())));
    }

    #[test]
    fn tools_that_change_files_stay_where_their_paths_are(
        list in prop::collection::vec(
            (
                select(vec!["write_file", "edit_file", "create_directory", "remove_directory"]),
                select(vec!["a.txt", "sub", "sub/b.txt", "new/x", "a.txt/x", ".", "pipe", "dangling"]),
                values(),
                values(),
            ),
            30,
        )
    ) {
        let list: Vec<(&str, Value)> = list
            .into_iter()
            .map(|(tool, path, one, two)| {
                let content = if one.is_string() { one } else { json!("x") };
                (tool, match tool {
                    "write_file" => json!({ "path": path, "content": content }),
                    "edit_file" => json!({ "path": path, "edits": [{ "oldText": "a", "newText": content }, two] }),
                    _ => json!({ "paths": [path] }),
                })
            })
            .collect();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "canary-outside").unwrap();
        let server = Server::start([calls(&list), says("ok")]);
        let mut stage = stage(&server, "permissions: { allow: ['*'] }\n", outside.path());
        let before = contents(outside.path());
        let notes = turn(&mut stage, list.len());
        prop_assert!(notes.results().iter().all(|(_, status, _)| *status != ToolStatus::Denied));
        prop_assert_eq!(before, contents(outside.path()));
        let left = contents(stage.folder.path());
        prop_assert!(!left.keys().any(|name| name.ends_with(".tmp")), "{:?}", left.keys());
    }
}
