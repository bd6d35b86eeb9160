//! What of the schema runs, and what has to be refused.

use super::{Config, ModelConfig, ModelRef, Position};

/// A feature that a file uses and that this program does not run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// The dotted path in the file, as in `agents.root.sub_agents`.
    pub place: String,
    /// What it is, as in ``toolset `mcp` ``.
    pub feature: String,
    /// Where it stands in the file.
    pub position: Position,
    /// What part of the file is touched by it.
    pub scope: Scope,
}

/// The part of a file that an unsupported feature belongs to: a run refuses only what it would need.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// An agent.
    Agent(String),
    /// A model.
    Model(String),
    /// A custom provider.
    Provider(String),
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.position.line > 0 {
            write!(f, "{} ({}, line {})", self.feature, self.place, self.position.line)
        } else {
            write!(f, "{} ({})", self.feature, self.place)
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

/// Providers with a protocol of their own.
const PROVIDERS_LATER: &[&str] = &["google", "amazon-bedrock"];

/// Every toolset type of the schema with the keys that are its own.
pub(super) const TOOLSET_TYPES: &[(&str, &[&str])] = &[
    ("filesystem", &["ignore_vcs", "post_edit"]),
    ("shell", &["env"]),
    ("script", &["shell", "env"]),
    ("think", &[]),
    ("todo", &["shared"]),
    ("tasks", &["path"]),
    ("memory", &["path"]),
    ("fetch", &["timeout"]),
    ("api", &["api_config"]),
    ("openapi", &["url", "headers"]),
    ("mcp", &["command", "args", "env", "version", "remote", "ref", "config"]),
    ("a2a", &["url", "headers"]),
    ("lsp", &["command", "args", "env", "file_types", "version"]),
    ("user_prompt", &[]),
    ("model_picker", &["models"]),
    ("background_agents", &[]),
    ("rag", &["ref"]),
];

pub(super) const FILESYSTEM_TOOLS_LATER: &[&str] = &[];

pub(super) const SHELL_TOOLS_LATER: &[&str] =
    &["run_background_job", "list_background_jobs", "view_background_job", "stop_background_job"];

impl Config {
    /// Lists every feature of the file that does not run yet, in the order of the file.
    #[must_use]
    pub fn unsupported(&self) -> Vec<Unsupported> {
        let mut list = self.found_unsupported.clone();
        for agent in &self.agents {
            list.extend(self.unsupported_model(&agent.model, &agent.name, agent.position));
        }
        for model in &self.models {
            list.extend(self.unsupported_in(
                model,
                Scope::Model(model.name.clone()),
                &format!("models.{}", model.name),
            ));
        }
        list.sort_by_key(|found| found.position.line);
        list
    }

    /// Lists what keeps one agent from running; `model` is what it would run with.
    pub(crate) fn unsupported_for(
        &self,
        agent: &str,
        reference: &ModelRef,
        model: Option<&ModelConfig>,
    ) -> Vec<Unsupported> {
        let scopes = [
            Some(Scope::Agent(agent.to_owned())),
            model.map(|model| Scope::Model(model.name.clone())),
            model.map(|model| Scope::Provider(model.provider.clone())),
        ];
        let mut list: Vec<Unsupported> = self
            .found_unsupported
            .iter()
            .filter(|found| scopes.contains(&Some(found.scope.clone())))
            .cloned()
            .collect();
        let position = self.agent(agent).map(|agent| agent.position).unwrap_or_default();
        list.extend(self.unsupported_model(reference, agent, position));
        if let Some(model) = model
            && self.model(&model.name).is_some()
        {
            list.extend(self.unsupported_in(
                model,
                Scope::Model(model.name.clone()),
                &format!("models.{}", model.name),
            ));
        }
        list.sort_by_key(|found| found.position.line);
        list
    }

    /// What of a reference to a model does not run; a named model speaks for itself.
    fn unsupported_model(
        &self,
        reference: &ModelRef,
        agent: &str,
        position: Position,
    ) -> Option<Unsupported> {
        let place = format!("agents.{agent}.model");
        let scope = Scope::Agent(agent.to_owned());
        let feature = match reference {
            ModelRef::Named(_) | ModelRef::Auto => return None,
            ModelRef::Alloy(_) => "several models for one agent".to_owned(),
            ModelRef::Inline { provider, model } => {
                if self.model(&format!("{provider}/{model}")).is_some() {
                    return None;
                }
                let config = ModelConfig {
                    provider: provider.clone(),
                    model: model.clone(),
                    position,
                    ..ModelConfig::default()
                };
                return self.unsupported_in(&config, scope, &place);
            }
        };
        Some(Unsupported { place, feature, position, scope })
    }

    fn unsupported_in(&self, model: &ModelConfig, scope: Scope, place: &str) -> Option<Unsupported> {
        let feature = if PROVIDERS_LATER.contains(&model.provider.as_str())
            && self.provider(&model.provider).is_none()
        {
            format!("provider `{}`", model.provider)
        } else {
            return None;
        };
        Some(Unsupported { place: place.to_owned(), feature, position: model.position, scope })
    }
}

/// Tells whether every `${…}` of a text is `${env.NAME}`.
pub(super) fn only_env_templates(text: &str) -> bool {
    text.split("${").skip(1).all(|rest| {
        rest.split_once('}').is_some_and(|(inner, _)| {
            inner.trim().strip_prefix("env.").is_some_and(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        })
    })
}

/// Replaces `${env.NAME}`; a variable that is not set becomes nothing.
pub(crate) fn expand_env(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((inner, rest)) if inner.trim().starts_with("env.") => {
                out.push_str(&lookup(&inner.trim()["env.".len()..]).unwrap_or_default());
                out.push_str(rest);
            }
            _ => {
                out.push_str("${");
                out.push_str(part);
            }
        }
    }
    out
}
