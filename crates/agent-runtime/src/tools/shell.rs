//! Commands: `shell` waits for them, background jobs are looked at when the model likes.
//!
//! Each runs in a process group of its own with empty standard input, as `process.rs` describes. Jobs belong to the
//! conversation: they outlive turns, and end with it.

mod jobs;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, BoxFuture, Context, Failure, Outcome, Tool, Toolbox, arguments, process};
use crate::provider::ToolDefinition;
use jobs::{JobTool, Jobs};

pub(super) const NAMES: &[&str] =
    &["shell", "run_background_job", "list_background_jobs", "view_background_job", "stop_background_job"];

const DEFAULT_TIMEOUT_S: u64 = 30;
const MAX_TIMEOUT_S: u64 = 3_600;

/// What an agent file says about a `shell` toolset.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Variables for every command, ready to use.
    pub env: BTreeMap<String, String>,
}

/// Shows names only: values may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("env", &self.env.keys()).finish()
    }
}

impl Settings {
    /// Sets the variables for every command.
    #[must_use]
    pub fn env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env = env;
        self
    }
}

/// Adds the tools that `wanted` names.
pub(super) fn add_to(toolbox: &mut Toolbox, wanted: impl Fn(&str) -> bool, settings: Settings) {
    let env = Arc::new(settings.env);
    if wanted(NAMES[0]) {
        toolbox.add(Arc::new(Shell { env: Arc::clone(&env) }));
    }
    let jobs = Arc::new(Jobs::new(env));
    let mut any = false;
    for tool in JobTool::all(&jobs) {
        if wanted(tool.name()) {
            toolbox.add(Arc::new(tool));
            any = true;
        }
    }
    if any {
        toolbox.add_closing(jobs);
    }
}

/// The `shell` tool.
#[derive(Debug)]
struct Shell {
    env: Arc<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    cmd: String,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    timeout: Option<u64>,
}

impl Tool for Shell {
    fn name(&self) -> &str {
        NAMES[0]
    }

    fn definition(&self) -> ToolDefinition {
        let parameters = json!({
            "type": "object",
            "properties": {
                "cmd": { "type": "string", "description": "The command, for sh -c" },
                "cwd": { "type": "string", "description": "Where to run it; the working folder if absent" },
                "timeout": {
                    "type": "integer",
                    "description": format!("Seconds after which it is ended; {DEFAULT_TIMEOUT_S} if absent"),
                },
            },
            "required": ["cmd"],
            "additionalProperties": false,
        });
        ToolDefinition {
            name: self.name().to_owned(),
            description:
                "Runs a command in a shell and waits for it. What it leaves running in the background \
                          is ended with it."
                    .to_owned(),
            parameters,
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::Changes
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        Box::pin(self.execute(arguments, context))
    }
}

impl Shell {
    async fn execute(&self, value: Value, context: &Context) -> Outcome {
        let Arguments { cmd, cwd, timeout } = arguments(self.name(), value)?;
        let folder = checked(&cmd, cwd, context)?;
        let seconds = timeout.unwrap_or(DEFAULT_TIMEOUT_S);
        if seconds == 0 || seconds > MAX_TIMEOUT_S {
            let text = format!("timeout: expected 1 to {MAX_TIMEOUT_S} seconds, found {seconds}");
            return Err(Failure::model(ErrorClass::InvalidArguments, text));
        }
        let command = process::shell(&cmd, &folder, &self.env, context);
        process::answer(command, Duration::from_secs(seconds), context).await
    }
}

/// Checks what every command needs and returns its folder.
fn checked(cmd: &str, cwd: Option<String>, context: &Context) -> Result<PathBuf, Failure> {
    if cmd.trim().is_empty() || cmd.contains('\0') {
        return Err(Failure::model(ErrorClass::InvalidArguments, "cmd: expected a command"));
    }
    let folder = context.folder.join(cwd.as_deref().unwrap_or("."));
    if !folder.is_dir() {
        let text = format!("cwd: {} is no folder", cwd.unwrap_or_default());
        return Err(Failure::model(ErrorClass::NotFound, text));
    }
    Ok(folder)
}
