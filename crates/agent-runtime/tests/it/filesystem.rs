//! The filesystem tools on real folders, as a model uses them.

use agent_runtime::tools::filesystem;
use agent_runtime::{Answer, ToolStatus, Toolset};
use serde_json::{Value, json};

use crate::server::{Server, calls, says};
use crate::setup::{Notes, Stage, agent_file};

/// Runs calls one after the other, all of them allowed.
fn run(prepare: impl Fn(&Stage), list: &[(&str, Value)]) -> (Vec<(ToolStatus, String)>, Stage) {
    let server = Server::start([calls(list), says("ok")]);
    let mut stage = Stage::with_file(&agent_file(&server.base_url, "permissions: { allow: ['*'] }\n"));
    prepare(&stage);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    (notes.results().into_iter().map(|(_, status, text)| (status, text)).collect(), stage)
}

fn ok(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Ok, text.to_owned())
}

fn error(text: &str) -> (ToolStatus, String) {
    (ToolStatus::Error, text.to_owned())
}

#[test]
fn reading() {
    let prepare = |stage: &Stage| {
        stage.write("a.txt", "alpha\n");
        stage.write("b/c.txt", "gamma");
        stage.write("empty/keep", "");
        std::fs::remove_file(stage.folder.path().join("empty/keep")).unwrap();
        std::fs::write(stage.folder.path().join("binary"), [1, 0, 2]).unwrap();
        std::os::unix::fs::symlink("a.txt", stage.folder.path().join("link")).unwrap();
    };
    let (results, _) = run(
        prepare,
        &[
            ("read_file", json!({ "path": "a.txt" })),
            ("read_file", json!({ "path": "./b/../b/c.txt" })),
            ("read_file", json!({ "path": "b" })),
            ("read_file", json!({ "path": "binary" })),
            ("read_multiple_files", json!({ "paths": ["a.txt", "nope"] })),
            ("read_multiple_files", json!({ "paths": ["a.txt", "nope"], "json": true })),
            ("read_multiple_files", json!({ "paths": ["nope"] })),
            ("list_directory", json!({ "path": "." })),
            ("list_directory", json!({ "path": "empty" })),
            ("list_directory", json!({ "path": "a.txt" })),
        ],
    );
    assert_eq!(
        results,
        [
            ok("alpha\n"),
            ok("gamma"),
            error("b: is a folder"),
            error("binary: is not a text file"),
            ok("=== a.txt ===\nalpha\n\n=== nope ===\nerror: nope: No such file or directory (os error 2)\n"),
            ok(
                r#"[{"content":"alpha\n","path":"a.txt"},{"error":"nope: No such file or directory (os error 2)","path":"nope"}]"#
            ),
            error("=== nope ===\nerror: nope: No such file or directory (os error 2)\n"),
            ok("FILE a.txt\nDIR b\nFILE binary\nDIR empty\nLINK link\n"),
            ok("the folder is empty\n"),
            error("a.txt: Not a directory (os error 20)"),
        ]
    );
}

#[test]
fn what_a_model_sees_of_a_big_file_is_capped() {
    let big = |stage: &Stage| stage.write("big", &"é".repeat(200_000));
    let (results, _) = run(big, &[("read_file", json!({ "path": "big" }))]);
    let text = &results[0].1;
    assert!(text.len() < 100_100, "{}", text.len());
    assert!(
        text.ends_with("é\n[cut: the first 96000 of 400000 bytes are shown]"),
        "{}",
        &text[text.len() - 80..]
    );
}

#[test]
fn a_pipe_does_not_hold_a_turn_up() {
    let pipe = |stage: &Stage| {
        let made =
            std::process::Command::new("mkfifo").arg(stage.folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
    };
    let (results, _) = run(
        pipe,
        &[
            ("read_file", json!({ "path": "pipe" })),
            ("write_file", json!({ "path": "pipe", "content": "x" })),
            ("search_files_content", json!({ "path": ".", "query": "x" })),
        ],
    );
    let expected =
        [error("pipe: is not a regular file"), error("pipe: is not a regular file"), ok("no matches\n")];
    assert_eq!(results, expected);
}

#[test]
fn trees_and_searches() {
    let prepare = |stage: &Stage| {
        stage.write("src/main.rs", "fn main() {\n    needle();\n}\n");
        stage.write("src/other.rs", "nothing\n");
        stage.write("target/out.txt", "needle\n");
        stage.write(".git/config", "needle\n");
        std::os::unix::fs::symlink("/etc", stage.folder.path().join("elsewhere")).unwrap();
    };
    let (results, _) = run(
        prepare,
        &[
            ("directory_tree", json!({ "path": "." })),
            ("search_files_content", json!({ "path": ".", "query": "needle" })),
            (
                "search_files_content",
                json!({ "path": ".", "query": "needle", "excludePatterns": ["target"] }),
            ),
            ("search_files_content", json!({ "path": "src/main.rs", "query": "needle", "is_regex": false })),
            ("search_files_content", json!({ "path": "src", "query": "root:" })),
        ],
    );
    assert_eq!(
        serde_json::from_str::<Value>(&results[0].1).unwrap(),
        json!({ "name": ".", "type": "directory", "children": [
            { "name": "elsewhere", "type": "link" },
            { "name": "src", "type": "directory", "children": [
                { "name": "main.rs", "type": "file" },
                { "name": "other.rs", "type": "file" },
            ] },
            { "name": "target", "type": "directory", "children": [{ "name": "out.txt", "type": "file" }] },
        ] })
    );
    assert_eq!(
        results[1..],
        [
            ok("src/main.rs:2: needle();\ntarget/out.txt:1: needle\n"),
            ok("src/main.rs:2: needle();\n"),
            ok("src/main.rs:2: needle();\n"),
            ok("no matches\n"),
        ]
    );
}

#[test]
fn what_git_ignores_is_left_out_unless_wanted() {
    let prepare = |stage: &Stage| {
        stage.write(".git/HEAD", "needle");
        stage.write(".gitignore", "/target/\n*.log\n!kept.log\n");
        for name in ["target/out", "a.log", "kept.log", "src/b.log", "src/target/c", ".hidden"] {
            stage.write(name, "needle");
        }
    };
    let search = ("search_files_content", json!({ "path": ".", "query": "needle" }));
    let list = [search.clone(), ("search_files_content", json!({ "path": "target", "query": "needle" }))];
    let (results, _) = run(prepare, &list);
    assert_eq!(
        results,
        [ok(".hidden:1: needle\nkept.log:1: needle\nsrc/target/c:1: needle\n"), ok("target/out:1: needle\n")]
    );
    let server = Server::start([calls(&[search]), says("ok")]);
    let text = agent_file(&server.base_url, "")
        .replace("- type: filesystem", "- { type: filesystem, ignore_vcs: false }");
    let mut stage = Stage::with_file(&text);
    prepare(&stage);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(notes.results()[0].2.lines().count(), 7, "{:?}", notes.results());
}

#[test]
fn expressions_are_searched_for() {
    let prepare = |stage: &Stage| {
        stage.write("a.rs", "fn one() {}\nfn  two() {}\nlet x = 1;\n");
        stage.write("big", &"x".repeat(5_000_000));
    };
    let search =
        |query: &str| ("search_files_content", json!({ "path": ".", "query": query, "is_regex": true }));
    let bomb = format!("({})", "a{1000}".repeat(100));
    let (results, _) =
        run(prepare, &[search(r"^fn\s+t\w+"), search("("), search(&bomb), search("(?i)LET X")]);
    let note = "[1 files of more than 4194304 bytes were not searched]\n";
    assert_eq!(results[0], ok(&format!("a.rs:2: fn  two() {{}}\n{note}")));
    assert!(results[1].0 == ToolStatus::Error && results[1].1.contains("unclosed group"), "{results:?}");
    assert_eq!(results[2], error("query: Compiled regex exceeds size limit of 1048576 bytes."));
    assert_eq!(results[3], ok(&format!("a.rs:3: let x = 1;\n{note}")));
}

#[test]
fn a_change_keeps_the_mode_follows_links_and_tells_what_it_did() {
    use std::os::unix::fs::PermissionsExt;
    let prepare = |stage: &Stage| {
        stage.write("real/script", "one\ntwo\nthree\n");
        let path = stage.folder.path().join("real/script");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o751)).unwrap();
        std::os::unix::fs::symlink("real/script", stage.folder.path().join("link")).unwrap();
    };
    let server = Server::start([
        calls(&[
            ("edit_file", json!({ "path": "link", "edits": [{ "oldText": "two", "newText": "2" }] })),
            ("write_file", json!({ "path": "new", "content": "fresh\n" })),
            ("write_file", json!({ "path": "new", "content": "fresh\n" })),
            ("read_file", json!({ "path": "new" })),
        ]),
        says("ok"),
    ]);
    let mut stage = Stage::with_file(&agent_file(&server.base_url, "permissions: { allow: ['*'] }\n"));
    prepare(&stage);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    assert_eq!(stage.read("real/script"), "one\n2\nthree\n");
    let link = stage.folder.path().join("link").symlink_metadata().unwrap();
    assert!(link.is_symlink());
    let mode = stage.folder.path().join("real/script").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o751);
    let left: Vec<_> =
        std::fs::read_dir(stage.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    let diffs = notes.diffs();
    let diff = diffs[0].as_ref().unwrap();
    assert_eq!((diff.path.as_str(), diff.added, diff.removed), ("link", 1, 1));
    assert_eq!(diff.text, "--- link\n+++ link\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    assert_eq!(diffs[1].as_ref().map(|diff| (diff.added, diff.removed)), Some((1, 0)));
    assert_eq!(diffs[2..], [None, None]);
}

#[test]
fn a_change_that_fails_leaves_the_file_as_it_was() {
    let prepare = |stage: &Stage| {
        stage.write("a.txt", "old\n");
        std::os::unix::fs::symlink("nowhere/file", stage.folder.path().join("dangling")).unwrap();
    };
    let (results, stage) = run(
        prepare,
        &[
            ("write_file", json!({ "path": "a.txt/b", "content": "x" })),
            ("write_file", json!({ "path": "dangling", "content": "x" })),
        ],
    );
    assert!(results.iter().all(|(status, _)| *status == ToolStatus::Error), "{results:?}");
    assert_eq!(stage.read("a.txt"), "old\n");
    assert!(stage.folder.path().join("dangling").is_symlink());
}

#[test]
fn commands_run_after_an_edit_and_their_work_is_told() {
    let settings = filesystem::Settings::default()
        .post_edit("*.txt", "tr a-z A-Z < \"$path\" > up && mv up \"$path\"")
        .post_edit("sub/*", "echo broken; exit 2")
        .post_edit("*.rs", "touch never");
    let server = Server::start([
        calls(&[
            ("write_file", json!({ "path": "sub/a b.txt", "content": "shout\n" })),
            ("write_file", json!({ "path": "plain", "content": "x" })),
        ]),
        says("ok"),
    ]);
    let text = agent_file(&server.base_url, "permissions: { allow: ['*'] }\n")
        .replace("      - type: filesystem\n", "");
    let mut stage = Stage::with_toolsets(&text, vec![Toolset::Filesystem(settings)]);
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let results = notes.results();
    assert_eq!(
        results[0].2,
        "wrote 6 bytes to sub/a b.txt\n[`echo broken; exit 2` failed: broken\n\n[exit status: 2]]\n\
         [a command of the agent file then changed the file: read it before the next edit]"
    );
    assert_eq!(results[1].2, "wrote 1 bytes to plain");
    assert_eq!(stage.read("sub/a b.txt"), "SHOUT\n");
    assert!(notes.diffs()[0].as_ref().unwrap().text.contains("+SHOUT"));
    assert!(!stage.folder.path().join("never").exists());
}

#[test]
fn a_tree_shows_100_entries() {
    let many = |stage: &Stage| (0..300).for_each(|i| stage.write(&format!("f{i:03}"), ""));
    let (results, _) = run(many, &[("directory_tree", json!({ "path": "." }))]);
    let tree: Value = serde_json::from_str(&results[0].1).unwrap();
    assert_eq!(tree["children"].as_array().map(Vec::len), Some(100));
    assert_eq!(tree["note"], "cut: 100 entries are shown");
}

#[test]
fn changing() {
    let edit = |old: &str, new: &str| json!({ "oldText": old, "newText": new });
    let (results, stage) = run(
        |stage| stage.write("a.txt", "one two two\n"),
        &[
            ("write_file", json!({ "path": "new/deep/file", "content": "x" })),
            ("edit_file", json!({ "path": "a.txt", "edits": [edit("one", "1"), edit("two two", "2")] })),
            ("write_file", json!({ "path": "b.txt", "content": "two two\n" })),
            ("edit_file", json!({ "path": "b.txt", "edits": [edit("two\n", "2\n"), edit("three", "3")] })),
            ("edit_file", json!({ "path": "b.txt", "edits": [edit("two", "2")] })),
            ("edit_file", json!({ "path": "none", "edits": [edit("a", "b")] })),
            ("create_directory", json!({ "paths": ["p/q", "r"] })),
            ("remove_directory", json!({ "paths": ["r", "p"] })),
            ("write_file", json!({ "path": "p", "content": "" })),
        ],
    );
    assert_eq!(
        results,
        [
            ok("wrote 1 bytes to new/deep/file"),
            ok("edited a.txt: 2 replaced"),
            ok("wrote 8 bytes to b.txt"),
            error("b.txt: edit 2: oldText does not occur in the file; nothing was changed"),
            error(
                "b.txt: edit 1: oldText occurs more than once, give more of what is around it; nothing was changed"
            ),
            error("none: No such file or directory (os error 2)"),
            ok("made p/q\nmade r\n"),
            error("removed r\np: Directory not empty (os error 39)\n"),
            error("p: is a folder"),
        ]
    );
    assert_eq!(stage.read("a.txt"), "1 2\n");
    assert_eq!(stage.read("b.txt"), "two two\n");
}

#[test]
fn only_reading_inside_the_working_folder_is_unasked() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let absolute = outside.path().join("secret");
    let up = format!("..{}", absolute.display());
    let list: Vec<(&str, Value)> = vec![
        ("read_file", json!({ "path": "inside" })),
        ("read_file", json!({ "path": "folder/../inside" })),
        ("list_directory", json!({ "path": "." })),
        ("read_file", json!({ "path": absolute })),
        ("read_file", json!({ "path": "../../../../../../etc/hostname" })),
        ("read_file", json!({ "path": up })),
        ("read_file", json!({ "path": "link/secret" })),
        ("read_file", json!({ "path": "dangling" })),
        ("read_multiple_files", json!({ "paths": ["inside", absolute] })),
        ("list_directory", json!({ "path": "link" })),
        ("search_files_content", json!({ "path": "link", "query": "secret" })),
        ("write_file", json!({ "path": "inside", "content": "changed" })),
    ];
    let server = Server::start([calls(&list), says("ok")]);
    let mut stage = Stage::new(&server);
    stage.write("inside", "fine");
    stage.write("folder/file", "");
    std::os::unix::fs::symlink(outside.path(), stage.folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("gone"), stage.folder.path().join("dangling")).unwrap();
    let mut notes = Notes::default();
    stage.turn("?", &mut notes);
    let results = notes.results();
    assert_eq!(results[0].2, "fine");
    assert_eq!(results[2].1, ToolStatus::Ok);
    for (index, (name, status, _)) in results.iter().enumerate().skip(3) {
        assert_eq!(*status, ToolStatus::Denied, "call {index}, {name}");
    }
    assert_eq!(notes.questions(), 9);
    assert_eq!(stage.read("inside"), "fine");
    // Searching the folder itself does not leave it through the link.
    let server = Server::start([
        calls(&[("search_files_content", json!({ "path": ".", "query": "secret" }))]),
        says("ok"),
    ]);
    let mut stage = Stage::new(&server);
    std::os::unix::fs::symlink(outside.path(), stage.folder.path().join("link")).unwrap();
    let mut notes = Notes::answering([Answer::Yes]);
    stage.turn("?", &mut notes);
    assert_eq!((notes.questions(), notes.results()[0].2.as_str()), (0, "no matches\n"));
}
