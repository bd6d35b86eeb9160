//! Reads `agents`.

use std::time::Duration;

use super::models::models_of;
use super::{Surroundings, hooks, toolsets};
use crate::config::agent::{AgentConfig, Command, Fallback, ModelRef, SkillSource, StructuredOutput};
use crate::config::duration;
use crate::config::error::Problem;
use crate::config::fields::{Fields, Target};
use crate::config::support::Feature;
use crate::config::template::Places;
use crate::yaml::{Entry, Value};

/// How often a model is tried again unless the file says otherwise.
const RETRIES: u32 = 2;

/// How long a fallback answers unless the file says otherwise.
const COOLDOWN: Duration = Duration::from_secs(60);

/// Agent keys that are features as such.
const FEATURES: [(&str, Feature); 12] = [
    ("fallback", Feature::Fallback),
    ("sub_agents", Feature::SubAgents),
    ("handoffs", Feature::Handoffs),
    ("rag", Feature::Rag),
    ("code_mode_tools", Feature::CodeMode),
    ("add_description_parameter", Feature::DescriptionParameter),
    ("num_history_items", Feature::HistoryItems),
    ("add_prompt_files", Feature::PromptFiles),
    ("commands", Feature::Commands),
    ("structured_output", Feature::StructuredOutput),
    ("skills", Feature::Skills),
    ("hooks", Feature::Hooks),
];

/// Reads one entry of `agents`.
pub(super) fn agent(fields: &Fields<'_>, name: &str, surroundings: &Surroundings) -> AgentConfig {
    let config = AgentConfig {
        name: name.to_owned(),
        model: model(fields),
        fallback: fields.inner("fallback", fallback),
        description: fields.template("description").unwrap_or_default(),
        welcome_message: fields.template("welcome_message"),
        instruction: fields.text("instruction").unwrap_or_default(),
        toolsets: toolsets::toolsets(fields, surroundings),
        sub_agents: other_agents(fields, "sub_agents", name),
        handoffs: other_agents(fields, "handoffs", name),
        rag: rag(fields),
        add_date: fields.flag("add_date"),
        add_environment_info: fields.flag("add_environment_info"),
        add_prompt_files: fields.words("add_prompt_files"),
        code_mode_tools: fields.flag("code_mode_tools"),
        add_description_parameter: fields.flag("add_description_parameter"),
        max_iterations: fields.limit("max_iterations"),
        num_history_items: fields.limit("num_history_items"),
        commands: commands(fields),
        structured_output: fields.inner("structured_output", structured_output),
        skills: skills(fields),
        hooks: fields.inner("hooks", hooks::hooks).unwrap_or_default(),
        position: fields.node.position,
    };
    FEATURES.iter().for_each(|(key, feature)| fields.uses(*feature, key));
    config
}

fn model(fields: &Fields<'_>) -> ModelRef {
    let name = fields.text("model").unwrap_or_default();
    fields.refers(Target::Model, "model", &name, fields.get("model").unwrap_or(fields.node));
    ModelRef::parse(&name)
}

fn fallback(fields: &Fields<'_>) -> Fallback {
    let retries = match fields.integer("retries", -1) {
        None | Some(0) => RETRIES,
        Some(-1) => 0,
        Some(count) => u32::try_from(count).unwrap_or(u32::MAX),
    };
    let models = models_of(fields, "models");
    if fields.get("models").is_none() {
        fields.missing("`models`");
    }
    Fallback { models, retries, cooldown: cooldown(fields).unwrap_or(COOLDOWN) }
}

fn cooldown(fields: &Fields<'_>) -> Option<Duration> {
    let node = fields.get("cooldown")?;
    let duration = match &node.value {
        Value::Integer(seconds) => duration::parse(&format!("{seconds}s")),
        Value::Text(text) => duration::parse(text),
        _ => None,
    };
    if duration.is_none() {
        let text = "expected a duration like `30s` or `1m30s`, or a number of seconds";
        fields.problem(fields.about("cooldown", node, text));
    }
    duration.filter(|duration| !duration.is_zero())
}

fn other_agents(fields: &Fields<'_>, key: &'static str, own_name: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (name, node) in fields.texts(key).unwrap_or_default() {
        // A slash or a colon makes it a reference to a registry or a URL.
        if name.contains(['/', ':']) {
            fields.uses_at(Feature::RemoteAgent, Some(&name), fields.path_of(key), node);
        }
        fields.refers(Target::OtherAgent(own_name.to_owned()), key, &name, node);
        names.push(name);
    }
    names
}

fn rag(fields: &Fields<'_>) -> Vec<String> {
    let names = fields.texts("rag").unwrap_or_default().into_iter();
    let names = names.map(|(name, node)| {
        fields.refers(Target::Rag, "rag", &name, node);
        name
    });
    names.collect()
}

/// Reads `commands`: a mapping, or a list of mappings with one entry each.
fn commands(fields: &Fields<'_>) -> Vec<Command> {
    let Some(node) = fields.get("commands") else { return Vec::new() };
    let mut commands: Vec<Command> = Vec::new();
    let mut add = |path: String, entry: &Entry| {
        if commands.iter().any(|known| known.name == entry.key) {
            let text = format!("{path}: there is a command of that name already");
            fields.problem(Problem::new(entry.key_position, text));
        } else if entry.key.is_empty() || entry.key.contains(char::is_whitespace) {
            let text = format!("{path}: the name of a command is one word");
            fields.problem(Problem::new(entry.key_position, text));
        } else {
            commands.extend(command(fields, path, entry));
        }
    };
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{}[{index}]", fields.path_of("commands"));
                match &item.value {
                    Value::Map(entries) => {
                        entries.iter().for_each(|entry| add(format!("{path}.{}", entry.key), entry));
                    }
                    other => {
                        let text = format!("{path}: expected a name and what to say, found {}", other.kind());
                        fields.problem(Problem::new(item.position, text));
                    }
                }
            }
        }
        Value::Map(entries) => {
            entries.iter().for_each(|entry| add(fields.path_of(&format!("commands.{}", entry.key)), entry));
        }
        other => {
            let text = format!("expected a mapping or a list of mappings, found {}", other.kind());
            fields.problem(fields.about("commands", node, text));
        }
    }
    commands
}

fn command(fields: &Fields<'_>, path: String, entry: &Entry) -> Option<Command> {
    let name = entry.key.clone();
    match &entry.value.value {
        Value::Text(instruction) => {
            fields.check_template(instruction, Places::Arguments, path, &entry.value);
            Some(Command { name, description: String::new(), instruction: instruction.clone() })
        }
        Value::Map(_) => Fields::read(fields.reading, path, &entry.value, fields.scope(), |fields| {
            let instruction = fields.required("instruction");
            let node = fields.get("instruction").unwrap_or(fields.node);
            fields.check_template(&instruction, Places::Arguments, fields.path_of("instruction"), node);
            Command { name, description: fields.template("description").unwrap_or_default(), instruction }
        }),
        other => {
            let text = format!("{path}: expected text or a mapping, found {}", other.kind());
            fields.problem(Problem::new(entry.value.position, text));
            None
        }
    }
}

fn structured_output(fields: &Fields<'_>) -> StructuredOutput {
    let schema = fields.free("schema");
    match &schema {
        None => fields.missing("`schema`"),
        Some(serde_json::Value::Object(_)) => {}
        Some(_) => {
            let node = fields.get("schema").unwrap_or(fields.node);
            fields.problem(fields.about("schema", node, "expected a JSON schema, which is a mapping"));
        }
    }
    StructuredOutput {
        name: fields.required("name"),
        description: fields.text("description").unwrap_or_default(),
        schema: schema.unwrap_or_default(),
        strict: fields.flag("strict"),
    }
}

fn skills(fields: &Fields<'_>) -> Vec<SkillSource> {
    let Some(node) = fields.get("skills") else { return Vec::new() };
    if let Value::Bool(some) = node.value {
        return if some { vec![SkillSource::Local] } else { Vec::new() };
    }
    let sources = fields.texts("skills").unwrap_or_default().into_iter();
    let sources = sources.filter_map(|(source, node)| match source.as_str() {
        "local" => Some(SkillSource::Local),
        url if url.starts_with("http://") || url.starts_with("https://") => Some(SkillSource::Url(source)),
        other => {
            fields.problem(fields.about(
                "skills",
                node,
                format_args!("`{other}` is neither `local` nor a URL"),
            ));
            None
        }
    });
    sources.collect()
}
