//! What of a file one agent needs: the agents that it can pass work to, and everybody's models and servers.

use std::collections::HashSet;

use super::support::Scope;
use super::toolset::ToolsetKind;
use super::{AgentConfig, Config, ModelRef};

/// The parts of a file that a run of one agent can come to.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) scopes: HashSet<Scope>,
    /// Agents with the models that they may be asked to use.
    pub(super) models: Vec<(String, ModelRef)>,
}

impl Needs {
    /// Follows everything that an agent refers to; `reference` is the model that it is to run with.
    pub(super) fn of(config: &Config, agent: &str, reference: &ModelRef) -> Self {
        let mut needs = Self::default();
        let mut waiting = vec![agent];
        while let Some(name) = waiting.pop() {
            let Some(found) = config.agent(name) else { continue };
            if !needs.scopes.insert(Scope::Agent(name.to_owned())) {
                continue;
            }
            let model = if name == agent { reference } else { &found.model };
            needs.agent(config, found, model);
            waiting.extend(found.sub_agents.iter().chain(&found.handoffs).map(String::as_str));
        }
        needs
    }

    fn agent(&mut self, config: &Config, agent: &AgentConfig, model: &ModelRef) {
        self.model(config, &agent.name, model);
        for fallback in agent.fallback.iter().flat_map(|fallback| &fallback.models) {
            self.model(config, &agent.name, fallback);
        }
        self.scopes.extend(agent.rag.iter().cloned().map(Scope::Rag));
        for toolset in &agent.toolsets {
            self.scopes.extend(toolset.reference.clone().map(Scope::Mcp));
            if let Some(model) = &toolset.model {
                self.model(config, &agent.name, model);
            }
            if let ToolsetKind::ModelPicker { models } = &toolset.kind {
                models.iter().for_each(|model| self.model(config, &agent.name, model));
            }
        }
    }

    fn model(&mut self, config: &Config, agent: &str, reference: &ModelRef) {
        self.models.push((agent.to_owned(), reference.clone()));
        for part in reference.parts() {
            let found = config.model(&part.to_string());
            if let ModelRef::Inline { provider, .. } = &part {
                self.scopes.insert(Scope::Provider(provider.clone()));
            }
            let Some(found) = found else { continue };
            self.scopes.insert(Scope::Provider(found.provider.clone()));
            if self.scopes.insert(Scope::Model(found.name.clone())) {
                found.routing.iter().for_each(|rule| self.model(config, agent, &rule.model));
            }
        }
    }
}
