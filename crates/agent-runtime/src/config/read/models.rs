//! Reads `models` and `providers`.

use super::{known_provider, note_later};
use crate::config::error::{ConfigError, nearest};
use crate::config::fields::Fields;
use crate::config::support::{self, Scope, Unsupported};
use crate::config::{ApiType, Effort, ModelConfig, ProviderConfig, ThinkingBudget};
use crate::yaml::Value;

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

pub(super) fn model(
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
    Ok(ModelConfig {
        name: name.to_owned(),
        provider_opts: provider_opts(fields)?,
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
        thinking_budget: thinking(fields)?,
        position: fields.node.position,
    })
}

/// Reads `thinking_budget`: a word or a number of tokens.
fn thinking(fields: &Fields<'_>) -> Result<Option<ThinkingBudget>, ConfigError> {
    let words = [
        ("minimal", Effort::Minimal),
        ("low", Effort::Low),
        ("medium", Effort::Medium),
        ("high", Effort::High),
        ("xhigh", Effort::ExtraHigh),
        ("max", Effort::Max),
        ("adaptive", Effort::Adaptive),
    ];
    let Some(node) = fields.get("thinking_budget") else { return Ok(None) };
    match &node.value {
        Value::Integer(0) => Ok(Some(ThinkingBudget::Off)),
        Value::Text(word) if word == "none" => Ok(Some(ThinkingBudget::Off)),
        Value::Integer(tokens) => Ok(Some(ThinkingBudget::Tokens(*tokens))),
        Value::Text(word) => match words.iter().find(|(known, _)| known == word) {
            Some((_, effort)) => Ok(Some(ThinkingBudget::Effort(*effort))),
            None => {
                let error = fields.complain("thinking_budget", node, format_args!("unknown effort `{word}`"));
                Err(error.with_hint(nearest(word, words.map(|(word, _)| word))))
            }
        },
        _ => Err(fields.complain("thinking_budget", node, "expected an effort or a number of tokens")),
    }
}

/// Reads `provider_opts` as they are; what they mean is the provider's business.
fn provider_opts(fields: &Fields<'_>) -> Result<serde_json::Map<String, serde_json::Value>, ConfigError> {
    let Some(node) = fields.get("provider_opts") else { return Ok(serde_json::Map::new()) };
    let opts = Fields::open(fields.file, fields.path_of("provider_opts"), node)?;
    Ok(opts.entries().iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect())
}

fn json(node: &crate::yaml::Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.clone().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), json(&e.value))).collect())
        }
    }
}

pub(super) fn provider(fields: &Fields<'_>, name: &str) -> Result<ProviderConfig, ConfigError> {
    fields.only(&["api_type", "base_url", "token_key"])?;
    let mut api_type = ApiType::default();
    if let (Some(kind), Some(node)) = (fields.text("api_type")?, fields.get("api_type")) {
        api_type = match kind.as_str() {
            "openai_chatcompletions" => ApiType::ChatCompletions,
            "openai_responses" => ApiType::Responses,
            _ => {
                let hint = nearest(&kind, ["openai_chatcompletions", "openai_responses"]);
                let error = fields.complain("api_type", node, format_args!("unknown api_type `{kind}`"));
                return Err(error.with_hint(hint));
            }
        };
    }
    let base_url = fields.text("base_url")?.unwrap_or_default();
    if !is_http_url(&base_url) {
        let node = fields.get("base_url").unwrap_or(fields.node);
        return Err(fields.complain("base_url", node, "expected a URL that starts with http:// or https://"));
    }
    let token_key = fields.text("token_key")?;
    let position = fields.node.position;
    Ok(ProviderConfig { name: name.to_owned(), api_type, base_url, token_key, position })
}

fn is_http_url(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
