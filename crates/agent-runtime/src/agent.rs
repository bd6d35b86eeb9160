//! An agent that can run: its model found, its key at hand, nothing in it that would have to be ignored.

use agent_telemetry::ErrorClass;

use crate::config::template::{Places, Template, expand_env, expand_value};
use crate::config::{self, AgentConfig, Config, ModelConfig, ModelRef, ToolsetKind, Unsupported};
use crate::environment::Environment;
use crate::provider::endpoint::{self, EndpointError, Keys};
use crate::provider::{Endpoint, Parameters};
use crate::tools::permissions::Rules;
use crate::tools::{Toolbox, filesystem, shell::Shell};

/// An agent that can run.
#[derive(Debug)]
pub struct Agent {
    pub(crate) name: String,
    pub(crate) config: AgentConfig,
    pub(crate) model: ModelConfig,
    pub(crate) endpoint: Endpoint,
    pub(crate) parameters: Parameters,
    pub(crate) toolbox: Toolbox,
    pub(crate) rules: Rules,
    pub(crate) key_variables: std::collections::BTreeSet<String>,
    welcome_message: Option<String>,
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
    /// A key or an address is missing.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl Default for Choice {
    fn default() -> Self {
        Self { agent: None, model: None, keys: Keys::Required }
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
            Self::Endpoint(EndpointError::MissingKey { .. }) => ErrorClass::Auth,
            Self::Unsupported(_) | Self::Endpoint(_) => ErrorClass::Config,
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
        let model = find_model(config, &reference)?;
        let unsupported = config.unsupported_for(&agent.name, &reference);
        let Some(model) = model.filter(|_| unsupported.is_empty()) else {
            return Err(AgentError::Unsupported(unsupported));
        };
        let endpoint = Endpoint::resolve(config, &model, environment, choice.keys)?;
        let lookup = |name: &str| environment.get(name).map(str::to_owned);
        let mut toolbox = Toolbox::default();
        for toolset in &agent.toolsets {
            let wanted =
                |name: &str| toolset.tools.as_ref().is_none_or(|tools| tools.iter().any(|t| t == name));
            match &toolset.kind {
                ToolsetKind::Filesystem { ignore_vcs, .. } => {
                    filesystem::add_to(&mut toolbox, wanted, *ignore_vcs);
                }
                ToolsetKind::Shell { env } if wanted("shell") => {
                    let env = env.iter().map(|(name, value)| (name.clone(), expand_value(value, lookup)));
                    toolbox.add(Box::new(Shell { env: env.collect() }));
                }
                // The other kinds were refused above.
                _ => {}
            }
        }
        let commands = agent.commands.iter().filter_map(|command| {
            let template = Template::parse(&command.instruction, Places::Arguments).ok()?;
            Some((command.name.clone(), template.with_variables(lookup)))
        });
        let mut key_variables = config.key_variables();
        key_variables.extend(endpoint::key_variables().into_iter().map(str::to_owned));
        Ok(Self {
            name: agent.name.clone(),
            welcome_message: agent.welcome_message.as_ref().map(|text| expand_env(text, lookup)),
            commands: commands.collect(),
            config: agent.clone(),
            parameters: endpoint::parameters(&model),
            model,
            endpoint,
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

    /// The model as `provider/model`.
    #[must_use]
    pub fn model(&self) -> String {
        format!("{}/{}", self.model.provider, self.model.model)
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

    /// Whether it is known what the model costs.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        crate::prices::Catalogue::bundled().lists(&self.model.provider, &self.model.model)
    }

    /// The names of the tools on offer.
    #[must_use]
    pub fn tools(&self) -> Vec<&'static str> {
        self.toolbox.names().collect()
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

/// The model behind a reference; nothing for a reference that does not run yet.
fn find_model(config: &Config, reference: &ModelRef) -> Result<Option<ModelConfig>, AgentError> {
    let unknown = |name: &str, known: &[&str]| {
        let hint =
            config::nearest(name, known.iter().copied()).map(|hint| format!(" ({hint})")).unwrap_or_default();
        AgentError::UnknownModel { name: name.to_owned(), file: config.file_name.clone(), hint }
    };
    match reference {
        ModelRef::Auto | ModelRef::Alloy(_) => Ok(None),
        ModelRef::Named(name) => match config.model(name) {
            Some(model) => Ok(Some(model.clone())),
            None => Err(unknown(name, &config.models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>())),
        },
        ModelRef::Inline { provider, model } => {
            let name = format!("{provider}/{model}");
            if let Some(named) = config.model(&name) {
                return Ok(Some(named.clone()));
            }
            let names = config::support::PROVIDER_NAMES;
            if model.is_empty()
                || !(names.contains(&provider.as_str()) || config.provider(provider).is_some())
            {
                return Err(unknown(&name, names));
            }
            let (provider, model) = (provider.clone(), model.clone());
            Ok(Some(ModelConfig { name, provider, model, ..ModelConfig::default() }))
        }
    }
}
