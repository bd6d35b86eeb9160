//! Writing and editing files, making and removing folders.

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Work, io_failure, regular_file};
use crate::tools::arguments;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteArguments {
    path: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditArguments {
    path: String,
    edits: Vec<Edit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    #[serde(rename = "oldText")]
    old_text: String,
    #[serde(rename = "newText")]
    new_text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathsArguments {
    paths: Vec<String>,
}

pub(super) fn write(value: Value, work: &Work) -> Result<String, Failure> {
    let WriteArguments { path, content } = arguments("write_file", value)?;
    let real = work.folder.join(&path);
    if real.exists() {
        regular_file(&path, &real)?;
    } else if let Some(parent) = real.parent() {
        std::fs::create_dir_all(parent).map_err(|error| io_failure(&path, &error))?;
    }
    std::fs::write(&real, &content).map_err(|error| io_failure(&path, &error))?;
    Ok(format!("wrote {} bytes to {path}", content.len()))
}

pub(super) fn edit(value: Value, work: &Work) -> Result<String, Failure> {
    let EditArguments { path, edits } = arguments("edit_file", value)?;
    if edits.is_empty() {
        return Err(Failure::model(ErrorClass::InvalidArguments, "edits: expected at least one"));
    }
    let real = work.folder.join(&path);
    regular_file(&path, &real)?;
    let mut text = std::fs::read_to_string(&real).map_err(|error| io_failure(&path, &error))?;
    // Nothing is written unless every edit applies.
    for (index, edit) in edits.iter().enumerate() {
        let problem = match text.matches(&edit.old_text).take(2).count() {
            _ if edit.old_text.is_empty() => "oldText is empty",
            0 => "oldText does not occur in the file",
            1 => {
                text = text.replacen(&edit.old_text, &edit.new_text, 1);
                continue;
            }
            _ => "oldText occurs more than once, give more of what is around it",
        };
        let text = format!("{path}: edit {}: {problem}; nothing was changed", index + 1);
        return Err(Failure::model(ErrorClass::ToolError, text));
    }
    std::fs::write(&real, &text).map_err(|error| io_failure(&path, &error))?;
    Ok(format!("edited {path}: {} replaced", edits.len()))
}

pub(super) fn create_folders(value: Value, work: &Work) -> Result<String, Failure> {
    each("create_directory", "made", value, |path| std::fs::create_dir_all(work.folder.join(path)))
}

pub(super) fn remove_folders(value: Value, work: &Work) -> Result<String, Failure> {
    each("remove_directory", "removed", value, |path| std::fs::remove_dir(work.folder.join(path)))
}

fn each(
    tool: &str,
    done: &str,
    value: Value,
    action: impl Fn(&str) -> std::io::Result<()>,
) -> Result<String, Failure> {
    let PathsArguments { paths } = arguments(tool, value)?;
    if paths.is_empty() {
        return Err(Failure::model(ErrorClass::InvalidArguments, "paths: expected at least one"));
    }
    let mut lines = String::new();
    let mut failed = None;
    for path in &paths {
        match action(path) {
            Ok(()) => lines.push_str(&format!("{done} {path}\n")),
            Err(error) => {
                let Failure::Model { class, text } = io_failure(path, &error) else { continue };
                lines.push_str(&format!("{text}\n"));
                failed = Some(class);
            }
        }
    }
    match failed {
        Some(class) => Err(Failure::model(class, lines)),
        None => Ok(lines),
    }
}
