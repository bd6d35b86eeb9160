//! The wire formats behind one face: which one, what its address ends with, how it is written and read.

use std::fmt;

use serde_json::Value;

use super::{Delta, ProviderError, Request, ToolCallDelta, anthropic, chat_completions, responses};
use crate::sse::SseEvent;

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI's chat completions, which most servers speak.
    ChatCompletions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

/// Reads one streamed answer, event by event.
#[derive(Debug)]
pub enum Decoder {
    /// Chat completions.
    ChatCompletions(chat_completions::Decoder),
    /// Responses.
    Responses(responses::Decoder),
    /// Messages.
    Messages(anthropic::Decoder),
}

impl Wire {
    /// The format that a file calls by this `api_type`.
    #[must_use]
    pub fn from_api_type(api_type: &str) -> Option<Self> {
        match api_type {
            "openai_chatcompletions" => Some(Self::ChatCompletions),
            "openai_responses" => Some(Self::Responses),
            "anthropic_messages" => Some(Self::Messages),
            _ => None,
        }
    }

    /// What follows the base URL.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat/completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }

    /// Writes the body of a request.
    #[must_use]
    pub fn encode(self, request: &Request<'_>) -> Value {
        match self {
            Self::ChatCompletions => chat_completions::encode(request),
            Self::Responses => responses::encode(request),
            Self::Messages => anthropic::encode(request),
        }
    }

    /// A decoder for one answer.
    #[must_use]
    pub fn decoder(self) -> Decoder {
        match self {
            Self::ChatCompletions => Decoder::ChatCompletions(chat_completions::Decoder::default()),
            Self::Responses => Decoder::Responses(responses::Decoder::default()),
            Self::Messages => Decoder::Messages(anthropic::Decoder::default()),
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChatCompletions => "openai_chatcompletions",
            Self::Responses => "openai_responses",
            Self::Messages => "anthropic_messages",
        })
    }
}

impl Decoder {
    /// Takes one event and returns what it says, in order.
    pub fn feed(&mut self, event: &SseEvent) -> Vec<Delta> {
        match self {
            Self::ChatCompletions(decoder) => decoder.feed(event),
            Self::Responses(decoder) => decoder.feed(event),
            Self::Messages(decoder) => decoder.feed(event),
        }
    }
}

/// Opens an event: what is JSON is for the format to read, about the rest all formats agree.
pub(super) fn opened(event: &SseEvent, read: impl FnOnce(Value) -> Vec<Delta>) -> Vec<Delta> {
    match event.data.trim() {
        "" => Vec::new(),
        "[DONE]" => vec![Delta::Done],
        data => {
            serde_json::from_str(data).map_or_else(|_| vec![Delta::Error(ProviderError::rubbish())], read)
        }
    }
}

/// A text that says something.
pub(super) fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Arguments as text; some servers send the object itself.
pub(super) fn arguments_of(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) => Some(value.to_string()),
        _ => text_of(value),
    }
}

/// More of the arguments of a call that was begun.
pub(super) fn more_arguments(index: u64, arguments: String) -> Delta {
    Delta::ToolCall(ToolCallDelta { index: Some(index), arguments, ..ToolCallDelta::default() })
}
