//! Where a model is and with which key: the table of providers, applied to a model's configuration.

pub(crate) mod headers;

use std::net::IpAddr;

use agent_telemetry::Provider;

use super::Wire;
use super::model::ModelSettings;
use crate::config::names_a_secret;
use crate::environment::{Environment, Secret};

/// Where to send requests for one model, and how to sign them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The whole URL, query included.
    pub url: String,
    /// What is spoken there.
    pub wire: Wire,
    /// How requests are signed.
    pub auth: Auth,
    /// Headers that say what is spoken.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Headers of the file, in lower case and filled in; they replace others of the same name.
    pub own_headers: Vec<(String, Secret)>,
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
    /// `x-api-key: …` (anthropic).
    XApiKey(Secret),
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
    /// A variable of a header is not set.
    #[error("model `{model}` needs a value for its header `{header}`: the variable {variable} is not set")]
    MissingVariable {
        /// The variable.
        variable: String,
        /// The header.
        header: String,
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
    /// The model does not take what the file asks for.
    #[error("model `{model}`: {text}")]
    Parameter {
        /// The model as the file names it.
        model: String,
        /// What it does not take, and what it does.
        text: String,
    },
    /// `auto` found nobody to ask.
    #[error("no model is available: {0}")]
    NothingAvailable(String),
}

struct Known {
    name: &'static str,
    base_url: &'static str,
    key: Option<&'static str>,
    telemetry: Provider,
}

/// Where Docker Desktop's model runner listens.
pub(super) const MODEL_RUNNER: &str = "127.0.0.1:12434";

const KNOWN: &[Known] = &[
    known("openai", "https://api.openai.com/v1", Some("OPENAI_API_KEY"), Provider::OpenAi),
    known("anthropic", "https://api.anthropic.com", Some("ANTHROPIC_API_KEY"), Provider::Anthropic),
    known("mistral", "https://api.mistral.ai/v1", Some("MISTRAL_API_KEY"), Provider::Mistral),
    known("xai", "https://api.x.ai/v1", Some("XAI_API_KEY"), Provider::Xai),
    known("nebius", "https://api.studio.nebius.com/v1", Some("NEBIUS_API_KEY"), Provider::Nebius),
    known("requesty", "https://router.requesty.ai/v1", Some("REQUESTY_API_KEY"), Provider::Requesty),
    known("minimax", "https://api.minimax.io/v1", Some("MINIMAX_API_KEY"), Provider::Minimax),
    known("azure", "", Some("AZURE_API_KEY"), Provider::Azure),
    known("ollama", "http://localhost:11434/v1", None, Provider::Ollama),
    known("dmr", "", None, Provider::Dmr),
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
    /// Finds where a model is, in which format it is spoken to, and with which key.
    ///
    /// A provider's usual key goes to the provider's usual address and to this machine. To any other `base_url`
    /// a key is sent only if `token_key` names it, so that a file from somewhere cannot collect keys.
    ///
    /// # Errors
    ///
    /// A key or an address is missing, or the file asks for a format that does not exist.
    pub fn resolve(
        settings: &ModelSettings,
        environment: &Environment,
        keys: Keys,
    ) -> Result<Self, EndpointError> {
        let custom = settings.custom.as_ref();
        let known = KNOWN.iter().find(|known| known.name == settings.provider).filter(|_| custom.is_none());
        let usual = match (custom, known) {
            (Some(custom), _) => custom.base_url.clone(),
            (None, Some(known)) if known.name == "dmr" => model_runner(environment),
            (None, Some(known)) => known.base_url.to_owned(),
            (None, None) => String::new(),
        };
        let base_url = settings.base_url.clone().unwrap_or(usual);
        if base_url.is_empty() {
            let (provider, model) = (settings.provider.clone(), settings.name.clone());
            return Err(EndpointError::MissingBaseUrl { provider, model });
        }
        let wire = wire(settings, known)?;
        let (key, auth_hint) = key(settings, known, &base_url, environment, keys)?;
        let auth = match key {
            None => Auth::None,
            Some(key) if wire == Wire::Messages => Auth::XApiKey(key),
            Some(key) if settings.provider == "azure" => Auth::ApiKey(key),
            Some(key) => Auth::Bearer(key),
        };
        let mut headers = Vec::new();
        if wire == Wire::Messages {
            headers.push(("anthropic-version", "2023-06-01"));
            if settings.interleaved_thinking() {
                headers.push(("anthropic-beta", "interleaved-thinking-2025-05-14"));
            }
        }
        Ok(Self {
            url: url(&base_url, wire, settings.api_version().as_deref()),
            wire,
            auth,
            headers,
            own_headers: headers::resolve(settings, environment, keys)?,
            provider: known.map_or(Provider::Custom, |known| known.telemetry),
            provider_name: settings.provider.clone(),
            auth_hint,
        })
    }
}

impl Endpoint {
    /// The words of the headers of the file whose names say that they are a secret.
    pub(crate) fn secret_words(&self) -> impl Iterator<Item = Secret> {
        let secret = self.own_headers.iter().filter(|(name, _)| names_a_secret(name));
        secret.flat_map(|(_, value)| value.reveal().split_whitespace().map(Secret::new))
    }
}

/// The format: what the file says, else what the provider speaks.
fn wire(settings: &ModelSettings, known: Option<&Known>) -> Result<Wire, EndpointError> {
    let said =
        settings.wire().map_err(|text| EndpointError::Parameter { model: settings.name.clone(), text })?;
    Ok(said.unwrap_or_else(|| match known {
        Some(known) if known.name == "anthropic" => Wire::Messages,
        // Elsewhere, servers with OpenAI's interface are sure to have the older one only.
        Some(known) if known.name == "openai" && settings.base_url.is_none() => openai_wire(&settings.model),
        _ => Wire::ChatCompletions,
    }))
}

/// What OpenAI itself is asked with: responses for the models that were made for them.
fn openai_wire(model: &str) -> Wire {
    let prefixes = ["gpt-4.1", "o1", "o3", "o4", "gpt-5", "codex"];
    let made_for = prefixes.iter().any(|prefix| model.starts_with(prefix)) || model.contains("-codex");
    if made_for { Wire::Responses } else { Wire::ChatCompletions }
}

/// The key and, where none is sent although there may be one, what to say when it is missed.
fn key(
    settings: &ModelSettings,
    known: Option<&Known>,
    base_url: &str,
    environment: &Environment,
    keys: Keys,
) -> Result<(Option<Secret>, Option<String>), EndpointError> {
    let elsewhere = settings.base_url.is_some() && settings.provider != "azure";
    let custom_key = settings.custom.as_ref().and_then(|custom| custom.token_key.as_deref());
    let named = settings.token_key.as_deref().or(custom_key);
    let usual = known.and_then(|known| known.key);
    let (variable, required) = match (named, usual) {
        (Some(named), _) => (named, true),
        (None, Some(usual)) if !elsewhere => (usual, true),
        (None, Some(usual)) if is_loopback_url(base_url) => (usual, false),
        (None, Some(usual)) => {
            let hint = format!("to send {usual} to this `base_url`, add `token_key: {usual}` to the model");
            return Ok((None, Some(hint)));
        }
        (None, None) => return Ok((None, None)),
    };
    if keys == Keys::Unused {
        return Ok((None, None));
    }
    match environment.get(variable) {
        Some(value) => Ok((Some(Secret::new(value)), None)),
        None if required => {
            Err(EndpointError::MissingKey { variable: variable.to_owned(), model: settings.name.clone() })
        }
        None => Ok((None, None)),
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

/// The variable that a provider's key is usually in.
pub(super) fn key_variable(provider: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.name == provider)?.key
}

/// Docker Model Runner's address: `MODEL_RUNNER_HOST`, else where Docker Desktop listens.
fn model_runner(environment: &Environment) -> String {
    let host = environment.get("MODEL_RUNNER_HOST").unwrap_or(MODEL_RUNNER).trim_end_matches('/');
    let scheme = if host.contains("://") { "" } else { "http://" };
    format!("{scheme}{host}/engines/v1")
}

/// The whole URL. Messages are at `/v1/messages` below the base URL, whether or not it says `/v1` itself.
fn url(base_url: &str, wire: Wire, api_version: Option<&str>) -> String {
    let (path, query) =
        base_url.split_once('?').map_or((base_url, None), |(path, query)| (path, Some(query)));
    let path = path.trim_end_matches('/');
    let version_path = if wire == Wire::Messages && !path.ends_with("/v1") { "/v1" } else { "" };
    let mut url = format!("{path}{version_path}/{}", wire.path());
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
