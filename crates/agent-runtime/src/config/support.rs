//! What of the schema runs, in one table, and what has to be refused.
//!
//! Reading a file notes every feature that it uses; [`Feature::row`] says which of them run.
//! What does not run is refused by name, never ignored.

use std::fmt;

use super::{Config, ModelRef, Position, needs};

/// A feature that a file uses and that this program does not run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// The file as it was named.
    pub file_name: String,
    /// The dotted path in the file, as in `agents.root.sub_agents`.
    pub place: String,
    /// What it is.
    pub(crate) feature: Feature,
    /// Which of its kind, as in the name of a tool.
    pub(crate) which: Option<String>,
    /// Where it stands in the file.
    pub position: Position,
    /// What part of the file is touched by it.
    pub scope: Scope,
}

/// The part of a file that a feature belongs to: a run refuses only what it would need.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The file as a whole.
    File,
    /// An agent.
    Agent(String),
    /// A model.
    Model(String),
    /// A custom provider.
    Provider(String),
    /// An MCP server below `mcps`.
    Mcp(String),
    /// An entry of `rag`.
    Rag(String),
}

/// Something that a file may use. What is not listed, like a model's temperature, runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Feature {
    A2aToolset,
    AlloyModel,
    Anthropic,
    ApiToolset,
    AutoInstall,
    AutoModel,
    BackgroundAgents,
    BackgroundJobs,
    Bedrock,
    Code,
    CodeMode,
    Commands,
    Defer,
    DescriptionParameter,
    Fallback,
    FetchToolset,
    FilesystemToolset,
    Gemini,
    Handoffs,
    HistoryItems,
    Hooks,
    LspToolset,
    McpCatalog,
    McpCommand,
    McpRemote,
    MemoryToolset,
    ModelPicker,
    OpenapiToolset,
    PostEdit,
    PromptFiles,
    ProviderOption,
    Rag,
    RemoteAgent,
    ResponsesApi,
    Routing,
    ScriptToolset,
    ShellToolset,
    Skills,
    StructuredOutput,
    SubAgents,
    TasksToolset,
    ThinkToolset,
    ThinkingEffort,
    ThinkingElsewhere,
    ThinkingTokens,
    TodoToolset,
    ToolModel,
    ToolsetName,
    Toon,
    UserPrompt,
}

/// Whether a feature runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// It does; what it is called.
    Runs(&'static str),
    /// It does not yet; what it is called, and what to do instead, if there is something.
    Later(&'static str, &'static str),
}

use Row::{Later, Runs};

impl Feature {
    /// The table: what each feature is called in a sentence, and whether it runs.
    ///
    /// When a feature learns to run, its `Later` becomes `Runs` here and nowhere else.
    const fn row(self) -> Row {
        match self {
            // Models and providers
            Self::Anthropic => Runs("provider `anthropic`"),
            Self::Gemini => Later("provider `google`", "use another provider"),
            Self::Bedrock => Later("provider `amazon-bedrock`", "use another provider"),
            Self::ResponsesApi => Runs("OpenAI's responses API"),
            Self::AutoModel => Runs("choosing a model automatically"),
            Self::AlloyModel => Runs("several models for one agent"),
            Self::Fallback => Runs("fallback"),
            Self::Routing => Later("routing", "name one model"),
            Self::ThinkingEffort => Runs("thinking_budget as a word"),
            Self::ThinkingElsewhere => Runs("thinking_budget"),
            Self::ThinkingTokens => Runs("thinking_budget in tokens"),
            Self::ProviderOption => Later("provider option", "leave it out"),
            // Agents
            Self::SubAgents => Runs("sub_agents"),
            Self::Handoffs => Runs("handoffs"),
            Self::RemoteAgent => Later("agent from a registry or a URL", "define it in this file"),
            Self::Rag => Later("rag", "let the agent search files with a filesystem toolset"),
            Self::CodeMode => Later("code_mode_tools", "leave it out"),
            Self::DescriptionParameter => Later("add_description_parameter", "leave it out"),
            Self::HistoryItems => Runs("num_history_items"),
            Self::PromptFiles => Runs("add_prompt_files"),
            Self::Commands => Runs("commands"),
            Self::StructuredOutput => Runs("structured_output"),
            Self::Skills => Later("skills", "put what the agent has to know into `instruction`"),
            Self::Hooks => Later("hooks", "leave them out"),
            Self::Code => {
                Later("code in a template", "${env.NAME} and ${env.NAME || \"default\"} are what is replaced")
            }
            // Toolsets
            Self::FilesystemToolset => Runs("toolset `filesystem`"),
            Self::PostEdit => Runs("post_edit"),
            Self::ShellToolset => Runs("toolset `shell`"),
            Self::BackgroundJobs => Runs("tool"),
            Self::ScriptToolset => Runs("toolset `script`"),
            Self::ThinkToolset => Runs("toolset `think`"),
            Self::TodoToolset => Runs("toolset `todo`"),
            Self::UserPrompt => Runs("toolset `user_prompt`"),
            Self::McpCommand => Runs("toolset `mcp`"),
            Self::McpRemote => Later("toolset `mcp` with `remote`", "start a server with `command`"),
            Self::McpCatalog => Later(
                "toolset `mcp` from Docker's catalogue",
                "start the server with `command`, as in `docker run -i --rm mcp/NAME`",
            ),
            Self::AutoInstall => {
                Later("installing a server by itself", "install it, and leave `version` out")
            }
            Self::MemoryToolset => Later("toolset `memory`", "let the agent keep notes in a file"),
            Self::FetchToolset => Later("toolset `fetch`", "use an MCP server that fetches"),
            Self::ApiToolset => Later("toolset `api`", "use a script that calls curl"),
            Self::OpenapiToolset => Later("toolset `openapi`", "use a script that calls curl"),
            Self::TasksToolset => Later("toolset `tasks`", "use `todo`"),
            Self::A2aToolset => Later("toolset `a2a`", ""),
            Self::LspToolset => Later("toolset `lsp`", "use an MCP server that speaks to a language server"),
            Self::ModelPicker => Later("toolset `model_picker`", "name one model"),
            Self::BackgroundAgents => Later("toolset `background_agents`", "use sub_agents"),
            // Keys of every toolset
            Self::ToolsetName => Later("name of a toolset other than mcp", "leave it out"),
            Self::ToolModel => Later("model of a toolset", "leave it out"),
            Self::Defer => Later("defer", "leave it out"),
            Self::Toon => Later("toon", "leave it out"),
        }
    }

    /// Tells whether it runs.
    pub(crate) const fn runs(self) -> bool {
        matches!(self.row(), Runs(_))
    }
}

impl Unsupported {
    /// What it is, as in ``toolset `memory` ``.
    #[must_use]
    pub fn feature(&self) -> String {
        let (Runs(name) | Later(name, _)) = self.feature.row();
        match &self.which {
            Some(which) => format!("{name} `{which}`"),
            None => name.to_owned(),
        }
    }

    /// What to do instead, if there is something.
    #[must_use]
    pub fn instead(&self) -> Option<&'static str> {
        match self.feature.row() {
            Later(_, instead) if !instead.is_empty() => Some(instead),
            _ => None,
        }
    }
}

/// `file:line: feature in place (what to do instead)`.
impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file_name)?;
        if self.position.line > 0 {
            write!(f, ":{}", self.position.line)?;
        }
        write!(f, ": {} in {}", self.feature(), self.place)?;
        match self.instead() {
            Some(instead) => write!(f, " ({instead})"),
            None => Ok(()),
        }
    }
}

/// Every provider of the schema.
pub(crate) const PROVIDER_NAMES: &[&str] = &[
    "openai",
    "anthropic",
    "google",
    "amazon-bedrock",
    "dmr",
    "ollama",
    "mistral",
    "xai",
    "nebius",
    "requesty",
    "minimax",
    "azure",
];

impl Config {
    /// Lists every feature of the file that does not run yet, in the order of the file.
    #[must_use]
    pub fn unsupported(&self) -> Vec<Unsupported> {
        refused(self.uses.clone())
    }

    /// Lists what keeps an agent from running with a model, sub-agents and all.
    pub(crate) fn unsupported_for(&self, agent: &str, reference: &ModelRef) -> Vec<Unsupported> {
        let scopes = needs::of(self, agent, reference);
        let is_replaced = self.agent(agent).is_some_and(|found| found.model != *reference);
        let place_of_model = format!("agents.{agent}.model");
        let mut list = self.uses.clone();
        list.retain(|found| scopes.contains(&found.scope) && !(is_replaced && found.place == place_of_model));
        if is_replaced {
            list.extend(self.features_of(reference).into_iter().map(|feature| Unsupported {
                file_name: self.file_name.clone(),
                place: "the model that was asked for".to_owned(),
                feature,
                which: None,
                position: Position::default(),
                scope: Scope::Agent(agent.to_owned()),
            }));
        }
        refused(list)
    }

    /// What a reference to a model uses; a model below `models` speaks for itself.
    pub(super) fn features_of(&self, reference: &ModelRef) -> Vec<Feature> {
        match reference {
            ModelRef::Named(_) => Vec::new(),
            ModelRef::Auto => vec![Feature::AutoModel],
            ModelRef::Alloy(_) => {
                let parts = reference.parts();
                let of_parts = parts.iter().flat_map(|part| self.features_of(part));
                [Feature::AlloyModel].into_iter().chain(of_parts).collect()
            }
            ModelRef::Inline { .. } if self.model(&reference.to_string()).is_some() => Vec::new(),
            ModelRef::Inline { provider, model } => {
                self.feature_of_provider(provider, model).into_iter().collect()
            }
        }
    }

    /// What asking a provider for a model uses.
    pub(super) fn feature_of_provider(&self, provider: &str, model: &str) -> Option<Feature> {
        match provider {
            name if self.provider(name).is_some() => None,
            "anthropic" => Some(Feature::Anthropic),
            "google" => Some(Feature::Gemini),
            "amazon-bedrock" => Some(Feature::Bedrock),
            "openai" if only_responses(model) => Some(Feature::ResponsesApi),
            _ => None,
        }
    }
}

fn refused(mut uses: Vec<Unsupported>) -> Vec<Unsupported> {
    uses.retain(|found| !found.feature.runs());
    uses.sort_by_key(|found| found.position);
    uses.dedup();
    uses
}

/// OpenAI models that the chat completions API does not serve.
fn only_responses(model: &str) -> bool {
    model.contains("codex")
        || model.starts_with("gpt-5-pro")
        || model.starts_with("o1-pro")
        || model.starts_with("o3-pro")
        || model.contains("deep-research")
}
