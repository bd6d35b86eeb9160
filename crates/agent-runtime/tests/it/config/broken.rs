//! Files that are wrong, each with everything that is said about it: `broken/messages.txt`.
//!
//! To accept other messages, run the test with `UPDATE_MESSAGES=1`, and read what changed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use agent_runtime::config;

#[test]
fn every_broken_file_gets_the_words_that_were_agreed_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "{} files", files.len());
    let mut said = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        match config::from_yaml(name, &fs::read_to_string(&file).unwrap()) {
            Ok(_) => panic!("{name} is not broken"),
            Err(error) => writeln!(said, "{error}\n").unwrap(),
        }
    }
    let agreed = folder.join("messages.txt");
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(&agreed, &said).unwrap();
    }
    let agreed = fs::read_to_string(agreed).unwrap();
    for (line, (found, expected)) in said.lines().zip(agreed.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of messages.txt", line + 1);
    }
    assert_eq!(said.lines().count(), agreed.lines().count());
}

#[test]
fn a_problem_has_a_place_a_text_and_a_hint() {
    let error = config::from_yaml("a.yaml", "agents:\n  root:\n    modle: openai/x\n").unwrap_err();
    let problem = &error.problems[0];
    let position = problem.position.unwrap();
    assert_eq!((position.line, position.column), (3, 5));
    assert_eq!(problem.text, "unknown key `modle` in agents.root");
    assert_eq!(problem.hint.as_deref(), Some("did you mean `model`?"));
    assert_eq!(
        error.to_string(),
        "a.yaml:3:5: unknown key `modle` in agents.root (did you mean `model`?)\n 3 |     modle: openai/x\n   |     ^"
    );
}
