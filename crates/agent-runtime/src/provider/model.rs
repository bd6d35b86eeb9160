//! A model as it is asked: where it is, with which key, in which format, with which parameters.
//!
//! [`ModelSettings`] is what a file says in the terms of providers; [`Model::resolve`] turns it into a model that can
//! be asked, or says before anything is sent what the model does not take. Nothing that a file asks for is dropped
//! silently.

mod configured;

use std::collections::BTreeMap;
use std::fmt;

use agent_telemetry::Provider;
use serde_json::{Map, Value};

use super::anthropic::DEFAULT_MAX_TOKENS;
use super::endpoint::{Endpoint, EndpointError, Keys};
use super::{Effort, Origin, OutputSchema, Thinking, Wire};
use crate::config::nearest;
use crate::environment::Environment;
use crate::prices::Catalogue;

/// A model that can be asked.
#[derive(Clone, Debug)]
pub struct Model {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it is to answer.
    pub parameters: Parameters,
}

/// Which model: as telemetry counts it, and as prices are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId {
    /// The provider as telemetry names it.
    pub provider: Provider,
    /// The provider as the file names it.
    pub provider_name: String,
    /// The provider's name for the model.
    pub model: String,
}

/// How a model is to answer; what is absent is the provider's choice.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// Whose thoughts can be sent back.
    pub origin: Origin,
    /// The provider's name for the model.
    pub model: String,
    /// How words are chosen.
    pub sampling: Sampling,
    /// Upper limit for the answer, in tokens.
    pub max_tokens: Option<u64>,
    /// Whether several tools may be asked for at once.
    pub parallel_tool_calls: Option<bool>,
    /// How long to think, as this model takes it.
    pub thinking: Option<Thinking>,
    /// The form of the answer.
    pub output: Option<OutputSchema>,
    /// Further members of the request, as the provider calls them.
    pub extra: Map<String, Value>,
    /// Whether token counts are asked for.
    pub include_usage: bool,
    /// Whether encrypted thoughts are asked for.
    pub keeps_reasoning: bool,
    /// Whether the limit is called `max_completion_tokens` (OpenAI's reasoning models refuse the old name).
    pub limit_is_completion_tokens: bool,
}

/// How a model chooses among words; what is absent is the provider's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sampling {
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
}

/// What a file says about a model, in the terms of providers.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelSettings {
    /// The model as the file names it.
    pub name: String,
    /// A provider that we know, or one of the file.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// What the file says about the provider.
    pub custom: Option<CustomProvider>,
    /// Where the provider is, instead of its usual address.
    pub base_url: Option<String>,
    /// The variable that holds the key, instead of the provider's usual one.
    pub token_key: Option<String>,
    /// How words are chosen.
    pub sampling: Sampling,
    /// Upper limit for an answer, in tokens.
    pub max_tokens: Option<u64>,
    /// Whether the model may ask for several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// Whether to ask for token counts; yes unless said otherwise.
    pub track_usage: Option<bool>,
    /// How long to think.
    pub thinking: Option<Thinking>,
    /// The form of the answer.
    pub output: Option<OutputSchema>,
    /// Headers of every request, those of the provider included; variables not yet filled in.
    pub headers: BTreeMap<String, String>,
    /// `provider_opts` as written.
    pub options: Map<String, Value>,
}

/// An entry of a file's `providers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomProvider {
    /// Where it is.
    pub base_url: String,
    /// The variable that holds its key; none means no key is sent.
    pub token_key: Option<String>,
    /// What it speaks; chat completions unless said otherwise.
    pub wire: Option<Wire>,
}

/// `provider_opts` that are members of the request, numbers all of them, with the formats that take them.
const SAMPLING: [(&str, &[Wire]); 4] = [
    ("top_k", &[Wire::ChatCompletions, Wire::Messages]),
    ("seed", &[Wire::ChatCompletions]),
    ("min_p", &[Wire::ChatCompletions]),
    ("repetition_penalty", &[Wire::ChatCompletions]),
];

/// `provider_opts` that are something else.
const OTHER_OPTIONS: [&str; 3] = ["api_type", "api_version", "interleaved_thinking"];

/// Tells whether one of `provider_opts` means something to some format.
pub(crate) fn is_known_option(name: &str) -> bool {
    OTHER_OPTIONS.contains(&name) || SAMPLING.iter().any(|(known, _)| *known == name)
}

impl Model {
    /// Finds out where a model is and how it is asked. No network.
    ///
    /// # Errors
    ///
    /// A key or an address is missing, or the model does not take what the file asks for.
    pub fn resolve(
        settings: &ModelSettings,
        prices: &Catalogue,
        environment: &Environment,
        keys: Keys,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::resolve(settings, environment, keys)?;
        let parameters = settings
            .parameters(endpoint.wire, prices)
            .map_err(|text| EndpointError::Parameter { model: settings.name.clone(), text })?;
        Ok(Self { endpoint, parameters })
    }

    /// Which model this is.
    #[must_use]
    pub fn id(&self) -> ModelId {
        ModelId {
            provider: self.endpoint.provider,
            provider_name: self.endpoint.provider_name.clone(),
            model: self.parameters.model.clone(),
        }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider_name, self.model)
    }
}

impl ModelSettings {
    /// Settings of a model that a file only names.
    #[must_use]
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        let (provider, model) = (provider.into(), model.into());
        Self { name: format!("{provider}/{model}"), provider, model, ..Self::default() }
    }

    /// The format that the file asks for, if it does.
    pub(super) fn wire(&self) -> Result<Option<Wire>, String> {
        match self.options.get("api_type") {
            None => Ok(self.custom.as_ref().and_then(|custom| custom.wire)),
            Some(value) => value.as_str().and_then(Wire::from_api_type).map(Some).ok_or_else(|| {
                format!(
                    "unknown provider_opts.api_type {value}; it is openai_chatcompletions, openai_responses or \
                     anthropic_messages"
                )
            }),
        }
    }

    /// `provider_opts.api_version`, which may look like a number.
    pub(super) fn api_version(&self) -> Option<String> {
        let version = self.options.get("api_version")?;
        Some(version.as_str().map_or_else(|| version.to_string(), str::to_owned))
    }

    /// `provider_opts.interleaved_thinking`.
    pub(super) fn interleaved_thinking(&self) -> bool {
        self.options.get("interleaved_thinking").and_then(Value::as_bool).unwrap_or(false)
    }

    fn parameters(&self, wire: Wire, prices: &Catalogue) -> Result<Parameters, String> {
        self.check_penalties(wire)?;
        let thinking =
            self.thinking.or(self.interleaved_thinking().then_some(Thinking::Effort(Effort::High)));
        let asked = thinking.map(|thinking| thinking.for_model(wire, &self.model));
        let thinking = asked.transpose().map_err(|error| error.to_string())?;
        if wire == Wire::Messages && thinking.is_some() && self.sampling.temperature.is_some_and(|t| t != 1.0)
        {
            return Err("temperature has to be 1 where thinking_budget is set".to_owned());
        }
        let thinks = thinks(&self.model);
        Ok(Parameters {
            origin: Origin::new(wire, &self.provider, &self.model),
            model: self.model.clone(),
            sampling: self.sampling,
            max_tokens: self.max_tokens(wire, thinking, prices)?,
            parallel_tool_calls: self.parallel_tool_calls,
            thinking,
            output: self.output.clone(),
            extra: self.extra(wire)?,
            include_usage: self.track_usage.unwrap_or(true),
            keeps_reasoning: wire == Wire::Responses && (thinks || thinking.is_some()),
            limit_is_completion_tokens: matches!(self.provider.as_str(), "openai" | "azure") && thinks,
        })
    }

    fn check_penalties(&self, wire: Wire) -> Result<(), String> {
        let Sampling { frequency_penalty, presence_penalty, .. } = self.sampling;
        let penalties = [("frequency_penalty", frequency_penalty), ("presence_penalty", presence_penalty)];
        match penalties.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) if wire != Wire::ChatCompletions => {
                Err(format!("{name} is unknown to {wire}; leave it out, or use chat completions"))
            }
            _ => Ok(()),
        }
    }

    /// The limit of an answer. Messages cannot be asked without one, and there it includes thoughts of a fixed budget.
    fn max_tokens(
        &self,
        wire: Wire,
        thinking: Option<Thinking>,
        prices: &Catalogue,
    ) -> Result<Option<u64>, String> {
        if wire != Wire::Messages {
            return Ok(self.max_tokens);
        }
        let budget = match thinking {
            Some(Thinking::Tokens(tokens)) => tokens,
            _ => 0,
        };
        match self.max_tokens {
            Some(limit) if limit <= budget => {
                Err(format!("max_tokens {limit} leaves no room beside a thinking_budget of {budget} tokens"))
            }
            Some(limit) => Ok(Some(limit)),
            None => {
                let known = prices.limits(&self.provider, &self.model).output;
                let room = DEFAULT_MAX_TOKENS.saturating_add(budget);
                Ok(Some(known.map_or(room, |known| known.min(room))))
            }
        }
    }

    fn extra(&self, wire: Wire) -> Result<Map<String, Value>, String> {
        let mut extra = Map::new();
        for (name, value) in &self.options {
            let sampling = SAMPLING.iter().find(|(known, _)| known == name);
            let fits = match (name.as_str(), sampling) {
                ("api_type", _) => value.is_string(),
                ("api_version", _) => value.is_string() || value.is_number(),
                ("interleaved_thinking", _) => value.is_boolean(),
                (_, Some(_)) => value.is_number(),
                _ => {
                    let known = OTHER_OPTIONS.into_iter().chain(SAMPLING.map(|(name, _)| name));
                    let hint = nearest(name, known.clone())
                        .unwrap_or_else(|| format!("known: {}", known.collect::<Vec<_>>().join(", ")));
                    return Err(format!("unknown provider_opts.{name} ({hint})"));
                }
            };
            let taken = match (name.as_str(), sampling) {
                ("api_version", _) => self.provider == "azure",
                ("interleaved_thinking", _) => wire == Wire::Messages,
                (_, Some((_, wires))) => wires.contains(&wire),
                _ => true,
            };
            match (fits, taken) {
                (false, _) => return Err(format!("provider_opts.{name} cannot be {value}")),
                (_, false) => {
                    return Err(format!("provider_opts.{name} means nothing to {} ({wire})", self.provider));
                }
                (true, true) => {}
            }
            if sampling.is_some() {
                extra.insert(name.clone(), value.clone());
            }
        }
        Ok(extra)
    }
}

/// Tells whether an OpenAI model thinks before it answers.
fn thinks(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|prefix| model.starts_with(prefix)) || model.contains("codex")
}
