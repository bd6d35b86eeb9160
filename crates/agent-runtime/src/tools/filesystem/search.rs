//! Walking folders: trees and searches. Symbolic links are shown, never followed.

use std::path::Path;

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Work, io_failure};
use crate::tools::arguments;
use crate::tools::permissions::glob_matches;

const MAX_TREE_ENTRIES: usize = 100;
const MAX_MATCHES: usize = 200;
const MAX_DEPTH: usize = 64;
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
const MAX_LINE_CHARS: usize = 300;
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

pub(super) fn tree(value: Value, work: &Work) -> Result<String, Failure> {
    let TreeArguments { path } = arguments("directory_tree", value)?;
    let root = work.folder.join(&path);
    let mut left = MAX_TREE_ENTRIES;
    let children = branch(&path, &root, work, &mut left, 0)?;
    let mut tree = json!({ "name": path, "type": "directory", "children": children });
    if left == 0 {
        tree["note"] = json!(format!("cut: {MAX_TREE_ENTRIES} entries are shown"));
    }
    Ok(tree.to_string())
}

fn branch(
    shown: &str,
    folder: &Path,
    work: &Work,
    left: &mut usize,
    depth: usize,
) -> Result<Vec<Value>, Failure> {
    let mut children = Vec::new();
    for (name, path, kind) in entries(shown, folder, work)? {
        if *left == 0 {
            break;
        }
        *left -= 1;
        children.push(match kind {
            Kind::Folder => {
                // A folder below that cannot be read is no reason to show nothing.
                let below = if depth < MAX_DEPTH {
                    branch(&name, &path, work, left, depth + 1)
                } else {
                    Ok(Vec::new())
                };
                match below {
                    Err(cancelled @ Failure::Cancelled { .. }) => return Err(cancelled),
                    below => {
                        json!({ "name": name, "type": "directory", "children": below.unwrap_or_default() })
                    }
                }
            }
            Kind::File => json!({ "name": name, "type": "file" }),
            Kind::Other => json!({ "name": name, "type": "link" }),
        });
    }
    Ok(children)
}

pub(super) fn content(value: Value, work: &Work) -> Result<String, Failure> {
    let wanted: SearchArguments = arguments("search_files_content", value)?;
    if wanted.is_regex == Some(true) {
        let text = "is_regex: regular expressions are not supported, search for a literal text";
        return Err(Failure::model(ErrorClass::InvalidArguments, text));
    }
    if wanted.query.is_empty() {
        return Err(Failure::model(ErrorClass::InvalidArguments, "query: expected a text, found none"));
    }
    let root = work.folder.join(&wanted.path);
    let mut found = Vec::new();
    let metadata = root.metadata().map_err(|error| io_failure(&wanted.path, &error))?;
    if metadata.is_file() {
        search_file(&root, &wanted, work, &mut found);
    } else {
        search_folder(&root, &wanted, work, &mut found, 0)?;
    }
    if found.is_empty() {
        return Ok("no matches\n".to_owned());
    }
    if found.len() >= MAX_MATCHES {
        found.push(format!("[cut: the first {MAX_MATCHES} matches are shown]\n"));
    }
    Ok(found.concat())
}

fn search_folder(
    folder: &Path,
    wanted: &SearchArguments,
    work: &Work,
    found: &mut Vec<String>,
    depth: usize,
) -> Result<(), Failure> {
    for (name, path, kind) in entries(&wanted.path, folder, work)? {
        if found.len() >= MAX_MATCHES {
            return Ok(());
        }
        let shown = work.folder.display(&path);
        let excluded = wanted.exclude_patterns.iter().flatten();
        if excluded.into_iter().any(|glob| glob_matches(glob, &name) || glob_matches(glob, &shown)) {
            continue;
        }
        match kind {
            Kind::Folder if depth < MAX_DEPTH => {
                let below = search_folder(&path, wanted, work, found, depth + 1);
                // A folder below that cannot be read hides nothing else.
                if let Err(cancelled @ Failure::Cancelled { .. }) = below {
                    return Err(cancelled);
                }
            }
            Kind::File => search_file(&path, wanted, work, found),
            Kind::Folder | Kind::Other => {}
        }
    }
    Ok(())
}

fn search_file(path: &Path, wanted: &SearchArguments, work: &Work, found: &mut Vec<String>) {
    if path.metadata().is_ok_and(|metadata| metadata.len() > MAX_FILE_BYTES) {
        return;
    }
    let Ok(bytes) = std::fs::read(path) else { return };
    if bytes.contains(&0) {
        return;
    }
    let text = String::from_utf8_lossy(&bytes);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| line.contains(&wanted.query)) {
        if found.len() >= MAX_MATCHES {
            return;
        }
        let line: String = line.trim().chars().take(MAX_LINE_CHARS).collect();
        found.push(format!("{}:{}: {line}\n", work.folder.display(path), index + 1));
    }
}

enum Kind {
    Folder,
    File,
    Other,
}

/// The entries of a folder by name, without those of version control systems.
fn entries(
    shown: &str,
    folder: &Path,
    work: &Work,
) -> Result<Vec<(String, std::path::PathBuf, Kind)>, Failure> {
    if work.cancel.is_cancelled() {
        return Err(Failure::Cancelled { text: String::new() });
    }
    let read = std::fs::read_dir(folder).map_err(|error| io_failure(shown, &error))?;
    let mut entries: Vec<_> = read
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = match entry.file_type().ok()? {
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_file() => Kind::File,
                _ => Kind::Other,
            };
            let hidden =
                work.ignore_vcs && matches!(kind, Kind::Folder) && VCS_FOLDERS.contains(&name.as_str());
            (!hidden).then(|| (name, entry.path(), kind))
        })
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}
