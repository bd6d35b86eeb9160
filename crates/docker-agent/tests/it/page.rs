//! The generated files are what the program says.

use std::path::{Path, PathBuf};

use crate::setup::Home;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[track_caller]
fn assert_current(path: &str, arguments: &[&str]) {
    let said = Home::quiet().run(arguments).ok().stdout;
    let kept = std::fs::read_to_string(in_repository(path)).unwrap_or_default();
    let command = arguments.join(" ");
    assert!(said == kept, "{path} is out of date; run `docker-agent {command} > {path}`");
}

#[test]
fn p12_the_page_is_current() {
    assert_current("docs/telemetry.md", &["telemetry", "explain", "--markdown"]);
}

#[test]
fn p12_the_collectors_catalogue_is_current() {
    let path = "crates/telemetry-collector/catalogue/docker-agent.json";
    assert_current(path, &["telemetry", "explain", "--json"]);
}

#[test]
fn the_reference_is_current() {
    assert_current("docs/cli.md", &["reference", "cli"]);
    assert_current("docs/environment.md", &["reference", "environment"]);
    assert_current("docs/events.md", &["reference", "events"]);
}

#[test]
fn manual_pages_are_current_and_no_more_than_there_are_commands() {
    let mut names: Vec<String> = Vec::new();
    for name in Home::quiet().run(&["reference", "man"]).ok().stdout.lines() {
        assert_current(&format!("docs/man/{name}.1"), &["reference", "man", name]);
        names.push(format!("{name}.1"));
    }
    let files = std::fs::read_dir(in_repository("docs/man")).expect("a folder").flatten();
    let mut files: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn the_page_has_one_sentence_per_line_and_names_every_event() {
    let page = Home::quiet().run(&["telemetry", "explain", "--markdown"]).ok().stdout;
    for part in [
        "### `command`",
        "### `session` / `end`",
        "### `tool` / `call`",
        "### `token` / `usage`",
        "TELEMETRY_NAMES=hide",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let words = page.split("### ").next().unwrap_or_default();
    let prose = words.lines().filter(|line| !line.starts_with(['|', '-', '#']));
    for line in prose {
        assert!(!line.contains(". ") || line.ends_with(','), "two sentences: {line}");
    }
}
