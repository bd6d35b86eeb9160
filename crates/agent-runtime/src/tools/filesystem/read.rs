//! Reading files and listing folders.

use std::fs::File;
use std::io::Read;

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Failure, MAX_RESULT_BYTES, Work, io_failure, regular_file};
use crate::tools::arguments;

/// Bytes of content in one answer; the rest is room for notes and headings.
const MAX_CONTENT_BYTES: usize = MAX_RESULT_BYTES - 4_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathArguments {
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathsArguments {
    paths: Vec<String>,
    #[serde(default)]
    json: Option<bool>,
}

pub(super) fn file(value: Value, work: &Work) -> Result<Done, Failure> {
    let PathArguments { path } = arguments("read_file", value)?;
    text_of(&path, work, MAX_CONTENT_BYTES).map(Done::Text)
}

pub(super) fn files(value: Value, work: &Work) -> Result<Done, Failure> {
    let PathsArguments { paths, json } = arguments("read_multiple_files", value)?;
    if paths.is_empty() {
        return Err(Failure::model(ErrorClass::InvalidArguments, "paths: expected at least one"));
    }
    // Every file gets its share, so that the last one is not cut off by the first.
    let share = MAX_CONTENT_BYTES / paths.len().max(1);
    let mut last_failure = None;
    let mut read = 0_usize;
    let mut contents = Vec::new();
    for path in &paths {
        match text_of(path, work, share) {
            Ok(text) => {
                read += 1;
                contents.push((path, Ok(text)));
            }
            Err(failure) => {
                let Failure::Model { text, .. } = &failure else { return Err(failure) };
                contents.push((path, Err(text.clone())));
                last_failure = Some(failure);
            }
        }
    }
    let text = if json == Some(true) {
        let entries: Value = contents
            .iter()
            .map(|(path, result)| match result {
                Ok(text) => json!({ "path": path, "content": text }),
                Err(text) => json!({ "path": path, "error": text }),
            })
            .collect();
        entries.to_string()
    } else {
        let parts = contents.iter().map(|(path, result)| match result {
            Ok(text) => format!("=== {path} ===\n{text}\n"),
            Err(text) => format!("=== {path} ===\nerror: {text}\n"),
        });
        parts.collect()
    };
    match last_failure {
        Some(Failure::Model { class, .. }) if read == 0 => Err(Failure::model(class, text)),
        _ => Ok(Done::Text(text)),
    }
}

pub(super) fn list(value: Value, work: &Work) -> Result<Done, Failure> {
    const MAX_ENTRIES: usize = 1_000;
    let PathArguments { path } = arguments("list_directory", value)?;
    let entries = std::fs::read_dir(work.folder.join(&path)).map_err(|error| io_failure(&path, &error))?;
    let mut lines: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| {
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_dir() => "DIR",
                Ok(kind) if kind.is_symlink() => "LINK",
                _ => "FILE",
            };
            format!("{kind} {}\n", entry.file_name().to_string_lossy())
        })
        .collect();
    lines.sort_by(|a, b| {
        a.split_once(' ').map(|(_, name)| name).cmp(&b.split_once(' ').map(|(_, name)| name))
    });
    let total = lines.len();
    if total == 0 {
        return Ok(Done::Text("the folder is empty\n".to_owned()));
    }
    lines.truncate(MAX_ENTRIES);
    if total > MAX_ENTRIES {
        lines.push(format!("[cut: the first {MAX_ENTRIES} of {total} entries are shown]\n"));
    }
    Ok(Done::Text(lines.concat()))
}

/// Reads at most `limit` bytes of a text file, saying so if there are more.
fn text_of(path: &str, work: &Work, limit: usize) -> Result<String, Failure> {
    let real = work.folder.join(path);
    let metadata = regular_file(path, &real)?;
    let file = File::open(&real).map_err(|error| io_failure(path, &error))?;
    let mut bytes = Vec::new();
    let read = file.take(limit as u64).read_to_end(&mut bytes);
    read.map_err(|error| io_failure(path, &error))?;
    if bytes.contains(&0) {
        return Err(Failure::model(ErrorClass::ToolError, format!("{path}: is not a text file")));
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if metadata.len() > bytes.len() as u64 {
        // A character that the limit cut in two.
        while text.ends_with('\u{fffd}') {
            text.pop();
        }
        text.push_str(&format!("\n[cut: the first {} of {} bytes are shown]", bytes.len(), metadata.len()));
    }
    Ok(text)
}
