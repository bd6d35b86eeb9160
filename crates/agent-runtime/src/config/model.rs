//! What a file says about models and providers.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::agent::ModelRef;
use super::written;
use crate::yaml::Position;

/// One entry of `models`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The key below `models`; `provider/model` for one that has no entry.
    #[serde(skip)]
    pub name: String,
    /// A provider that we know, or a key below `providers`, or any name beside a `base_url`.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Upper limit for an answer, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Frequency penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Presence penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Where the provider is, instead of its usual address.
    #[serde(serialize_with = "written::url", skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The variable that holds the key, instead of the provider's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_key: Option<String>,
    /// Headers of every request; `$NAME` and `${env.NAME}` not yet replaced.
    #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Whether the model may ask for several tools at once; absent leaves it to the provider, whose default is yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Whether to ask the provider for token counts; yes unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track_usage: Option<bool>,
    /// How long the model may think; absent leaves it to the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<ThinkingBudget>,
    /// Options that only some provider knows.
    #[serde(serialize_with = "written::options", skip_serializing_if = "Map::is_empty")]
    pub provider_opts: Map<String, Value>,
    /// Other models for messages like these; this one answers the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routing: Vec<RoutingRule>,
    /// Where the model stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// How long a model may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingBudget {
    /// Not at all: `0` or `none`.
    Off,
    /// As long as the provider takes this word to mean.
    Effort(Effort),
    /// Up to this many tokens; -1 leaves the number to the provider.
    Tokens(i64),
}

/// How much a model is to think, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words speak for themselves")]
#[non_exhaustive]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
    Max,
    Adaptive,
}

/// Other models for messages that are like examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoutingRule {
    /// The model that answers.
    pub model: ModelRef,
    /// Messages that it answers.
    pub examples: Vec<String>,
}

/// One entry of `providers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The key below `providers`.
    #[serde(skip)]
    pub name: String,
    /// Which API it speaks.
    pub api_type: ApiType,
    /// Where it is.
    #[serde(serialize_with = "written::required_url")]
    pub base_url: String,
    /// The variable that holds its key; none means no key is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_key: Option<String>,
    /// Headers of every request; `$NAME` and `${env.NAME}` not yet replaced.
    #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Where the provider stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// Which API a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ApiType {
    /// Chat completions.
    #[default]
    #[serde(rename = "openai_chatcompletions")]
    ChatCompletions,
    /// Responses.
    #[serde(rename = "openai_responses")]
    Responses,
    /// Anthropic's messages.
    #[serde(rename = "anthropic_messages")]
    Messages,
}

impl ApiType {
    /// The words of the schema.
    pub(super) const WORDS: &[(&str, Self)] = &[
        ("openai_chatcompletions", Self::ChatCompletions),
        ("openai_responses", Self::Responses),
        ("anthropic_messages", Self::Messages),
    ];
}

impl Effort {
    /// The words of the schema.
    pub(super) const WORDS: &[(&str, Self)] = &[
        ("minimal", Self::Minimal),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("xhigh", Self::ExtraHigh),
        ("max", Self::Max),
        ("adaptive", Self::Adaptive),
    ];

    /// The word that the schema and providers use.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, effort)| *effort == self).map_or("", |(word, _)| word)
    }
}

impl Serialize for ThinkingBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("none"),
            Self::Effort(effort) => serializer.serialize_str(effort.word()),
            Self::Tokens(count) => serializer.serialize_i64(*count),
        }
    }
}

impl written::Named for ModelConfig {
    fn name(&self) -> &str {
        &self.name
    }
}

impl written::Named for ProviderConfig {
    fn name(&self) -> &str {
        &self.name
    }
}
