//! Checks that every name that stands for something elsewhere in the file has something to stand for.
//!
//! What models use is noted here as well, because it depends on the custom providers of the file.

use crate::config::error::{Problem, nearest};
use crate::config::fields::{Reading, Reference, Target};
use crate::config::support::{Scope, Unsupported};
use crate::config::{Config, ModelRef};

/// Checks all references of a file, and that routing comes to an end.
pub(super) fn check(reading: &Reading, config: &Config) {
    let mut problems: Vec<Problem> =
        reading.references.borrow().iter().filter_map(|reference| dangling(reference, config)).collect();
    problems.extend(config.models.iter().filter(|model| routes_to_itself(config, &model.name)).map(
        |model| {
            let text = format!("models.{}.routing: leads back to `{}`", model.name, model.name);
            let hint = "a model that routes cannot be chosen by the models that it routes to".to_owned();
            Problem::new(model.position, text).hint(Some(hint))
        },
    ));
    reading.problems.borrow_mut().extend(problems);
}

/// Notes what the models of a file use, wherever they are named.
pub(super) fn note_models(reading: &Reading, config: &Config) {
    let references = reading.references.borrow();
    let named =
        references.iter().filter(|reference| reference.target == Target::Model).flat_map(|reference| {
            let features = config.features_of(&ModelRef::parse(&reference.name)).into_iter();
            features
                .map(|feature| (feature, reference.path.clone(), reference.position, reference.scope.clone()))
        });
    let defined = config.models.iter().filter_map(|model| {
        let feature = config.feature_of_provider(&model.provider, &model.model)?;
        Some((feature, format!("models.{}", model.name), model.position, Scope::Model(model.name.clone())))
    });
    let uses = named.chain(defined).map(|(feature, place, position, scope)| Unsupported {
        file_name: config.file_name.clone(),
        place,
        feature,
        which: None,
        position,
        scope,
    });
    reading.uses.borrow_mut().extend(uses);
}

fn dangling(reference: &Reference, config: &Config) -> Option<Problem> {
    let name = reference.name.as_str();
    let problem = |text: String, hint: Option<String>| {
        Some(Problem::new(reference.position, format!("{}: {text}", reference.path)).hint(hint))
    };
    match &reference.target {
        Target::OtherAgent(own) if name == own => problem(format!("`{name}` is this agent itself"), None),
        Target::OtherAgent(_) => {
            if config.agent(name).is_some() || name.contains(['/', ':']) {
                return None;
            }
            let names = || config.agents.iter().map(|agent| agent.name.as_str());
            let hint = nearest(name, names())
                .unwrap_or_else(|| format!("agents: {}", names().collect::<Vec<_>>().join(", ")));
            problem(format!("no agent `{name}`"), Some(hint))
        }
        Target::Rag => {
            let names = || config.rag.iter().map(|entry| entry.name.as_str());
            if names().any(|known| known == name) {
                return None;
            }
            let hint = nearest(name, names()).unwrap_or_else(|| "define it below `rag`".to_owned());
            problem(format!("no `{name}` below `rag`"), Some(hint))
        }
        Target::Provider => {
            if is_provider(name, config) {
                return None;
            }
            let hint = nearest_provider(name, config)
                .unwrap_or_else(|| "a provider of your own needs a `base_url`".to_owned());
            problem(format!("unknown provider `{name}`"), Some(hint))
        }
        Target::Model => {
            let parts = ModelRef::parse(name).parts();
            if parts.len() > 1 && parts.contains(&ModelRef::Auto) {
                let hint = "as in `openai/gpt-4o,anthropic/claude-sonnet-4-5`".to_owned();
                return problem(format!("`{name}`: each of several models needs a name"), Some(hint));
            }
            let (text, hint) = parts.iter().find_map(|part| no_model(part, config))?;
            problem(text, hint)
        }
    }
}

/// Why a reference to one model stands for nothing.
fn no_model(reference: &ModelRef, config: &Config) -> Option<(String, Option<String>)> {
    if config.model(&reference.to_string()).is_some() {
        // A name below `models` may contain a slash.
        return None;
    }
    match reference {
        ModelRef::Auto => None,
        ModelRef::Inline { provider, .. } if !is_provider(provider, config) => {
            Some((format!("unknown provider `{provider}`"), nearest_provider(provider, config)))
        }
        ModelRef::Inline { model, .. } if model.is_empty() => {
            Some(("expected provider/model, found no model".to_owned(), None))
        }
        ModelRef::Inline { .. } => None,
        ModelRef::Named(_) | ModelRef::Alloy(_) => {
            let name = reference.to_string();
            let hint = nearest(&name, config.models.iter().map(|model| model.name.as_str()))
                .unwrap_or_else(|| "define it below `models`, or write provider/model".to_owned());
            Some((format!("no model `{name}`"), Some(hint)))
        }
    }
}

fn is_provider(name: &str, config: &Config) -> bool {
    config.provider_names().any(|known| known == name)
}

fn nearest_provider(name: &str, config: &Config) -> Option<String> {
    nearest(name, config.provider_names())
}

/// Tells whether a model's routing can choose the model itself.
fn routes_to_itself(config: &Config, name: &str) -> bool {
    let mut seen: Vec<String> = Vec::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(next) = waiting.pop() {
        let rules = config.model(&next).map(|model| model.routing.as_slice()).unwrap_or_default();
        for next in rules.iter().map(|rule| rule.model.to_string()) {
            if next == name {
                return true;
            }
            if !seen.contains(&next) {
                seen.push(next.clone());
                waiting.push(next);
            }
        }
    }
    false
}
