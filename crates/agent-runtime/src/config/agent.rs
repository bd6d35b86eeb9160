//! What a file says about an agent: one entry of `agents`, with its defaults filled in.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::toolset::ToolsetConfig;
use super::written;
use crate::yaml::Position;

/// One entry of `agents`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentConfig {
    /// The key below `agents`.
    #[serde(skip)]
    pub name: String,
    /// Which model answers.
    pub model: ModelRef,
    /// What to do when that model cannot answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// What the agent is for, in the author's words; `${env.NAME}` not yet replaced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Shown when a conversation starts without a message; `${env.NAME}` not yet replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<String>,
    /// The system prompt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instruction: String,
    /// Tools, in file order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub toolsets: Vec<ToolsetConfig>,
    /// Agents that can be given a task; a name of this file, or a reference to a registry or a URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_agents: Vec<String>,
    /// Agents that can take the conversation over; a name of this file, or a reference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handoffs: Vec<String>,
    /// Names below `rag`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rag: Vec<String>,
    /// Tell the model the date.
    pub add_date: bool,
    /// Tell the model the working folder, the operating system and the architecture.
    pub add_environment_info: bool,
    /// Files that are added to the system prompt, looked for from the working folder upwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_prompt_files: Vec<String>,
    /// Let the model write a script that calls tools, instead of calling them.
    pub code_mode_tools: bool,
    /// Ask the model to say with each tool call what it is for.
    pub add_description_parameter: bool,
    /// Model calls per turn; absent means unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// How many messages of the history a model sees; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_history_items: Option<u32>,
    /// Messages with a name, said as `/name`.
    #[serde(serialize_with = "written::by_name", skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// The form that answers must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<StructuredOutput>,
    /// Where skills come from; none means that there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillSource>,
    /// Commands that run at certain moments.
    #[serde(skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
    /// Where the agent stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// What an agent's `model` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelRef {
    /// A name below `models`.
    Named(String),
    /// `provider/model`.
    Inline {
        /// The part before the first slash.
        provider: String,
        /// The rest.
        model: String,
    },
    /// `auto`, or no `model` at all.
    Auto,
    /// Several models, one of them at random per call.
    Alloy(Vec<String>),
}

/// Models that answer when an agent's own does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fallback {
    /// In the order in which they are tried.
    pub models: Vec<ModelRef>,
    /// How often each model is tried again; written as -1 for never, because 0 means the default.
    #[serde(serialize_with = "written::retries")]
    pub retries: u32,
    /// How long to stay with the model that answered.
    #[serde(serialize_with = "written::duration")]
    pub cooldown: Duration,
}

/// A message with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Command {
    /// What is typed after the slash.
    #[serde(skip)]
    pub name: String,
    /// For lists of commands; `${env.NAME}` not yet replaced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is said to the agent; `${env.NAME}`, `${args[0]}` and `${args.join(" ")}` not yet replaced.
    pub instruction: String,
}

/// The form that answers must have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StructuredOutput {
    /// What the form is called.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A JSON schema.
    pub schema: serde_json::Value,
    /// Whether the provider is to enforce it.
    pub strict: bool,
}

/// Where skills come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkillSource {
    /// The usual folders of this machine.
    Local,
    /// A server.
    Url(String),
}

/// Commands that run at certain moments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hooks {
    /// Before a tool runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pre_tool_use: Vec<ToolHooks>,
    /// After a tool ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_tool_use: Vec<ToolHooks>,
    /// When a session begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub session_start: Vec<Hook>,
    /// When a session ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub session_end: Vec<Hook>,
    /// When the agent waits for its user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_user_input: Vec<Hook>,
}

/// Hooks for the tools whose names match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolHooks {
    /// A regular expression for tool names, or `*`; empty means all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matcher: String,
    /// What runs.
    pub hooks: Vec<Hook>,
}

/// One command that runs at a certain moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "command")]
#[non_exhaustive]
pub struct Hook {
    /// The command, for a shell.
    pub command: String,
    /// How long it may take, in seconds.
    pub timeout: u64,
}

impl Hooks {
    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ModelRef {
    /// Reads what `model:` or a command line says.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text == "auto" {
            Self::Auto
        } else if text.contains(',') {
            Self::Alloy(text.split(',').map(|part| part.trim().to_owned()).collect())
        } else if let Some((provider, model)) = text.split_once('/') {
            Self::Inline { provider: provider.to_owned(), model: model.to_owned() }
        } else {
            Self::Named(text.to_owned())
        }
    }

    /// The single models of the reference: itself, or those of an alloy.
    #[must_use]
    pub fn parts(&self) -> Vec<Self> {
        match self {
            Self::Alloy(parts) => parts.iter().map(|part| Self::parse(part)).collect(),
            single => vec![single.clone()],
        }
    }
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Inline { provider, model } => write!(f, "{provider}/{model}"),
            Self::Auto => f.write_str("auto"),
            Self::Alloy(parts) => f.write_str(&parts.join(",")),
        }
    }
}

impl Serialize for ModelRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SkillSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Local => "local",
            Self::Url(url) => url,
        })
    }
}

impl written::Named for AgentConfig {
    fn name(&self) -> &str {
        &self.name
    }
}

impl written::Named for Command {
    fn name(&self) -> &str {
        &self.name
    }
}
