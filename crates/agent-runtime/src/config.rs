//! `agent.yaml`: what a file says, checked, with every complaint naming file, line and column.
//!
//! The whole schema is read, into types. Unknown keys and dangling references are errors, and a file's errors are
//! reported together. Features of the schema that this program does not run yet parse and are listed by
//! [`Config::unsupported`], so that a run can refuse them instead of ignoring them.
//! Nothing is looked up, expanded or started here.

mod agent;
mod duration;
mod error;
mod fields;
mod model;
mod needs;
mod rag;
mod read;
pub(crate) mod support;
pub(crate) mod template;
mod toolset;
mod written;

use std::collections::BTreeSet;

use serde::Serialize;

use template::{Places, Template};

pub use crate::yaml::Position;
pub use agent::{
    AgentConfig, Command, Fallback, Hook, Hooks, ModelRef, SkillSource, StructuredOutput, ToolHooks,
};
pub use error::{ConfigError, Problem};
pub(crate) use error::{nearest, nearest_of};
pub use model::{ApiType, Effort, ModelConfig, ProviderConfig, RoutingRule, ThinkingBudget};
pub use rag::{Chunking, Fusion, FusionStrategy, RagConfig, RagResults, RagStrategy, RagTool, Reranking};
pub use support::{Scope, Unsupported};
pub use toolset::{
    ApiTool, Defer, McpServer, McpSource, Method, PostEdit, Remote, RemoteTransport, ScriptTool,
    ToolsetConfig, ToolsetKind,
};
pub(crate) use written::names_a_secret;

/// The version of the schema that this program knows best; a file that names none has it.
const NEWEST_VERSION: &str = "7";

/// How much of a file is read: far more than people write, far less than hurts.
const LIMITS: crate::yaml::Limits = crate::yaml::Limits { bytes: 1024 * 1024, nodes: 50_000 };

/// Everything that an agent file says.
///
/// Serialised, it is an agent file of the newest version that says the same: defaults filled in, servers of `mcps`
/// put where they are used, and no secrets in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The name of the file, as handed in; used in error texts only.
    #[serde(skip)]
    pub file_name: String,
    /// `version`, if given: `"0"` to `"7"`.
    #[serde(serialize_with = "written::version")]
    pub version: Option<String>,
    /// Who made the file, and what for.
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The agents in file order; never empty.
    #[serde(serialize_with = "written::by_name")]
    pub agents: Vec<AgentConfig>,
    /// The named models in file order.
    #[serde(serialize_with = "written::by_name", skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelConfig>,
    /// Custom providers in file order.
    #[serde(serialize_with = "written::by_name", skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderConfig>,
    /// Documents to search, in file order.
    #[serde(serialize_with = "written::by_name", skip_serializing_if = "Vec::is_empty")]
    pub rag: Vec<RagConfig>,
    /// What may run unasked, what must be asked, what never runs.
    pub permissions: Permissions,
    /// Every feature that was found while reading; models are looked at when asked.
    #[serde(skip)]
    uses: Vec<Unsupported>,
}

/// Who made a file, and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the words speak for themselves")]
#[non_exhaustive]
pub struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
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
/// Everything that is wrong with the file, with its places.
pub fn from_yaml(file_name: &str, text: &str) -> Result<Config, ConfigError> {
    match crate::yaml::parse(text, LIMITS) {
        Ok(root) => {
            read::config(file_name, &root).map_err(|problems| ConfigError::new(file_name, problems, text))
        }
        Err(error) => {
            let problem = Problem::new(error.position, error.text);
            Err(ConfigError::new(file_name, vec![problem], text))
        }
    }
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

    /// Every name that a provider may be called by: those that we know, and the file's own.
    pub(crate) fn provider_names(&self) -> impl Iterator<Item = &str> {
        let own = self.providers.iter().map(|provider| provider.name.as_str());
        support::PROVIDER_NAMES.iter().copied().chain(own)
    }

    /// Every variable that the file names as holding a key; children of a run do not get these.
    #[must_use]
    pub fn key_variables(&self) -> BTreeSet<String> {
        let models = self.models.iter().filter_map(|model| model.token_key.clone());
        let providers = self.providers.iter().filter_map(|provider| provider.token_key.clone());
        models.chain(providers).collect()
    }

    /// Every variable that a header of a model or a provider is made of.
    pub(crate) fn header_variables(&self) -> BTreeSet<String> {
        let of_models = self.models.iter().flat_map(|model| model.headers.values());
        let of_providers = self.providers.iter().flat_map(|provider| provider.headers.values());
        let templates =
            of_models.chain(of_providers).filter_map(|text| Template::parse(text, Places::Shell).ok());
        let names = |template: Template| -> Vec<String> {
            template.variables().map(|(name, _)| name.to_owned()).collect()
        };
        templates.flat_map(names).collect()
    }

    /// The configuration as an agent file that says the same.
    ///
    /// # Errors
    ///
    /// A value that was read cannot be written; that would be a bug.
    pub fn to_yaml(&self) -> Result<String, String> {
        crate::yaml::write(self)
    }
}

impl Metadata {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
