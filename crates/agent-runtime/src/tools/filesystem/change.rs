//! Writing and editing files, making and removing folders.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::Value;

use super::{Done, Failure, Work, io_failure, regular_file};
use crate::tools::{Diff, arguments};

/// Files beyond this size are not edited, nor compared with what they were.
const MAX_EDITED_BYTES: u64 = 16 * 1024 * 1024;

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

/// A file that was changed.
pub(super) struct Changed {
    /// What is said about it.
    text: String,
    /// The file as the model named it.
    pub(super) path: String,
    /// Where it really is.
    pub(super) real: PathBuf,
    before: Option<String>,
    pub(super) after: String,
}

impl Changed {
    /// What to say, and the difference between the version before and the one that is there now.
    pub(super) fn compare(self) -> (String, Option<Diff>) {
        let after = text_of(&self.real).unwrap_or(self.after);
        (self.text, Diff::between(&self.path, self.before.as_deref().unwrap_or_default(), &after))
    }
}

pub(super) fn write(value: Value, work: &Work) -> Result<Done, Failure> {
    let WriteArguments { path, content } = arguments("write_file", value)?;
    let mut real = work.folder.join(&path);
    let mut before = None;
    if real.symlink_metadata().is_ok() {
        real = existing(&path, &real)?;
        before = text_of(&real);
    } else if let Some(parent) = real.parent() {
        std::fs::create_dir_all(parent).map_err(|error| io_failure(&path, &error))?;
    }
    replace(&real, &content).map_err(|error| io_failure(&path, &error))?;
    let text = format!("wrote {} bytes to {path}", content.len());
    Ok(Done::Changed(Changed { text, path, real, before, after: content }))
}

pub(super) fn edit(value: Value, work: &Work) -> Result<Done, Failure> {
    let EditArguments { path, edits } = arguments("edit_file", value)?;
    if edits.is_empty() {
        return Err(Failure::model(ErrorClass::InvalidArguments, "edits: expected at least one"));
    }
    let real = existing(&path, &work.folder.join(&path))?;
    if real.metadata().is_ok_and(|metadata| metadata.len() > MAX_EDITED_BYTES) {
        let text = format!("{path}: is larger than {MAX_EDITED_BYTES} bytes; use a command to change it");
        return Err(Failure::model(ErrorClass::Limit, text));
    }
    let before = std::fs::read_to_string(&real).map_err(|error| io_failure(&path, &error))?;
    let mut text = before.clone();
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
    replace(&real, &text).map_err(|error| io_failure(&path, &error))?;
    let said = format!("edited {path}: {} replaced", edits.len());
    Ok(Done::Changed(Changed { text: said, path, real, before: Some(before), after: text }))
}

/// The regular file behind a path that exists, links followed: it is the file that changes, not the link.
fn existing(path: &str, joined: &Path) -> Result<PathBuf, Failure> {
    regular_file(path, joined)?;
    joined.canonicalize().map_err(|error| io_failure(path, &error))
}

/// A file's text, if it is one of moderate size.
fn text_of(real: &Path) -> Option<String> {
    let small = real.metadata().is_ok_and(|metadata| metadata.len() <= MAX_EDITED_BYTES);
    small.then(|| std::fs::read_to_string(real).ok()).flatten()
}

/// Puts a new version in a file's place in one step: whoever reads sees the old one or the new one.
fn replace(real: &Path, content: &str) -> std::io::Result<()> {
    let folder = real.parent().unwrap_or(Path::new("/"));
    let temporary = folder.join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let written = (|| {
        let mut file = File::create_new(&temporary)?;
        // Before there is something in it that not everybody may read.
        if let Ok(metadata) = real.metadata() {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(content.as_bytes())?;
        std::fs::rename(&temporary, real)
    })();
    if written.is_err() {
        let _never_made = std::fs::remove_file(&temporary);
    }
    written
}

pub(super) fn create_folders(value: Value, work: &Work) -> Result<Done, Failure> {
    each("create_directory", "made", value, |path| std::fs::create_dir_all(work.folder.join(path)))
}

pub(super) fn remove_folders(value: Value, work: &Work) -> Result<Done, Failure> {
    each("remove_directory", "removed", value, |path| std::fs::remove_dir(work.folder.join(path)))
}

fn each(
    tool: &str,
    done: &str,
    value: Value,
    action: impl Fn(&str) -> std::io::Result<()>,
) -> Result<Done, Failure> {
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
        None => Ok(Done::Text(lines)),
    }
}
