//! An agent that can run: its model found, its key at hand, nothing in it that would have to be ignored.

mod models;
mod toolsets;

use std::sync::Arc;
use std::time::Duration;

use agent_telemetry::ErrorClass;

use crate::config::template::{Places, Template, expand_env};
use crate::config::{self, AgentConfig, Config, ModelRef, Unsupported};
use crate::environment::Environment;
use crate::prices::Catalogue;
use crate::provider::endpoint::{self, EndpointError, Keys};
use crate::provider::fallback::COOLDOWN;
use crate::provider::{Model, ModelId};
use crate::tools::mcp::environment::is_harmless;
use crate::tools::permissions::Rules;
use crate::tools::{Toolbox, Toolset, todo};
use models::Models;

/// An agent that can run.
#[derive(Debug)]
pub struct Agent {
    pub(crate) name: String,
    pub(crate) config: AgentConfig,
    /// Who is asked, and where it is.
    pub(crate) model: Model,
    /// Who takes turns with it, at random.
    pub(crate) alloy: Vec<Model>,
    /// Who stands in when it cannot answer, and for how long.
    pub(crate) fallback: Vec<Model>,
    pub(crate) cooldown: Duration,
    /// How often each model is asked again, if the file says.
    pub(crate) retries: Option<u32>,
    pub(crate) prices: Arc<Catalogue>,
    pub(crate) toolbox: Toolbox,
    pub(crate) rules: Rules,
    pub(crate) key_variables: std::collections::BTreeSet<String>,
    description: String,
    welcome_message: Option<String>,
    auto: Option<String>,
    /// The commands of the file, variables filled in.
    commands: Vec<(String, Template)>,
}

/// Which agent of a file, and what the command line says about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Choice {
    /// The agent; absent means the file's default.
    pub agent: Option<String>,
    /// A model that replaces the file's: a name in the file, or `provider/model`.
    pub model: Option<String>,
    /// Whether keys are needed.
    pub keys: Keys,
    /// What models cost and how much they read; the bundled catalogue if nothing else is said.
    pub prices: Arc<Catalogue>,
    /// The list of agents that share one.
    pub(crate) todo: todo::List,
}

/// Why an agent cannot run. Nothing was started yet.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The file has no such agent.
    #[error("no agent `{name}` in {file}{hint}")]
    UnknownAgent {
        /// The name that was asked for.
        name: String,
        /// The file.
        file: String,
        /// ` (…)`, or nothing.
        hint: String,
    },
    /// The model that replaces the file's is neither in the file nor `provider/model`.
    #[error("no model `{name}` in {file}, and it is no provider/model{hint}")]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The file.
        file: String,
        /// ` (…)`, or nothing.
        hint: String,
    },
    /// The agent uses what this program does not run yet.
    #[error("not supported yet:{}", list(.0))]
    Unsupported(Vec<Unsupported>),
    /// A tool of the file cannot be offered.
    #[error("{file}:{line}: {text}")]
    Toolset {
        /// The file.
        file: String,
        /// The line of its toolset.
        line: u64,
        /// What is wrong with it.
        text: String,
    },
    /// A key or an address is missing.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl Default for Choice {
    fn default() -> Self {
        let prices = Arc::new(Catalogue::bundled().clone());
        Self { agent: None, model: None, keys: Keys::Required, prices, todo: todo::List::new() }
    }
}

impl Choice {
    /// Names the agent.
    #[must_use]
    pub fn agent(mut self, name: impl Into<String>) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// Replaces the file's model.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Says what models cost and how much they read.
    #[must_use]
    pub fn prices(mut self, prices: Catalogue) -> Self {
        self.prices = Arc::new(prices);
        self
    }

    /// Says whether keys are needed.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }
}

impl AgentError {
    /// The class that is counted.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::UnknownAgent { .. } | Self::UnknownModel { .. } => ErrorClass::Usage,
            Self::Endpoint(
                EndpointError::MissingKey { .. }
                | EndpointError::MissingVariable { .. }
                | EndpointError::NothingAvailable(_),
            ) => ErrorClass::Auth,
            Self::Unsupported(_) | Self::Toolset { .. } | Self::Endpoint(_) => ErrorClass::Config,
        }
    }
}

fn list(features: &[Unsupported]) -> String {
    let lines: Vec<String> = features.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [line] => format!(" {line}"),
        lines => lines.iter().map(|line| format!("\n  {line}")).collect(),
    }
}

impl Agent {
    /// Prepares an agent of a file.
    ///
    /// # Errors
    ///
    /// There is no such agent or model, something in it does not run yet, or a key is missing.
    pub fn new(config: &Config, choice: &Choice, environment: &Environment) -> Result<Self, AgentError> {
        let agent = find_agent(config, choice.agent.as_deref())?;
        let reference = match &choice.model {
            Some(text) => ModelRef::parse(text),
            None => agent.model.clone(),
        };
        let Models { model, alloy, fallback, auto } =
            models::resolve(config, agent, &reference, choice, environment)?;
        let lookup = |name: &str| environment.get(name).map(str::to_owned);
        let mut toolbox = Toolbox::default();
        for toolset in &agent.toolsets {
            let described = toolsets::described(toolset, &choice.todo, environment).map_err(|text| {
                let (file, line) = (config.file_name.clone(), toolset.position.line);
                AgentError::Toolset { file, line, text }
            })?;
            if let Some(described) = described {
                described.add_to(&mut toolbox, toolset.tools.as_deref());
            }
        }
        let commands = agent.commands.iter().filter_map(|command| {
            let template = Template::parse(&command.instruction, Places::Arguments).ok()?;
            Some((command.name.clone(), template.with_variables(lookup)))
        });
        let mut key_variables = config.key_variables();
        key_variables.extend(endpoint::key_variables().into_iter().map(str::to_owned));
        // What goes into a header may be a key by any name.
        key_variables.extend(config.header_variables().into_iter().filter(|name| !is_harmless(name)));
        Ok(Self {
            name: agent.name.clone(),
            description: expand_env(&agent.description, lookup),
            welcome_message: agent.welcome_message.as_ref().map(|text| expand_env(text, lookup)),
            commands: commands.collect(),
            config: agent.clone(),
            auto,
            model,
            alloy,
            fallback,
            cooldown: agent.fallback.as_ref().map_or(COOLDOWN, |fallback| fallback.cooldown),
            retries: agent.fallback.as_ref().map(|fallback| fallback.retries),
            prices: Arc::clone(&choice.prices),
            toolbox,
            rules: Rules::new(&config.permissions),
            key_variables,
        })
    }

    /// The agent's name in the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model as `provider/model`; several that take turns with commas between them.
    #[must_use]
    pub fn model(&self) -> String {
        self.in_turn().map(|model| model.id().to_string()).collect::<Vec<_>>().join(",")
    }

    /// The model, and those that take turns with it.
    fn in_turn(&self) -> impl Iterator<Item = &Model> {
        std::iter::once(&self.model).chain(&self.alloy)
    }

    /// Every model that may be asked.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Model> {
        self.in_turn().chain(&self.fallback)
    }

    /// How much can be read by whichever model is asked next, as far as it is known.
    pub(crate) fn context(&self) -> Option<u64> {
        let limits = self.in_turn().map(Model::id).map(|id| self.prices.limits(&id.provider_name, &id.model));
        limits.filter_map(|limits| limits.context).min()
    }

    /// Which model `auto` chose and why; nothing if the file or the command line named one.
    #[must_use]
    pub fn auto(&self) -> Option<&str> {
        self.auto.as_deref()
    }

    /// Adds models that stand in, in this order, when the agent's own cannot answer, and keep answering for a while.
    #[must_use]
    pub fn with_fallback(mut self, models: Vec<Model>, cooldown: Duration) -> Self {
        self.fallback = models;
        self.cooldown = cooldown;
        self
    }

    /// What the agent is for, in the author's words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What to show when a conversation starts without a message.
    #[must_use]
    pub fn welcome_message(&self) -> Option<&str> {
        self.welcome_message.as_deref()
    }

    /// What a message says to the agent: for `/name …`, where the file has such a command, what the command says.
    #[must_use]
    pub fn message(&self, said: &str) -> String {
        let called =
            said.trim_start().strip_prefix('/').map(|call| match call.split_once(char::is_whitespace) {
                Some((name, arguments)) => (name, arguments),
                None => (call, ""),
            });
        let command = called.and_then(|(called, arguments)| {
            let (_, template) = self.commands.iter().find(|(name, _)| name == called)?;
            Some(template.with_arguments(arguments))
        });
        command.unwrap_or_else(|| said.to_owned())
    }

    /// The names of the file's commands, which are said as `/name`.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().map(|(name, _)| name.as_str())
    }

    /// Has its questions answered by another agent's models.
    pub(crate) fn take_models_of(&mut self, other: Self) {
        self.model = other.model;
        self.alloy = other.alloy;
        self.fallback = other.fallback;
        self.auto = other.auto;
    }

    /// Whether it is known what the model costs.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        let mut ids = self.in_turn().map(Model::id);
        ids.all(|id| self.prices.lists(&id.provider_name, &id.model))
    }

    /// The model that is perhaps meant, as `provider/model`: where the agent's own has no known price, one that has, and
    /// whose name is much like it.
    #[must_use]
    pub fn perhaps_meant(&self) -> Option<String> {
        let ModelId { provider_name, model, .. } = self.model.id();
        if self.is_priced() {
            return None;
        }
        self.prices.nearest(&provider_name, &model).map(|known| format!("{provider_name}/{known}"))
    }

    /// The names of the tools on offer.
    #[must_use]
    pub fn tools(&self) -> Vec<&str> {
        self.toolbox.names()
    }

    /// Adds a toolset that is not in the file: the tools that `only` names, or all.
    #[must_use]
    pub fn with_tools(mut self, toolset: Toolset, only: Option<&[String]>) -> Self {
        toolset.add_to(&mut self.toolbox, only);
        self
    }

    /// Variables that hold a key: children do not get them, recordings do not show their values.
    #[must_use]
    pub fn key_variables(&self) -> &std::collections::BTreeSet<String> {
        &self.key_variables
    }
}

fn find_agent<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a AgentConfig, AgentError> {
    let found = match name {
        Some(name) => config.agent(name),
        None => config.default_agent(),
    };
    found.ok_or_else(|| {
        let name = name.unwrap_or("root").to_owned();
        let names = || config.agents.iter().map(|agent| agent.name.as_str());
        let hint = config::nearest(&name, names())
            .unwrap_or_else(|| format!("agents: {}", names().collect::<Vec<_>>().join(", ")));
        AgentError::UnknownAgent { name, file: config.file_name.clone(), hint: format!(" ({hint})") }
    })
}
