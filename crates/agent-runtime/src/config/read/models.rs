//! Reads `models` and `providers`.

use serde_json::{Map, Value as Json};

use super::Version;
use crate::config::ModelRef;
use crate::config::error::nearest;
use crate::config::fields::{Fields, Target};
use crate::config::model::{ApiType, Effort, ModelConfig, ProviderConfig, RoutingRule, ThinkingBudget};
use crate::config::support::Feature;
use crate::provider::model::is_known_option;
use crate::yaml::{Node, Value};

/// Reads one entry of `models`.
pub(super) fn model(fields: &Fields<'_>, name: &str, version: Version) -> ModelConfig {
    let provider_key = if version.is_first() { "type" } else { "provider" };
    let provider = fields.required(provider_key);
    let model = fields.required("model");
    if version.is_before_2() {
        fields.gone("env", "set variables in the environment, or in a file given with --env-from-file");
    }
    let base_url = fields.url("base_url", false);
    if let (None, Some(node), false) = (&base_url, fields.get(provider_key), provider.is_empty()) {
        fields.refers(Target::Provider, provider_key, &provider, node);
    }
    let thinking_budget = thinking_budget(fields, &provider);
    let provider_opts = fields.free_map("provider_opts");
    fields.inner("provider_opts", |options| note_options(options, &provider_opts));
    fields.uses(Feature::Routing, "routing");
    ModelConfig {
        name: name.to_owned(),
        model,
        temperature: fields.number("temperature"),
        max_tokens: fields.count("max_tokens"),
        top_p: fields.number("top_p"),
        frequency_penalty: fields.number("frequency_penalty"),
        presence_penalty: fields.number("presence_penalty"),
        base_url,
        token_key: fields.text("token_key"),
        headers: fields.headers("headers"),
        parallel_tool_calls: fields.boolean("parallel_tool_calls"),
        track_usage: fields.boolean("track_usage"),
        thinking_budget,
        routing: fields.items("routing", routing_rule),
        provider_opts,
        provider,
        position: fields.node.position,
    }
}

/// Notes those of `provider_opts`, whose keys each provider chooses, that nobody here knows.
fn note_options(options: &Fields<'_>, all: &Map<String, Json>) {
    let _ = options.rest();
    let _ = options.text("api_version");
    if let (Some(ApiType::Responses), Some(node)) =
        (options.word("api_type", ApiType::WORDS), options.get("api_type"))
    {
        options.uses_at(Feature::ResponsesApi, None, options.path_of("api_type"), node);
    }
    for name in all.keys().filter(|name| !is_known_option(name)) {
        let node = options.node.get(name).unwrap_or(options.node);
        options.uses_at(Feature::ProviderOption, Some(name), options.path_of(name), node);
    }
}

fn thinking_budget(fields: &Fields<'_>, provider: &str) -> Option<ThinkingBudget> {
    const KEY: &str = "thinking_budget";
    let node = fields.get(KEY)?;
    let noted = |feature, which: Option<&str>| fields.uses_at(feature, which, fields.path_of(KEY), node);
    match &node.value {
        Value::Integer(0) => Some(ThinkingBudget::Off),
        Value::Integer(count) if *count >= -1 => {
            noted(Feature::ThinkingTokens, None);
            Some(ThinkingBudget::Tokens(*count))
        }
        Value::Text(word) if word == "none" => Some(ThinkingBudget::Off),
        Value::Text(word) => {
            let effort = effort(fields, KEY, node, word)?;
            let is_everywhere =
                matches!(effort, Effort::Minimal | Effort::Low | Effort::Medium | Effort::High);
            if provider == "openai" && is_everywhere {
                noted(Feature::ThinkingEffort, None);
            } else {
                noted(Feature::ThinkingElsewhere, Some(word));
            }
            Some(ThinkingBudget::Effort(effort))
        }
        _ => {
            let text = "expected a word like `low` or `high`, or a number of tokens";
            fields.problem(fields.about(KEY, node, text));
            None
        }
    }
}

fn effort(fields: &Fields<'_>, key: &str, node: &Node, word: &str) -> Option<Effort> {
    let found = Effort::WORDS.iter().find(|(known, _)| *known == word).map(|(_, effort)| *effort);
    if found.is_none() {
        let known = || Effort::WORDS.iter().map(|(word, _)| *word).chain(["none"]);
        let hint = nearest(word, known())
            .unwrap_or_else(|| format!("one of: {}", known().collect::<Vec<_>>().join(", ")));
        fields.problem(fields.about(key, node, format_args!("unknown effort `{word}`")).hint(Some(hint)));
    }
    found
}

fn routing_rule(fields: &Fields<'_>) -> RoutingRule {
    let model = single_model(fields, "model");
    if fields.get("model").is_none() {
        fields.missing("`model`");
    }
    let examples = fields.words("examples");
    if examples.is_empty() && fields.get("examples").is_none() {
        fields.missing("`examples`");
    }
    RoutingRule { model: model.unwrap_or(ModelRef::Auto), examples }
}

/// Reads a key that names one model.
pub(super) fn single_model(fields: &Fields<'_>, key: &'static str) -> Option<ModelRef> {
    let name = fields.text(key)?;
    one_model(fields, key, &name, fields.get(key).unwrap_or(fields.node))
}

/// Reads a list of models.
pub(super) fn models_of(fields: &Fields<'_>, key: &'static str) -> Vec<ModelRef> {
    let names = fields.texts(key).unwrap_or_default().into_iter();
    names.filter_map(|(name, node)| one_model(fields, key, &name, node)).collect()
}

fn one_model(fields: &Fields<'_>, key: &'static str, name: &str, node: &Node) -> Option<ModelRef> {
    match ModelRef::parse(name) {
        ModelRef::Alloy(_) => {
            fields.problem(fields.about(
                key,
                node,
                format_args!("`{name}`: expected one model, found several"),
            ));
            None
        }
        reference => {
            fields.refers(Target::Model, key, name, node);
            Some(reference)
        }
    }
}

/// Reads one entry of `providers`.
pub(super) fn provider(fields: &Fields<'_>, name: &str) -> ProviderConfig {
    let api_type = fields.word("api_type", ApiType::WORDS).unwrap_or_default();
    if let (ApiType::Responses, Some(node)) = (api_type, fields.get("api_type")) {
        fields.uses_at(Feature::ResponsesApi, None, fields.path_of("api_type"), node);
    }
    let base_url = fields.url("base_url", false);
    if fields.get("base_url").is_none() {
        fields.missing("`base_url`");
    }
    ProviderConfig {
        name: name.to_owned(),
        api_type,
        base_url: base_url.unwrap_or_default(),
        token_key: fields.text("token_key"),
        headers: fields.headers("headers"),
        position: fields.node.position,
    }
}
