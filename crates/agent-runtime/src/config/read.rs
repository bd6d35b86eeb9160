//! Walks the tree of an agent file along the schema.

mod agents;
mod models;

use std::collections::BTreeSet;

use super::error::{ConfigError, nearest};
use super::fields::Fields;
use super::support::{self, Scope, Unsupported};
use super::{Config, ModelRef, Permissions, ProviderConfig};
use crate::yaml::{Node, Value};

const TOP: &[&str] = &["version", "agents", "models", "providers", "mcps", "rag", "metadata", "permissions"];

/// Reads the whole file.
pub(super) fn config(file: &str, root: &Node) -> Result<Config, ConfigError> {
    let top = Fields::open(file, "", root)?;
    top.only(TOP)?;
    let version = version(&top)?;
    if let Some(node) = top.get("metadata") {
        Fields::open(file, "metadata", node)?.only(&[
            "author",
            "license",
            "description",
            "readme",
            "version",
        ])?;
    }
    let mut later = Vec::new();
    let providers = named(&top, "providers", models::provider)?;
    let models = named(&top, "models", |fields, name| models::model(fields, name, &providers, &mut later))?;
    let mcps: Vec<String> = named(&top, "mcps", |_, name| Ok(name.to_owned()))?;
    let rags: Vec<String> = named(&top, "rag", |_, name| Ok(name.to_owned()))?;
    let agents = named(&top, "agents", |fields, name| agents::agent(fields, name, &mut later))?;
    let config = Config {
        file_name: file.to_owned(),
        version,
        agents,
        models,
        providers,
        permissions: permissions(&top)?,
        found_unsupported: later,
    };
    if config.agents.is_empty() {
        let text = "no agents: the file needs at least one below `agents`";
        return Err(ConfigError::new(file, root.position, text));
    }
    references(&top, &config, &mcps, &rags)?;
    Ok(config)
}

fn version(top: &Fields<'_>) -> Result<Option<String>, ConfigError> {
    let version = top.text("version")?;
    match (&version, top.get("version")) {
        (Some(text), Some(node)) if !matches!(text.as_str(), "1" | "2" | "3" | "4" | "5" | "6" | "7") => {
            Err(top.complain("version", node, format_args!("`{text}` is not a version from 1 to 7")))
        }
        _ => Ok(version),
    }
}

/// Reads a mapping of names to mappings.
fn named<'a, T>(
    top: &Fields<'a>,
    key: &str,
    mut read: impl FnMut(&Fields<'a>, &str) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let Some(node) = top.get(key) else { return Ok(Vec::new()) };
    let map = Fields::open(top.file, key, node)?;
    let entries = map.entries().iter().map(|entry| {
        if entry.key.trim().is_empty() {
            return Err(ConfigError::new(top.file, entry.key_position, format!("{key}: a name is empty")));
        }
        let fields = Fields::open(top.file, format!("{key}.{}", entry.key), &entry.value)?;
        read(&fields, &entry.key)
    });
    entries.collect()
}

/// Lists the keys of `later` that are given and say something.
fn note_later(fields: &Fields<'_>, later: &[&str], scope: &Scope, list: &mut Vec<Unsupported>) {
    for key in later {
        if let Some(node) = fields.get(key)
            && says_something(node)
        {
            list.push(Unsupported {
                place: fields.path_of(key),
                feature: (*key).to_owned(),
                position: node.position,
                scope: scope.clone(),
            });
        }
    }
}

fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => false,
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Integer(number) => *number != 0,
        Value::Bool(true) | Value::Float(_) => true,
    }
}

fn permissions(top: &Fields<'_>) -> Result<Permissions, ConfigError> {
    let Some(node) = top.get("permissions") else { return Ok(Permissions::default()) };
    let fields = Fields::open(top.file, "permissions", node)?;
    fields.only(&["allow", "ask", "deny"])?;
    let list = |key: &str| -> Result<Vec<String>, ConfigError> {
        let patterns = fields.texts(key)?.unwrap_or_default();
        let checked = patterns.into_iter().map(|(pattern, node)| {
            match crate::tools::permissions::Pattern::parse(&pattern) {
                Ok(_) => Ok(pattern),
                Err(problem) => Err(fields.complain(key, node, format_args!("`{pattern}`: {problem}"))),
            }
        });
        checked.collect()
    };
    Ok(Permissions { allow: list("allow")?, ask: list("ask")?, deny: list("deny")? })
}

/// Checks every reference from one part of the file to another.
fn references(
    top: &Fields<'_>,
    config: &Config,
    mcps: &[String],
    rags: &[String],
) -> Result<(), ConfigError> {
    let agents = Fields::open(top.file, "agents", top.get("agents").unwrap_or(top.node))?;
    for entry in agents.entries() {
        let fields = Fields::open(top.file, format!("agents.{}", entry.key), &entry.value)?;
        if let (Some(agent), Some(node)) = (config.agent(&entry.key), fields.get("model")) {
            model_reference(&fields, node, &agent.model, config)?;
        }
        let agent_names: BTreeSet<&str> = config.agents.iter().map(|agent| agent.name.as_str()).collect();
        let rag_names: BTreeSet<&str> = rags.iter().map(String::as_str).collect();
        for (key, names) in [("sub_agents", &agent_names), ("handoffs", &agent_names), ("rag", &rag_names)] {
            for (name, node) in fields.texts(key)?.unwrap_or_default() {
                // A slash or a colon makes it a reference to a registry or a URL.
                if !names.contains(name.as_str()) && !name.contains(['/', ':']) {
                    let hint = nearest(&name, names.iter().copied());
                    return Err(fields.complain(key, node, format_args!("no `{name}`")).with_hint(hint));
                }
            }
        }
        for (index, node) in fields.list("toolsets")?.iter().enumerate() {
            if let Some(reference) = node.get("ref")
                && let Some(name) = reference.as_text()
                && node.get("type").and_then(Node::as_text) == Some("mcp")
                && !name.contains([':', '/'])
                && !mcps.iter().any(|known| known == name)
            {
                let text = format!("{}.toolsets[{index}].ref: no `{name}` below `mcps`", fields.path);
                let hint = nearest(name, mcps.iter().map(String::as_str));
                return Err(ConfigError::new(top.file, reference.position, text).with_hint(hint));
            }
        }
    }
    Ok(())
}

fn model_reference(
    fields: &Fields<'_>,
    node: &Node,
    reference: &ModelRef,
    config: &Config,
) -> Result<(), ConfigError> {
    match reference {
        ModelRef::Auto => Ok(()),
        ModelRef::Named(name) if config.model(name).is_some() => Ok(()),
        ModelRef::Named(name) => {
            let hint = nearest(name, config.models.iter().map(|model| model.name.as_str()))
                .unwrap_or_else(|| "define it below `models`, or write provider/model".to_owned());
            Err(fields.complain("model", node, format_args!("no model `{name}`")).with_hint(Some(hint)))
        }
        // A name below `models` may contain a slash.
        ModelRef::Inline { provider, model } if config.model(&format!("{provider}/{model}")).is_some() => {
            Ok(())
        }
        ModelRef::Inline { provider, model } => {
            if model.is_empty() {
                return Err(fields.complain("model", node, "expected provider/model, found no model"));
            }
            if known_provider(provider, &config.providers) {
                return Ok(());
            }
            let names = support::PROVIDER_NAMES.iter().copied();
            let hint = nearest(provider, names.chain(config.providers.iter().map(|p| p.name.as_str())));
            Err(fields.complain("model", node, format_args!("unknown provider `{provider}`")).with_hint(hint))
        }
        ModelRef::Alloy(parts) => {
            parts.iter().try_for_each(|part| model_reference(fields, node, &ModelRef::parse(part), config))
        }
    }
}

fn known_provider(name: &str, custom: &[ProviderConfig]) -> bool {
    support::PROVIDER_NAMES.contains(&name) || custom.iter().any(|provider| provider.name == name)
}
