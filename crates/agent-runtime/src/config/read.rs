//! Walks the tree of an agent file along the schema.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ConfigError, nearest};
use super::fields::Fields;
use super::support::{self, Scope, Unsupported};
use super::{
    AgentConfig, Config, ModelConfig, ModelRef, Permissions, ProviderConfig, ToolsetConfig, ToolsetKind,
};
use crate::yaml::{Node, Value};

const TOP: &[&str] = &["version", "agents", "models", "providers", "mcps", "rag", "metadata", "permissions"];

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

const MODEL: &[&str] = &[
    "provider",
    "model",
    "temperature",
    "max_tokens",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "base_url",
    "parallel_tool_calls",
    "token_key",
    "provider_opts",
    "track_usage",
    "thinking_budget",
    "routing",
];

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
    let providers = named(&top, "providers", |fields, name| provider(fields, name, &mut later))?;
    let models = named(&top, "models", |fields, name| model(fields, name, &providers, &mut later))?;
    let mcps: Vec<String> = named(&top, "mcps", |_, name| Ok(name.to_owned()))?;
    let rags: Vec<String> = named(&top, "rag", |_, name| Ok(name.to_owned()))?;
    let agents = named(&top, "agents", |fields, name| agent(fields, name, &mut later))?;
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

fn agent(fields: &Fields<'_>, name: &str, later: &mut Vec<Unsupported>) -> Result<AgentConfig, ConfigError> {
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

fn model(
    fields: &Fields<'_>,
    name: &str,
    providers: &[ProviderConfig],
    later: &mut Vec<Unsupported>,
) -> Result<ModelConfig, ConfigError> {
    fields.only(MODEL)?;
    let scope = Scope::Model(name.to_owned());
    note_later(fields, &["routing"], &scope, later);
    let required = |key: &str| -> Result<String, ConfigError> {
        fields.text(key)?.filter(|text| !text.is_empty()).ok_or_else(|| {
            let text = format!("{}: `{key}` is missing", fields.path);
            ConfigError::new(fields.file, fields.node.position, text)
        })
    };
    let provider = required("provider")?;
    let base_url = fields.text("base_url")?;
    if let (Some(url), Some(node)) = (&base_url, fields.get("base_url"))
        && !is_http_url(url)
    {
        return Err(fields.complain("base_url", node, "expected a URL that starts with http:// or https://"));
    }
    if base_url.is_none() && !known_provider(&provider, providers) {
        let node = fields.get("provider").unwrap_or(fields.node);
        let known = support::PROVIDER_NAMES.iter().copied().chain(providers.iter().map(|p| p.name.as_str()));
        let error = fields.complain("provider", node, format_args!("unknown provider `{provider}`"));
        return Err(error.with_hint(
            nearest(&provider, known)
                .or_else(|| Some("a provider of your own needs a `base_url`".to_owned())),
        ));
    }
    let (reasoning_effort, effort_later) = thinking(fields, &provider)?;
    if let Some(feature) = effort_later {
        let position = fields.get("thinking_budget").unwrap_or(fields.node).position;
        later.push(Unsupported {
            place: fields.path_of("thinking_budget"),
            feature,
            position,
            scope: scope.clone(),
        });
    }
    Ok(ModelConfig {
        name: name.to_owned(),
        api_version: provider_opts(fields, &scope, later)?,
        provider,
        model: required("model")?,
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        presence_penalty: fields.number("presence_penalty")?,
        max_tokens: fields.count("max_tokens")?,
        base_url,
        token_key: fields.text("token_key")?,
        parallel_tool_calls: fields.boolean("parallel_tool_calls")?,
        track_usage: fields.boolean("track_usage")?,
        reasoning_effort,
        position: fields.node.position,
    })
}

/// Reads `thinking_budget`: the effort to ask for, and what of it does not work yet.
fn thinking(fields: &Fields<'_>, provider: &str) -> Result<(Option<String>, Option<String>), ConfigError> {
    let Some(node) = fields.get("thinking_budget") else { return Ok((None, None)) };
    match &node.value {
        Value::Integer(0) => Ok((None, None)),
        Value::Text(word) if word == "none" => Ok((None, None)),
        Value::Text(word)
            if provider == "openai" && matches!(word.as_str(), "minimal" | "low" | "medium" | "high") =>
        {
            Ok((Some(word.clone()), None))
        }
        Value::Text(word) => Ok((None, Some(format!("thinking_budget `{word}` of provider `{provider}`")))),
        Value::Integer(_) => Ok((None, Some("thinking_budget in tokens".to_owned()))),
        _ => Err(fields.complain("thinking_budget", node, "expected an effort or a number of tokens")),
    }
}

/// Reads `provider_opts`: `api_version` is used, `api_type` may say what is true anyway, the rest is for later.
fn provider_opts(
    fields: &Fields<'_>,
    scope: &Scope,
    later: &mut Vec<Unsupported>,
) -> Result<Option<String>, ConfigError> {
    let Some(node) = fields.get("provider_opts") else { return Ok(None) };
    let opts = Fields::open(fields.file, fields.path_of("provider_opts"), node)?;
    for entry in opts.entries() {
        let fine = match entry.key.as_str() {
            "api_version" => true,
            "api_type" => entry.value.as_text() == Some("openai_chatcompletions"),
            _ => false,
        };
        if !fine {
            note_later(&opts, &[&entry.key], scope, later);
        }
    }
    opts.text("api_version")
}

fn provider(
    fields: &Fields<'_>,
    name: &str,
    later: &mut Vec<Unsupported>,
) -> Result<ProviderConfig, ConfigError> {
    fields.only(&["api_type", "base_url", "token_key"])?;
    if let (Some(kind), Some(node)) = (fields.text("api_type")?, fields.get("api_type")) {
        match kind.as_str() {
            "openai_chatcompletions" => {}
            "openai_responses" => later.push(Unsupported {
                place: fields.path_of("api_type"),
                feature: "api_type `openai_responses`".to_owned(),
                position: node.position,
                scope: Scope::Provider(name.to_owned()),
            }),
            _ => {
                let hint = nearest(&kind, ["openai_chatcompletions", "openai_responses"]);
                let error = fields.complain("api_type", node, format_args!("unknown api_type `{kind}`"));
                return Err(error.with_hint(hint));
            }
        }
    }
    let base_url = fields.text("base_url")?.unwrap_or_default();
    if !is_http_url(&base_url) {
        let node = fields.get("base_url").unwrap_or(fields.node);
        return Err(fields.complain("base_url", node, "expected a URL that starts with http:// or https://"));
    }
    let token_key = fields.text("token_key")?;
    Ok(ProviderConfig { name: name.to_owned(), base_url, token_key, position: fields.node.position })
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

fn is_http_url(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
