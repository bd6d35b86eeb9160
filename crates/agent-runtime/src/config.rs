//! `agent.yaml`: what a file says, checked, with every complaint naming file, line and column.
//!
//! Unknown keys and dangling references are errors. Features of the schema that this program does not run yet
//! parse and are listed by [`Config::unsupported`], so that a run can refuse them instead of ignoring them.
//! Nothing is looked up or expanded here.

mod error;
mod fields;
mod read;
pub(crate) mod support;

use std::collections::BTreeMap;

use serde::Serialize;

pub use crate::yaml::Position;
pub use error::ConfigError;
pub(crate) use error::nearest;
pub use support::{Scope, Unsupported};

/// Everything that an agent file says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The name of the file, as handed in; used in error texts only.
    #[serde(skip)]
    pub file_name: String,
    /// `version`, if given: `"1"` to `"7"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The agents in file order; never empty.
    pub agents: Vec<AgentConfig>,
    /// The named models in file order.
    pub models: Vec<ModelConfig>,
    /// Custom providers in file order.
    pub providers: Vec<ProviderConfig>,
    /// What may run unasked, what must be asked, what never runs.
    pub permissions: Permissions,
    /// Features that were found while reading; models are looked at when asked.
    #[serde(skip)]
    found_unsupported: Vec<Unsupported>,
}

/// One entry of `agents`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentConfig {
    /// The key below `agents`.
    pub name: String,
    /// Which model answers.
    pub model: ModelRef,
    /// What the agent is for, in the author's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The system prompt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instruction: String,
    /// Shown when a conversation starts without a message; `${env.NAME}` not yet replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<String>,
    /// Model calls per turn; absent means unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// Tell the model the date.
    pub add_date: bool,
    /// Tell the model the working folder, the operating system and the architecture.
    pub add_environment_info: bool,
    /// Tools, in file order.
    pub toolsets: Vec<ToolsetConfig>,
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

/// One entry of `models`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The key below `models`; `provider/model` for one that has no entry.
    pub name: String,
    /// A provider that we know, or a key below `providers`, or any name beside a `base_url`.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Frequency penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Presence penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Upper limit for an answer, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Where the provider is, instead of its usual address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The variable that holds the key, instead of the provider's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_key: Option<String>,
    /// Whether the model may ask for several tools at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Whether to ask the provider for token counts; yes unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track_usage: Option<bool>,
    /// How long the model may think; absent leaves it to the provider.
    #[serde(skip)]
    pub thinking_budget: Option<ThinkingBudget>,
    /// Options that only some provider knows.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub provider_opts: serde_json::Map<String, serde_json::Value>,
    /// Where the model stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// How long a model may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingBudget {
    /// Not at all: `0` or `none`.
    Off,
    /// As long as the provider takes this word to mean.
    Effort(Effort),
    /// Up to this many tokens; -1 leaves the number to the provider.
    Tokens(i64),
}

/// How much a model is to think, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words speak for themselves")]
#[non_exhaustive]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
    Max,
    Adaptive,
}

/// Which of OpenAI's APIs a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ApiType {
    /// Chat completions.
    #[default]
    #[serde(rename = "openai_chatcompletions")]
    ChatCompletions,
    /// Responses.
    #[serde(rename = "openai_responses")]
    Responses,
}

/// One entry of `providers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The key below `providers`.
    pub name: String,
    /// Which API it speaks.
    pub api_type: ApiType,
    /// Where it is.
    pub base_url: String,
    /// The variable that holds its key; none means no key is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_key: Option<String>,
    /// Where the provider stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// One entry of an agent's `toolsets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolsetConfig {
    /// Which tools.
    #[serde(flatten)]
    pub kind: ToolsetKind,
    /// The tools to offer; absent means all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
}

/// A toolset's `type` with the keys of that type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolsetKind {
    /// Files and folders.
    Filesystem {
        /// Leave the folders of version control systems out of trees and searches.
        ignore_vcs: bool,
    },
    /// Commands.
    Shell {
        /// Variables set for every command; `${env.NAME}` not yet replaced.
        env: BTreeMap<String, String>,
    },
    /// A type that does not run yet.
    #[serde(untagged)]
    Unsupported {
        /// The `type` as written.
        r#type: String,
    },
}

/// The three lists of tool patterns: `tool`, `tool*`, `tool:argument=glob`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Permissions {
    /// Run unasked.
    pub allow: Vec<String>,
    /// Ask, even if the tool only reads.
    pub ask: Vec<String>,
    /// Never run.
    pub deny: Vec<String>,
}

/// Reads an agent file's text; `file_name` appears in error texts.
///
/// # Errors
///
/// What is wrong with the file, with its place where there is one.
pub fn from_yaml(file_name: &str, text: &str) -> Result<Config, ConfigError> {
    let limits = crate::yaml::Limits { bytes: 1024 * 1024, nodes: 50_000 };
    let root = crate::yaml::parse(text, limits)
        .map_err(|error| ConfigError::new(file_name, error.position, error.text))?;
    read::config(file_name, &root)
}

impl Config {
    /// The agent that runs when none is named: `root`, else the first.
    #[must_use]
    pub fn default_agent(&self) -> Option<&AgentConfig> {
        self.agent("root").or_else(|| self.agents.first())
    }

    /// The agent of that name.
    #[must_use]
    pub fn agent(&self, name: &str) -> Option<&AgentConfig> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// The model of that name below `models`.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelConfig> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The provider of that name below `providers`.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderConfig> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Every variable that the file names as holding a key; children of a run do not get these.
    #[must_use]
    pub fn key_variables(&self) -> std::collections::BTreeSet<String> {
        let models = self.models.iter().filter_map(|model| model.token_key.clone());
        let providers = self.providers.iter().filter_map(|provider| provider.token_key.clone());
        models.chain(providers).collect()
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
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
}
