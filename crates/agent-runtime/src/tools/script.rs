//! Tools that an agent file writes itself: a command with a name, its arguments handed over as variables.
//!
//! What a model says never becomes part of the command's text, so it cannot become a command.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use agent_telemetry::{ErrorClass, ToolKind};
use serde_json::{Map, Value, json};

use super::{Access, BoxFuture, Context, Failure, Outcome, Tool, process};
use crate::provider::ToolDefinition;

const DEFAULT_LIMIT: Duration = Duration::from_secs(600);
/// Most bytes of one argument: what Linux allows for one variable, less its name.
const MAX_ARGUMENT_BYTES: usize = 120_000;

/// One entry of a `script` toolset.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// The tool's name.
    pub name: String,
    /// The command, for `sh -c`.
    pub cmd: String,
    /// What it is for, in the author's words.
    pub description: String,
    /// Per argument its JSON schema.
    pub args: Map<String, Value>,
    /// The arguments that must be given.
    pub required: Vec<String>,
    /// Variables of the command, ready to use.
    pub env: BTreeMap<String, String>,
    /// Where it runs, from the working folder; absent means there.
    pub working_dir: Option<String>,
    /// After which time it is ended.
    pub limit: Duration,
}

/// Shows the names of variables only: values may be secret.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("name", &self.name)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

impl Script {
    /// A script without arguments that is ended after ten minutes.
    #[must_use]
    pub fn new(name: impl Into<String>, cmd: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            cmd: cmd.into(),
            description: String::new(),
            args: Map::new(),
            required: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Tells what would go wrong with every call.
    ///
    /// # Errors
    ///
    /// The name of the tool or of an argument cannot be one, or an argument that is required is not described.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.is_empty()
            || name.len() > 64
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        {
            return Err(format!("script `{name}`: a tool's name has 1 to 64 letters, digits, `_` and `-`"));
        }
        if self.cmd.trim().is_empty() || self.cmd.contains('\0') {
            return Err(format!("script `{name}`: cmd: expected a command"));
        }
        if let Some(arg) = self.args.keys().find(|arg| !is_variable(arg)) {
            return Err(format!(
                "script `{name}`: argument `{arg}` becomes a variable: letters, digits and `_`, no digit first"
            ));
        }
        match self.required.iter().find(|arg| !self.args.contains_key(*arg)) {
            Some(arg) => Err(format!("script `{name}`: required argument `{arg}` is not below args")),
            None => Ok(()),
        }
    }

    /// The variables that a call's arguments become.
    fn variables(&self, arguments: Value) -> Result<BTreeMap<String, String>, Failure> {
        let wrong = |text: String| {
            Failure::model(
                ErrorClass::InvalidArguments,
                format!("invalid arguments for {}: {text}", self.name),
            )
        };
        let Value::Object(arguments) = arguments else {
            return Err(wrong("expected a JSON object".to_owned()));
        };
        let mut variables = self.env.clone();
        for (name, value) in arguments {
            let Some(schema) = self.args.get(&name) else {
                let shown: String = name.chars().take(64).collect();
                return Err(wrong(format!("unknown argument `{shown}`")));
            };
            if value.is_null() {
                continue;
            }
            if let Some(expected) =
                schema.get("type").and_then(Value::as_str).filter(|kind| !is_a(&value, kind))
            {
                return Err(wrong(format!("{name}: expected {expected}, found {value:.80}")));
            }
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            if text.contains('\0') || text.len() > MAX_ARGUMENT_BYTES {
                return Err(wrong(format!(
                    "{name}: expected at most {MAX_ARGUMENT_BYTES} bytes without NUL"
                )));
            }
            variables.insert(name, text);
        }
        match self.required.iter().find(|name| !variables.contains_key(*name)) {
            Some(name) => Err(wrong(format!("missing `{name}`"))),
            None => Ok(variables),
        }
    }
}

fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Tells whether a value has a JSON schema's type; types that we do not know fit anything.
fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

impl Tool for Script {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> ToolKind {
        ToolKind::Script
    }

    fn definition(&self) -> ToolDefinition {
        ToolDefinition {
            name: self.name.clone(),
            description: self.description.clone(),
            parameters: json!({
                "type": "object",
                "properties": self.args,
                "required": self.required,
                "additionalProperties": false,
            }),
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::Changes
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let variables = self.variables(arguments)?;
            let folder = context.folder.join(self.working_dir.as_deref().unwrap_or("."));
            if !folder.is_dir() {
                let text = format!("working_dir: {} is no folder", folder.display());
                return Err(Failure::Model { class: ErrorClass::Config, text });
            }
            let command = process::shell(&self.cmd, &folder, &variables, context);
            process::answer(command, self.limit, context).await
        })
    }
}
