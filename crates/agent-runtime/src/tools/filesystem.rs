//! Files and folders.
//!
//! Paths are relative to the working folder, or absolute. Reading inside the working folder runs unasked; the
//! rest is asked about, so nothing is refused here for being elsewhere. Only regular files are opened, so that no
//! pipe or device can hold a turn up.

mod change;
mod read;
mod search;

use std::io;
use std::path::Path;
use std::sync::Arc;

use agent_telemetry::ErrorClass;
use serde_json::{Value, json};

use super::folder::WorkingFolder;
use super::{Access, BoxFuture, Context, Failure, MAX_RESULT_BYTES, Tool, Toolbox, capped};
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

/// What the functions that do the work get.
struct Work {
    folder: Arc<WorkingFolder>,
    cancel: Cancel,
    ignore_vcs: bool,
}

/// Does the work of one tool on its arguments.
type Function = fn(Value, &Work) -> Result<String, Failure>;

#[derive(Debug)]
struct FileTool {
    name: &'static str,
    description: &'static str,
    read_only: bool,
    parameters: fn() -> Value,
    function: Function,
    ignore_vcs: bool,
}

/// Adds the tools that `wanted` names, or all.
pub(crate) fn add_to(toolbox: &mut Toolbox, wanted: impl Fn(&str) -> bool, ignore_vcs: bool) {
    for mut tool in all() {
        if wanted(tool.name) {
            tool.ignore_vcs = ignore_vcs;
            toolbox.add(Box::new(tool));
        }
    }
}

fn all() -> [FileTool; 9] {
    let tool = |name, description, read_only, parameters, function| FileTool {
        name,
        description,
        read_only,
        parameters,
        function,
        ignore_vcs: true,
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
            "Finds the lines of the files below a folder that contain a text (case matters, no regular expressions).",
            true,
            || {
                schema(
                    &["path", "query"],
                    json!({
                        "path": text("The folder to search"),
                        "query": text("The text to find"),
                        "is_regex": { "type": "boolean", "description": "Must be false" },
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
    fn name(&self) -> &'static str {
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

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Result<String, Failure>> {
        let work = Work {
            folder: Arc::clone(&context.folder),
            cancel: context.cancel.clone(),
            ignore_vcs: self.ignore_vcs,
        };
        let function = self.function;
        Box::pin(async move {
            let result = tokio::task::spawn_blocking(move || function(arguments, &work)).await;
            match result {
                Ok(result) => result.map(|text| capped(text, MAX_RESULT_BYTES)),
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
