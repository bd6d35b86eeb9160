//! Reads `agents` with their toolsets.

use std::collections::BTreeMap;

use super::note_later;
use crate::config::error::{ConfigError, nearest};
use crate::config::fields::Fields;
use crate::config::support::{self, Scope, Unsupported};
use crate::config::{AgentConfig, ModelRef, ToolsetConfig, ToolsetKind};
use crate::yaml::Node;

/// Agent keys that do nothing yet.
const AGENT_LATER: &[&str] = &[
    "fallback",
    "sub_agents",
    "handoffs",
    "rag",
    "code_mode_tools",
    "add_description_parameter",
    "num_history_items",
    "add_prompt_files",
    "commands",
    "structured_output",
    "skills",
    "hooks",
];

const AGENT: &[&str] = &[
    "model",
    "description",
    "welcome_message",
    "instruction",
    "toolsets",
    "add_date",
    "add_environment_info",
    "max_iterations",
];

pub(super) fn agent(
    fields: &Fields<'_>,
    name: &str,
    later: &mut Vec<Unsupported>,
) -> Result<AgentConfig, ConfigError> {
    let known: Vec<&str> = AGENT.iter().chain(AGENT_LATER).copied().collect();
    fields.only(&known)?;
    let scope = Scope::Agent(name.to_owned());
    note_later(fields, AGENT_LATER, &scope, later);
    let mut toolsets = Vec::new();
    for (index, node) in fields.list("toolsets")?.iter().enumerate() {
        let path = format!("{}.toolsets[{index}]", fields.path);
        toolsets.push(toolset(&Fields::open(fields.file, path, node)?, &scope, later)?);
    }
    let welcome_message = fields.text("welcome_message")?;
    if let (Some(text), Some(node)) = (&welcome_message, fields.get("welcome_message"))
        && !support::only_env_templates(text)
    {
        later.push(Unsupported {
            place: fields.path_of("welcome_message"),
            feature: "templates other than ${env.NAME}".to_owned(),
            position: node.position,
            scope,
        });
    }
    let max_iterations = match fields.count("max_iterations")? {
        None | Some(0) => None,
        Some(count) => Some(u32::try_from(count).unwrap_or(u32::MAX)),
    };
    Ok(AgentConfig {
        name: name.to_owned(),
        model: ModelRef::parse(&fields.text("model")?.unwrap_or_default()),
        description: fields.text("description")?.unwrap_or_default(),
        instruction: fields.text("instruction")?.unwrap_or_default(),
        welcome_message,
        max_iterations,
        add_date: fields.boolean("add_date")?.unwrap_or(false),
        add_environment_info: fields.boolean("add_environment_info")?.unwrap_or(false),
        toolsets,
        position: fields.node.position,
    })
}

fn toolset(
    fields: &Fields<'_>,
    scope: &Scope,
    later: &mut Vec<Unsupported>,
) -> Result<ToolsetConfig, ConfigError> {
    let Some(kind) = fields.text("type")? else {
        let text = format!("{}: `type` is missing", fields.path);
        return Err(ConfigError::new(fields.file, fields.node.position, text));
    };
    let Some((_, own)) = support::TOOLSET_TYPES.iter().find(|(name, _)| *name == kind) else {
        let node = fields.get("type").unwrap_or(fields.node);
        let hint = nearest(&kind, support::TOOLSET_TYPES.iter().map(|(name, _)| *name));
        return Err(fields.complain("type", node, format_args!("unknown toolset `{kind}`")).with_hint(hint));
    };
    let generic = ["type", "tools", "instruction", "toon", "model", "defer", "name"];
    fields.only(&[&generic[..], own].concat())?;
    let tools = fields.texts("tools")?;
    let kind = match kind.as_str() {
        "filesystem" => {
            note_later(fields, &["toon", "model", "defer", "name", "post_edit"], scope, later);
            ToolsetKind::Filesystem { ignore_vcs: fields.boolean("ignore_vcs")?.unwrap_or(true) }
        }
        "shell" => {
            note_later(fields, &["toon", "model", "defer", "name"], scope, later);
            ToolsetKind::Shell { env: shell_env(fields, scope, later)? }
        }
        _ => {
            later.push(Unsupported {
                place: fields.path.clone(),
                feature: format!("toolset `{kind}`"),
                position: fields.node.position,
                scope: scope.clone(),
            });
            ToolsetKind::Unsupported { r#type: kind }
        }
    };
    tool_filter(fields, &kind, tools.as_deref().unwrap_or_default(), scope, later)?;
    Ok(ToolsetConfig {
        kind,
        tools: tools.map(|tools| tools.into_iter().map(|(name, _)| name).collect()),
        instruction: fields.text("instruction")?,
    })
}

/// Checks the names of a `tools` filter against the tools that the toolset has.
fn tool_filter(
    fields: &Fields<'_>,
    kind: &ToolsetKind,
    filter: &[(String, &Node)],
    scope: &Scope,
    later: &mut Vec<Unsupported>,
) -> Result<(), ConfigError> {
    let (ours, not_yet) = match kind {
        ToolsetKind::Filesystem { .. } => (crate::tools::FILESYSTEM_TOOLS, support::FILESYSTEM_TOOLS_LATER),
        ToolsetKind::Shell { .. } => (crate::tools::SHELL_TOOLS, support::SHELL_TOOLS_LATER),
        ToolsetKind::Unsupported { .. } => return Ok(()),
    };
    for (name, node) in filter {
        if not_yet.contains(&name.as_str()) {
            later.push(Unsupported {
                place: fields.path_of("tools"),
                feature: format!("tool `{name}`"),
                position: node.position,
                scope: scope.clone(),
            });
        } else if !ours.contains(&name.as_str()) {
            let hint = nearest(name, ours.iter().chain(not_yet).copied());
            return Err(fields.complain("tools", node, format_args!("no tool `{name}`")).with_hint(hint));
        }
    }
    Ok(())
}

fn shell_env(
    fields: &Fields<'_>,
    scope: &Scope,
    later: &mut Vec<Unsupported>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(node) = fields.get("env") else { return Ok(BTreeMap::new()) };
    let map = Fields::open(fields.file, fields.path_of("env"), node)?;
    let mut variables = BTreeMap::new();
    for entry in map.entries() {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let text = format!("{}: `{}` is no name of a variable", map.path, entry.key.escape_debug());
            return Err(ConfigError::new(fields.file, entry.key_position, text));
        }
        let value = map.text(&entry.key)?.unwrap_or_default();
        if !support::only_env_templates(&value) {
            later.push(Unsupported {
                place: map.path_of(&entry.key),
                feature: "templates other than ${env.NAME}".to_owned(),
                position: entry.value.position,
                scope: scope.clone(),
            });
        }
        variables.insert(entry.key.clone(), value);
    }
    Ok(variables)
}
