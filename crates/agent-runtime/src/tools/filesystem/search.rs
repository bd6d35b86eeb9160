//! Walking folders: trees and searches. Symbolic links are shown, never followed.

use std::fs::FileType;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use agent_telemetry::ErrorClass;
use ignore::WalkBuilder;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Failure, Work, io_failure};
use crate::tools::arguments;
use crate::tools::permissions::glob_matches;

const MAX_TREE_ENTRIES: usize = 100;
const MAX_MATCHES: usize = 200;
const MAX_DEPTH: usize = 64;
const MAX_SEARCHED_ENTRIES: usize = 200_000;
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
const MAX_LINE_CHARS: usize = 300;
/// Memory that a compiled expression may take.
const MAX_REGEX_BYTES: usize = 1024 * 1024;
const VCS_FOLDERS: &[&str] = &[".git", ".hg", ".svn", ".jj"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeArguments {
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArguments {
    path: String,
    query: String,
    #[serde(default)]
    is_regex: Option<bool>,
    #[serde(default, rename = "excludePatterns")]
    exclude_patterns: Option<Vec<String>>,
}

/// Something below a folder.
struct Entry {
    name: String,
    path: PathBuf,
    kind: FileType,
    /// 1 for what is in the folder itself.
    depth: usize,
}

/// Looks for a text or an expression.
enum Needle {
    Text(String),
    Expression(Regex),
}

pub(super) fn tree(value: Value, work: &Work) -> Result<Done, Failure> {
    let TreeArguments { path } = arguments("directory_tree", value)?;
    let root = work.folder.join(&path);
    // The walk would take a file for a tree with nothing in it.
    std::fs::read_dir(&root).map_err(|error| io_failure(&path, &error))?;
    let mut entries = Vec::new();
    let mut cut = false;
    for entry in walk(&root, work, Vec::new()) {
        let entry = entry?;
        if entries.len() == MAX_TREE_ENTRIES {
            cut = true;
            break;
        }
        entries.push(entry);
    }
    let mut tree =
        json!({ "name": path, "type": "directory", "children": branch(&mut entries.iter().peekable(), 1) });
    if cut {
        tree["note"] = json!(format!("cut: {MAX_TREE_ENTRIES} entries are shown"));
    }
    Ok(Done::Text(tree.to_string()))
}

/// Takes the entries of one depth, and with each folder what is below it.
fn branch(entries: &mut Peekable<std::slice::Iter<'_, Entry>>, depth: usize) -> Vec<Value> {
    let mut children = Vec::new();
    while let Some(entry) = entries.next_if(|entry| entry.depth == depth) {
        children.push(if entry.kind.is_dir() {
            json!({ "name": entry.name, "type": "directory", "children": branch(entries, depth + 1) })
        } else {
            json!({ "name": entry.name, "type": if entry.kind.is_file() { "file" } else { "link" } })
        });
    }
    children
}

pub(super) fn content(value: Value, work: &Work) -> Result<Done, Failure> {
    let wanted: SearchArguments = arguments("search_files_content", value)?;
    let needle = needle(wanted.query, wanted.is_regex == Some(true))?;
    let root = work.folder.join(&wanted.path);
    let metadata = root.metadata().map_err(|error| io_failure(&wanted.path, &error))?;
    let mut found = Vec::new();
    let (mut too_big, mut seen) = (0, 0);
    let excluded = wanted.exclude_patterns.unwrap_or_default();
    if metadata.is_file() {
        too_big += u32::from(!search_file(&root, &needle, work, &mut found));
    } else {
        for entry in walk(&root, work, excluded) {
            let entry = entry?;
            seen += 1;
            if found.len() >= MAX_MATCHES || seen > MAX_SEARCHED_ENTRIES {
                break;
            }
            if entry.kind.is_file() {
                too_big += u32::from(!search_file(&entry.path, &needle, work, &mut found));
            }
        }
    }
    if found.is_empty() {
        found.push("no matches\n".to_owned());
    }
    if found.len() >= MAX_MATCHES {
        found.push(format!("[cut: the first {MAX_MATCHES} matches are shown]\n"));
    }
    if seen > MAX_SEARCHED_ENTRIES {
        found.push(format!("[cut: the first {MAX_SEARCHED_ENTRIES} entries were searched]\n"));
    }
    if too_big > 0 {
        found.push(format!("[{too_big} files of more than {MAX_FILE_BYTES} bytes were not searched]\n"));
    }
    Ok(Done::Text(found.concat()))
}

fn needle(query: String, is_regex: bool) -> Result<Needle, Failure> {
    let wrong = |text: String| Failure::model(ErrorClass::InvalidArguments, text);
    if query.is_empty() {
        return Err(wrong("query: expected a text, found none".to_owned()));
    }
    if !is_regex {
        return Ok(Needle::Text(query));
    }
    let expression =
        RegexBuilder::new(&query).size_limit(MAX_REGEX_BYTES).dfa_size_limit(MAX_REGEX_BYTES).build();
    expression.map(Needle::Expression).map_err(|error| wrong(format!("query: {error}")))
}

impl Needle {
    fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text.as_str()),
            Self::Expression(expression) => expression.is_match(line),
        }
    }
}

/// Adds a file's matching lines; false if the file is too big to be looked at.
fn search_file(path: &Path, needle: &Needle, work: &Work, found: &mut Vec<String>) -> bool {
    if path.metadata().is_ok_and(|metadata| metadata.len() > MAX_FILE_BYTES) {
        return false;
    }
    let Ok(bytes) = std::fs::read(path) else { return true };
    if bytes.contains(&0) {
        return true;
    }
    let text = String::from_utf8_lossy(&bytes);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| needle.is_in(line)) {
        if found.len() >= MAX_MATCHES {
            break;
        }
        let line: String = line.trim().chars().take(MAX_LINE_CHARS).collect();
        found.push(format!("{}:{}: {line}\n", work.folder.display(path), index + 1));
    }
    true
}

/// What is below a folder, by name, a folder before what is in it. What cannot be read is left out.
fn walk(root: &Path, work: &Work, excluded: Vec<String>) -> impl Iterator<Item = Result<Entry, Failure>> {
    let ignore_vcs = work.ignore_vcs;
    let (folder, cancel) = (std::sync::Arc::clone(&work.folder), work.cancel.clone());
    let mut walker = WalkBuilder::new(root);
    walker
        .standard_filters(false)
        .git_ignore(ignore_vcs)
        .git_exclude(ignore_vcs)
        .parents(ignore_vcs)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH))
        .sort_by_file_name(std::cmp::Ord::cmp)
        .filter_entry(move |entry| {
            let name = entry.file_name().to_string_lossy();
            let vcs = ignore_vcs && VCS_FOLDERS.contains(&name.as_ref());
            let shown = folder.display(entry.path());
            let left_out =
                excluded.iter().any(|glob| glob_matches(glob, &name) || glob_matches(glob, &shown));
            entry.depth() == 0 || !(vcs || left_out)
        });
    walker.build().filter_map(move |entry| {
        if cancel.is_cancelled() {
            return Some(Err(Failure::Cancelled { text: String::new() }));
        }
        let entry = entry.ok().filter(|entry| entry.depth() > 0)?;
        let (kind, depth) = (entry.file_type()?, entry.depth());
        let name = entry.file_name().to_string_lossy().into_owned();
        Some(Ok(Entry { name, path: entry.into_path(), kind, depth }))
    })
}
