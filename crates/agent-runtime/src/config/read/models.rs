//! Reads `models` and `providers`.

use super::{known_provider, note_later};
use crate::config::error::{ConfigError, nearest};
use crate::config::fields::Fields;
use crate::config::support::{self, Scope, Unsupported};
use crate::config::{ModelConfig, ProviderConfig};
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

pub(super) fn provider(
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

fn is_http_url(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
