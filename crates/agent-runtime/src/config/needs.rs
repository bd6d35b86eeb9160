//! What of a file one agent needs: the agents that it can pass work to, and everybody's models and servers.

use std::collections::HashSet;

use super::support::Scope;
use super::toolset::ToolsetKind;
use super::{AgentConfig, Config, ModelRef};

/// The parts of a file that a run of an agent with a model can come to.
pub(super) fn of(config: &Config, agent: &str, model: &ModelRef) -> HashSet<Scope> {
    let mut scopes = HashSet::new();
    let mut waiting = vec![agent];
    while let Some(name) = waiting.pop() {
        let Some(found) = config.agent(name) else { continue };
        if !scopes.insert(Scope::Agent(name.to_owned())) {
            continue;
        }
        let model = if name == agent { model } else { &found.model };
        add_agent(&mut scopes, config, found, model);
        waiting.extend(found.sub_agents.iter().chain(&found.handoffs).map(String::as_str));
    }
    scopes
}

fn add_agent(scopes: &mut HashSet<Scope>, config: &Config, agent: &AgentConfig, model: &ModelRef) {
    add_model(scopes, config, model);
    let fallback = agent.fallback.iter().flat_map(|fallback| &fallback.models);
    fallback.for_each(|model| add_model(scopes, config, model));
    scopes.extend(agent.rag.iter().cloned().map(Scope::Rag));
    for toolset in &agent.toolsets {
        scopes.extend(toolset.reference.clone().map(Scope::Mcp));
        toolset.model.iter().for_each(|model| add_model(scopes, config, model));
        if let ToolsetKind::ModelPicker { models } = &toolset.kind {
            models.iter().for_each(|model| add_model(scopes, config, model));
        }
    }
}

fn add_model(scopes: &mut HashSet<Scope>, config: &Config, reference: &ModelRef) {
    for part in reference.parts() {
        if let Some(found) = config.model(&part.to_string()) {
            scopes.insert(Scope::Provider(found.provider.clone()));
            if scopes.insert(Scope::Model(found.name.clone())) {
                found.routing.iter().for_each(|rule| add_model(scopes, config, &rule.model));
            }
        } else if let ModelRef::Inline { provider, .. } = part {
            scopes.insert(Scope::Provider(provider));
        }
    }
}
