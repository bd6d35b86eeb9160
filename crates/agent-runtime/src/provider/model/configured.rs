//! What an agent file says about models, in the terms of providers.

use std::collections::BTreeMap;

use super::{CustomProvider, ModelSettings, Sampling};
use crate::config::{self, ApiType, Config, ModelConfig, ProviderConfig, StructuredOutput, ThinkingBudget};
use crate::provider::{Effort, OutputSchema, Thinking, Wire};

impl ModelSettings {
    /// Reads a model of a file.
    #[must_use]
    pub fn from_config(config: &Config, model: &ModelConfig) -> Self {
        let provider = config.provider(&model.provider);
        Self {
            name: model.name.clone(),
            provider: model.provider.clone(),
            model: model.model.clone(),
            custom: provider.map(|custom| CustomProvider {
                base_url: custom.base_url.clone(),
                token_key: custom.token_key.clone(),
                wire: Some(wire(custom.api_type)),
            }),
            base_url: model.base_url.clone(),
            token_key: model.token_key.clone(),
            sampling: Sampling {
                temperature: model.temperature,
                top_p: model.top_p,
                frequency_penalty: model.frequency_penalty,
                presence_penalty: model.presence_penalty,
            },
            max_tokens: model.max_tokens,
            parallel_tool_calls: model.parallel_tool_calls,
            track_usage: model.track_usage,
            thinking: model.thinking_budget.and_then(thinking),
            output: None,
            headers: headers(provider, model),
            options: model.provider_opts.clone(),
        }
    }
}

impl From<&StructuredOutput> for OutputSchema {
    fn from(output: &StructuredOutput) -> Self {
        Self {
            name: output.name.clone(),
            description: Some(output.description.clone()).filter(|text| !text.is_empty()),
            schema: output.schema.clone(),
            strict: output.strict,
        }
    }
}

/// A model's own headers beat those of its provider, however they are spelled.
fn headers(provider: Option<&ProviderConfig>, model: &ModelConfig) -> BTreeMap<String, String> {
    let of_provider = provider.into_iter().flat_map(|provider| &provider.headers);
    let all = of_provider.chain(&model.headers);
    all.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn wire(api_type: ApiType) -> Wire {
    match api_type {
        ApiType::ChatCompletions => Wire::ChatCompletions,
        ApiType::Responses => Wire::Responses,
        ApiType::Messages => Wire::Messages,
    }
}

fn thinking(budget: ThinkingBudget) -> Option<Thinking> {
    match budget {
        ThinkingBudget::Off => None,
        ThinkingBudget::Effort(effort) => Some(effort_of(effort)),
        // -1 leaves the number to the model; other negative numbers are less than any model takes.
        ThinkingBudget::Tokens(-1) => Some(Thinking::Adaptive),
        ThinkingBudget::Tokens(tokens) => Some(Thinking::Tokens(u64::try_from(tokens).unwrap_or(0))),
    }
}

fn effort_of(effort: config::Effort) -> Thinking {
    match effort {
        config::Effort::Minimal => Thinking::Effort(Effort::Minimal),
        config::Effort::Low => Thinking::Effort(Effort::Low),
        config::Effort::Medium => Thinking::Effort(Effort::Medium),
        config::Effort::High => Thinking::Effort(Effort::High),
        config::Effort::ExtraHigh => Thinking::Effort(Effort::Xhigh),
        config::Effort::Max => Thinking::Effort(Effort::Max),
        config::Effort::Adaptive => Thinking::Adaptive,
    }
}
