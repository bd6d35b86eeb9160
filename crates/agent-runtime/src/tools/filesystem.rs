//! Files and folders.
//!
//! Paths are relative to the working folder, or absolute. Reading inside the working folder runs unasked; the
//! rest is asked about, so nothing is refused here for being elsewhere. Only regular files are opened, so that no
//! pipe or device can hold a turn up. A change replaces a file as a whole or not at all, and what changed is told.

mod change;
mod post_edit;
mod read;
mod search;

use std::io;
use std::path::Path;
use std::sync::Arc;

use agent_telemetry::ErrorClass;
use serde_json::{Value, json};

use super::folder::WorkingFolder;
use super::{Access, BoxFuture, Context, Failure, MAX_RESULT_BYTES, Outcome, Output, Tool, Toolbox, capped};
use crate::cancel::Cancel;
use crate::provider::ToolDefinition;

pub(super) const NAMES: &[&str] = &[
    "read_file",
    "read_multiple_files",
    "list_directory",
    "directory_tree",
    "search_files_content",
    "write_file",
    "edit_file",
    "create_directory",
    "remove_directory",
];

/// What an agent file says about a `filesystem` toolset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Leave out of trees and searches what version control leaves out: its own folders, and what a `.gitignore`
    /// names. Yes unless said otherwise.
    pub ignore_vcs: bool,
    /// Commands to run after a file was written or edited.
    pub post_edit: Vec<PostEdit>,
}

/// A command to run after some files were written or edited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostEdit {
    /// A glob of file names, or of paths from the working folder.
    pub path: String,
    /// The command, for `sh -c`; `$path` is the file.
    pub cmd: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ignore_vcs: true, post_edit: Vec::new() }
    }
}

impl Settings {
    /// Says whether version control decides what is left out.
    #[must_use]
    pub fn ignore_vcs(mut self, ignore: bool) -> Self {
        self.ignore_vcs = ignore;
        self
    }

    /// Adds a command to run after files that the glob names were changed.
    #[must_use]
    pub fn post_edit(mut self, path: impl Into<String>, cmd: impl Into<String>) -> Self {
        self.post_edit.push(PostEdit { path: path.into(), cmd: cmd.into() });
        self
    }
}

/// What the functions that do the work get.
struct Work {
    folder: Arc<WorkingFolder>,
    cancel: Cancel,
    ignore_vcs: bool,
}

/// What a function did.
enum Done {
    /// It answers with a text.
    Text(String),
    /// It changed a file, and answers with a text.
    Changed(change::Changed),
}

/// Does the work of one tool on its arguments.
type Function = fn(Value, &Work) -> Result<Done, Failure>;

#[derive(Debug)]
struct FileTool {
    name: &'static str,
    description: &'static str,
    read_only: bool,
    parameters: fn() -> Value,
    function: Function,
    settings: Arc<Settings>,
}

/// Adds the tools that `wanted` names, or all.
pub(super) fn add_to(toolbox: &mut Toolbox, wanted: impl Fn(&str) -> bool, settings: &Settings) {
    let settings = Arc::new(settings.clone());
    for tool in all(&settings) {
        if wanted(tool.name) {
            toolbox.add(Arc::new(tool));
        }
    }
}

fn all(settings: &Arc<Settings>) -> [FileTool; 9] {
    let tool = |name, description, read_only, parameters, function| FileTool {
        name,
        description,
        read_only,
        parameters,
        function,
        settings: Arc::clone(settings),
    };
    [
        tool("read_file", "Reads a text file.", true, || path("The file"), read::file),
        tool(
            "read_multiple_files",
            "Reads several text files at once.",
            true,
            || {
                schema(
                    &["paths"],
                    json!({
                        "paths": texts("The files"),
                        "json": { "type": "boolean", "description": "Answer as JSON" },
                    }),
                )
            },
            read::files,
        ),
        tool(
            "list_directory",
            "Lists a folder: one FILE or DIR a line.",
            true,
            || path("The folder"),
            read::list,
        ),
        tool(
            "directory_tree",
            "Shows a folder and everything below it as JSON, up to 100 entries.",
            true,
            || path("The folder"),
            search::tree,
        ),
        tool(
            "search_files_content",
            "Finds the lines of the files below a folder that contain a text, or match a regular expression. Case \
             matters.",
            true,
            || {
                schema(
                    &["path", "query"],
                    json!({
                        "path": text("The folder to search"),
                        "query": text("The text to find"),
                        "is_regex": { "type": "boolean", "description": "The text is a regular expression" },
                        "excludePatterns": texts("Globs of names or paths to leave out"),
                    }),
                )
            },
            search::content,
        ),
        tool(
            "write_file",
            "Writes a file, replacing what was in it; missing folders are made.",
            false,
            || {
                schema(
                    &["path", "content"],
                    json!({ "path": text("The file"), "content": text("The whole content") }),
                )
            },
            change::write,
        ),
        tool(
            "edit_file",
            "Replaces pieces of a text file. Each oldText must occur exactly once.",
            false,
            || {
                let edit = schema(
                    &["oldText", "newText"],
                    json!({ "oldText": text("The text to replace"), "newText": text("The text to put there") }),
                );
                schema(
                    &["path", "edits"],
                    json!({ "path": text("The file"), "edits": { "type": "array", "items": edit } }),
                )
            },
            change::edit,
        ),
        tool(
            "create_directory",
            "Makes folders, with those above them.",
            false,
            || schema(&["paths"], json!({ "paths": texts("The folders") })),
            change::create_folders,
        ),
        tool(
            "remove_directory",
            "Removes empty folders.",
            false,
            || schema(&["paths"], json!({ "paths": texts("The folders") })),
            change::remove_folders,
        ),
    ]
}

fn schema(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn path(description: &str) -> Value {
    schema(&["path"], json!({ "path": text(description) }))
}

impl Tool for FileTool {
    fn name(&self) -> &str {
        self.name
    }

    fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            parameters: (self.parameters)(),
        }
    }

    fn access(&self, arguments: &Value) -> Access {
        if !self.read_only {
            return Access::Changes;
        }
        let one = arguments.get("path").and_then(Value::as_str);
        let many =
            arguments.get("paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Access::Reads(one.into_iter().chain(many).map(str::to_owned).collect())
    }

    fn is_parallel_safe(&self) -> bool {
        self.read_only
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        let work = Work {
            folder: Arc::clone(&context.folder),
            cancel: context.cancel.clone(),
            ignore_vcs: self.settings.ignore_vcs,
        };
        let function = self.function;
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || function(arguments, &work)).await {
                Ok(Ok(Done::Text(text))) => Ok(capped(text, MAX_RESULT_BYTES).into()),
                Ok(Ok(Done::Changed(changed))) => {
                    let note = post_edit::run(&self.settings.post_edit, &changed, context).await?;
                    let (text, diff) = changed.compare();
                    Ok(Output { text: format!("{text}{note}"), diff })
                }
                Ok(Err(failure)) => Err(failure),
                Err(_) => Err(Failure::Turn {
                    class: ErrorClass::Panic,
                    text: format!("the tool {} broke down", self.name),
                }),
            }
        })
    }
}

/// What an operating system error says to the model.
fn io_failure(path: &str, error: &io::Error) -> Failure {
    let class = match error.kind() {
        io::ErrorKind::NotFound => ErrorClass::NotFound,
        io::ErrorKind::PermissionDenied => ErrorClass::PermissionDenied,
        _ => ErrorClass::Io,
    };
    Failure::model(class, format!("{path}: {error}"))
}

/// Refuses what is not a regular file; opening a pipe would wait for its other end.
fn regular_file(shown: &str, path: &Path) -> Result<std::fs::Metadata, Failure> {
    let metadata = path.metadata().map_err(|error| io_failure(shown, &error))?;
    if metadata.is_dir() {
        return Err(Failure::model(ErrorClass::ToolError, format!("{shown}: is a folder")));
    }
    if !metadata.is_file() {
        return Err(Failure::model(ErrorClass::ToolError, format!("{shown}: is not a regular file")));
    }
    Ok(metadata)
}
