//! Where a model is and with which key: the table of providers, applied to a model's configuration.

use std::net::IpAddr;

use agent_telemetry::Provider;

use super::Parameters;
use crate::config::{Config, ModelConfig};
use crate::environment::{Environment, Secret};

/// Where to send requests for one model, and how to sign them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The whole URL, query included.
    pub url: String,
    /// How requests are signed.
    pub auth: Auth,
    /// The provider as telemetry names it.
    pub provider: Provider,
    /// The provider as the file names it; prices are looked up by it.
    pub provider_name: String,
    /// What to try when the key is refused.
    pub auth_hint: Option<String>,
}

/// How a request is signed.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `api-key: …` (azure).
    ApiKey(Secret),
}

/// Whether keys are needed: a replay needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// A missing key is an error.
    Required,
    /// No key is looked up.
    Unused,
}

/// Why there is no endpoint for a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The variable with the key is not set.
    #[error("model `{model}` needs a key: the variable {variable} is not set")]
    MissingKey {
        /// The variable.
        variable: String,
        /// The model as the file names it.
        model: String,
    },
    /// The provider has no address of its own.
    #[error("model `{model}` needs a `base_url`: provider `{provider}` has no address of its own")]
    MissingBaseUrl {
        /// The provider.
        provider: String,
        /// The model as the file names it.
        model: String,
    },
}

struct Known {
    name: &'static str,
    base_url: &'static str,
    key: Option<&'static str>,
    telemetry: Provider,
}

const KNOWN: &[Known] = &[
    known("openai", "https://api.openai.com/v1", Some("OPENAI_API_KEY"), Provider::OpenAi),
    known("mistral", "https://api.mistral.ai/v1", Some("MISTRAL_API_KEY"), Provider::Mistral),
    known("xai", "https://api.x.ai/v1", Some("XAI_API_KEY"), Provider::Xai),
    known("nebius", "https://api.studio.nebius.com/v1", Some("NEBIUS_API_KEY"), Provider::Nebius),
    known("requesty", "https://router.requesty.ai/v1", Some("REQUESTY_API_KEY"), Provider::Requesty),
    known("minimax", "https://api.minimax.io/v1", Some("MINIMAX_API_KEY"), Provider::Minimax),
    known("azure", "", Some("AZURE_API_KEY"), Provider::Azure),
    known("ollama", "http://localhost:11434/v1", None, Provider::Ollama),
    known("dmr", "http://127.0.0.1:12434/engines/v1", None, Provider::Dmr),
];

const fn known(
    name: &'static str,
    base_url: &'static str,
    key: Option<&'static str>,
    telemetry: Provider,
) -> Known {
    Known { name, base_url, key, telemetry }
}

impl Endpoint {
    /// Finds a model's endpoint.
    ///
    /// A provider's usual key goes to the provider's usual address and to this machine. To any other `base_url`
    /// a key is sent only if `token_key` names it, so that a file from somewhere cannot collect keys.
    ///
    /// # Errors
    ///
    /// A key or an address is missing.
    pub fn resolve(
        config: &Config,
        model: &ModelConfig,
        environment: &Environment,
        keys: Keys,
    ) -> Result<Self, EndpointError> {
        let custom = config.provider(&model.provider);
        let known = KNOWN.iter().find(|known| known.name == model.provider).filter(|_| custom.is_none());
        let usual = match (custom, known) {
            (Some(custom), _) => custom.base_url.clone(),
            (None, Some(known)) if known.name == "dmr" => model_runner(environment),
            (None, Some(known)) => known.base_url.to_owned(),
            (None, None) => String::new(),
        };
        let base_url = model.base_url.clone().unwrap_or(usual);
        if base_url.is_empty() {
            let (provider, model) = (model.provider.clone(), model.name.clone());
            return Err(EndpointError::MissingBaseUrl { provider, model });
        }
        let elsewhere = model.base_url.is_some() && model.provider != "azure";
        let named_key = model.token_key.as_deref().or(custom.and_then(|custom| custom.token_key.as_deref()));
        let usual_key = known.and_then(|known| known.key);
        let mut auth_hint = None;
        let (variable, required) = match (named_key, usual_key) {
            (Some(named), _) => (Some(named), true),
            (None, Some(usual)) if !elsewhere => (Some(usual), true),
            (None, Some(usual)) if is_loopback_url(&base_url) => (Some(usual), false),
            (None, Some(usual)) => {
                auth_hint = Some(format!(
                    "to send {usual} to this `base_url`, add `token_key: {usual}` to the model"
                ));
                (None, false)
            }
            (None, None) => (None, false),
        };
        let key = match variable {
            Some(variable) if keys == Keys::Required => match environment.get(variable) {
                None if required => {
                    let (variable, model) = (variable.to_owned(), model.name.clone());
                    return Err(EndpointError::MissingKey { variable, model });
                }
                value => value.map(Secret::new),
            },
            _ => None,
        };
        let auth = match key {
            None => Auth::None,
            Some(key) if model.provider == "azure" => Auth::ApiKey(key),
            Some(key) => Auth::Bearer(key),
        };
        Ok(Self {
            url: chat_url(&base_url, model.api_version.as_deref()),
            auth,
            provider: known.map_or(Provider::Custom, |known| known.telemetry),
            provider_name: model.provider.clone(),
            auth_hint,
        })
    }
}

/// A provider that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownProvider {
    /// The name in an agent file.
    pub name: &'static str,
    /// Where it is, unless a file or a variable says otherwise; empty where a file has to.
    pub base_url: &'static str,
    /// The variable that holds its key, if it needs one.
    pub key_variable: Option<&'static str>,
}

/// Every provider that is known by name.
pub fn known_providers() -> impl Iterator<Item = KnownProvider> {
    KNOWN.iter().map(|known| KnownProvider {
        name: known.name,
        base_url: known.base_url,
        key_variable: known.key,
    })
}

/// Every variable that some provider's key uses.
#[must_use]
pub fn key_variables() -> Vec<&'static str> {
    KNOWN.iter().filter_map(|known| known.key).collect()
}

/// How a model is to be asked, from its configuration.
#[must_use]
pub fn parameters(model: &ModelConfig) -> Parameters {
    let thinks = ["o1", "o3", "o4", "gpt-5"].iter().any(|prefix| model.model.starts_with(prefix));
    Parameters {
        model: model.model.clone(),
        temperature: model.temperature,
        top_p: model.top_p,
        frequency_penalty: model.frequency_penalty,
        presence_penalty: model.presence_penalty,
        max_tokens: model.max_tokens,
        parallel_tool_calls: model.parallel_tool_calls,
        reasoning_effort: model.reasoning_effort.clone(),
        include_usage: model.track_usage.unwrap_or(true),
        limit_is_completion_tokens: matches!(model.provider.as_str(), "openai" | "azure") && thinks,
    }
}

/// Docker Model Runner's address: `MODEL_RUNNER_HOST`, else where Docker Desktop listens.
fn model_runner(environment: &Environment) -> String {
    match environment.get("MODEL_RUNNER_HOST") {
        Some(host) if host.contains("://") => format!("{}/engines/v1", host.trim_end_matches('/')),
        Some(host) => format!("http://{}/engines/v1", host.trim_end_matches('/')),
        None => "http://127.0.0.1:12434/engines/v1".to_owned(),
    }
}

fn chat_url(base_url: &str, api_version: Option<&str>) -> String {
    let (path, query) =
        base_url.split_once('?').map_or((base_url, None), |(path, query)| (path, Some(query)));
    let mut url = format!("{}/chat/completions", path.trim_end_matches('/'));
    let version = api_version.map(|version| format!("api-version={version}"));
    let query: Vec<&str> = query.into_iter().chain(version.as_deref()).collect();
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query.join("&"));
    }
    url
}

/// The host of an `http(s)` URL, without port, user and brackets.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The path of a URL, without query.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    path.split(['?', '#']).next().unwrap_or(path)
}

/// Tells whether a URL leads to this machine.
pub(crate) fn is_loopback_url(url: &str) -> bool {
    let host = host_of(url);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
