//! The wire format of OpenAI-compatible chat completions: requests out, streamed answers in. No I/O.
//!
//! Format: <https://platform.openai.com/docs/api-reference/chat/create>; what other servers do differently is
//! said where it is handled. Every part of a chunk is optional, and one chunk may hold several of them.

use serde_json::{Map, Value, json};

use super::{
    Delta, FinishReason, Message, ProviderError, Reply, Request, ToolCall, ToolCallDelta, Usage, fenced,
};
use crate::sse::SseEvent;

/// Writes the body of a request.
#[must_use]
pub fn encode(request: &Request<'_>) -> Value {
    let parameters = request.parameters;
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(parameters.model));
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    body.insert("stream".to_owned(), json!(true));
    if parameters.include_usage {
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    let limit = if parameters.limit_is_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    let optional = [
        ("temperature", parameters.temperature.map(|v| json!(v))),
        ("top_p", parameters.top_p.map(|v| json!(v))),
        ("frequency_penalty", parameters.frequency_penalty.map(|v| json!(v))),
        ("presence_penalty", parameters.presence_penalty.map(|v| json!(v))),
        (limit, parameters.max_tokens.map(|v| json!(v))),
        ("reasoning_effort", parameters.reasoning_effort.as_ref().map(|v| json!(v))),
    ];
    body.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            })
        });
        body.insert("tools".to_owned(), tools.collect());
        // Servers refuse this member when there are no tools.
        if let Some(parallel) = parameters.parallel_tool_calls {
            body.insert("parallel_tool_calls".to_owned(), json!(parallel));
        }
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({ "role": "system", "content": text }),
        Message::User(text) => json!({ "role": "user", "content": text }),
        Message::Tool { call_id, text } => {
            json!({ "role": "tool", "tool_call_id": call_id, "content": text })
        }
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({ "role": "assistant", "content": text })
        }
        Message::Assistant { text, calls } => {
            let calls: Value = calls.iter().map(encode_call).collect();
            if text.is_empty() {
                json!({ "role": "assistant", "tool_calls": calls })
            } else {
                json!({ "role": "assistant", "content": text, "tool_calls": calls })
            }
        }
    }
}

fn encode_call(call: &ToolCall) -> Value {
    // llama.cpp answers 500 to every later request if one call in the history has arguments that are no JSON.
    let arguments = if is_object(&call.arguments) { call.arguments.as_str() } else { "{}" };
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": arguments },
    })
}

fn is_object(text: &str) -> bool {
    matches!(serde_json::from_str::<Value>(text), Ok(Value::Object(_)))
}

/// Reads one streamed answer, event by event.
#[derive(Debug, Default)]
pub struct Decoder {
    model_seen: bool,
}

impl Decoder {
    /// Takes one event and returns what it says, in order.
    pub fn feed(&mut self, event: &SseEvent) -> Vec<Delta> {
        let data = event.data.trim();
        if data == "[DONE]" {
            return vec![Delta::Done];
        }
        if data.is_empty() {
            return Vec::new();
        }
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            let text = "the provider sent an event that is not JSON".to_owned();
            return vec![Delta::Error(ProviderError::Protocol(text))];
        };
        if event.name == "error" || chunk.get("error").is_some_and(|error| !error.is_null()) {
            return vec![Delta::Error(ProviderError::from_stream(&chunk))];
        }
        let mut deltas = Vec::new();
        if let Some(model) = chunk.get("model").and_then(Value::as_str)
            && !model.is_empty()
            && !std::mem::replace(&mut self.model_seen, true)
        {
            deltas.push(Delta::Model(model.to_owned()));
        }
        if let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) {
            choice_deltas(choice, &mut deltas);
        }
        if let Some(usage) = chunk.get("usage").and_then(usage) {
            deltas.push(Delta::Usage(usage));
        }
        deltas
    }
}

fn choice_deltas(choice: &Value, deltas: &mut Vec<Delta>) {
    // A server that ignores `stream` sends `message` where a stream has `delta`.
    let delta = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
    let text_of = |key: &str| delta.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(text) = text_of("reasoning_content").or_else(|| text_of("reasoning")) {
        deltas.push(Delta::Reasoning(text.to_owned()));
    }
    match delta.get("content") {
        Some(Value::String(text)) if !text.is_empty() => deltas.push(Delta::Text(text.clone())),
        // Mistral's reasoning models send a list of parts.
        Some(Value::Array(parts)) => deltas.extend(parts.iter().filter_map(part)),
        _ => {}
    }
    if let Some(text) = text_of("refusal") {
        deltas.push(Delta::Text(text.to_owned()));
    }
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let function = call.get("function").unwrap_or(&Value::Null);
        let text = |value: Option<&Value>| {
            value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => text.clone(),
            // Some servers send the object itself.
            Some(object @ Value::Object(_)) => object.to_string(),
            _ => String::new(),
        };
        deltas.push(Delta::ToolCall(ToolCallDelta {
            index: call.get("index").and_then(Value::as_u64),
            id: text(call.get("id")),
            name: text(function.get("name")),
            arguments,
        }));
    }
    let finish = match choice.get("finish_reason").and_then(Value::as_str) {
        None | Some("") => None,
        Some("length" | "model_length" | "max_tokens") => Some(FinishReason::Length),
        Some("tool_calls" | "function_call") => Some(FinishReason::ToolCalls),
        Some("content_filter") => Some(FinishReason::ContentFilter),
        Some(_) => Some(FinishReason::Stop),
    };
    deltas.extend(finish.map(Delta::Finish));
}

fn part(part: &Value) -> Option<Delta> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => Some(Delta::Text(part.get("text")?.as_str()?.to_owned())),
        Some("thinking") => {
            let inner = part.get("thinking")?.as_array()?;
            let text: String = inner.iter().filter_map(|piece| piece.get("text")?.as_str()).collect();
            Some(Delta::Reasoning(text))
        }
        _ => None,
    }
}

fn usage(usage: &Value) -> Option<Usage> {
    let count =
        |path: &[&str]| path.iter().try_fold(usage, |value, key| value.get(key)).and_then(Value::as_u64);
    let input = count(&["prompt_tokens"])?;
    let visible = count(&["completion_tokens"]).unwrap_or(0);
    let reasoning = count(&["completion_tokens_details", "reasoning_tokens"]).unwrap_or(0);
    // OpenAI counts thoughts into `completion_tokens`, xAI beside it; the total tells which it is.
    let beside = count(&["total_tokens"]).is_some_and(|total| total == input + visible + reasoning);
    let output = if beside { visible + reasoning } else { visible };
    let cached = count(&["prompt_tokens_details", "cached_tokens"])
        .or_else(|| count(&["prompt_cache_hit_tokens"]))
        .unwrap_or(0);
    Some(Usage { input, output, cached: cached.min(input), reasoning: reasoning.min(output) })
}

/// Puts the pieces of one answer together.
#[derive(Debug, Default)]
pub struct Assembler {
    reply: Reply,
    indexes: Vec<Option<u64>>,
}

impl Assembler {
    /// Adds a piece.
    pub fn add(&mut self, delta: &Delta) {
        match delta {
            Delta::Model(model) => self.reply.model = Some(model.clone()),
            Delta::Text(text) => self.reply.text.push_str(text),
            Delta::ToolCall(call) => self.add_call(call),
            Delta::Usage(usage) => self.reply.usage = Some(*usage),
            Delta::Finish(finish) => self.reply.finish = Some(*finish),
            Delta::Reasoning(_) | Delta::Error(_) | Delta::Done => {}
        }
    }

    /// Tells whether something arrived that only a whole answer has.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.reply.finish.is_some()
    }

    /// Ends the answer: finds calls in the text, gives ids where they are missing or doubled.
    ///
    /// `next_id` gives a fresh id for this conversation.
    #[must_use]
    pub fn finish(self, tools: &[super::ToolDefinition], mut next_id: impl FnMut() -> String) -> Reply {
        let mut reply = self.reply;
        if reply.calls.is_empty()
            && reply.finish != Some(FinishReason::Length)
            && let Some((text, calls)) = fenced::take(&reply.text, tools)
        {
            reply.text = text;
            reply.calls = calls;
        }
        let mut seen = std::collections::BTreeSet::new();
        for call in &mut reply.calls {
            if call.id.is_empty() || !seen.insert(call.id.clone()) {
                call.id = next_id();
                seen.insert(call.id.clone());
            }
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
        }
        reply
    }

    fn add_call(&mut self, delta: &ToolCallDelta) {
        let position = match (delta.index, &delta.id) {
            (Some(index), _) => self.indexes.iter().rposition(|known| *known == Some(index)),
            (None, Some(id)) => self.reply.calls.iter().rposition(|call| call.id == *id),
            (None, None) => self.reply.calls.len().checked_sub(1),
        };
        // Some servers number every call 0: another id with a name of its own is another call.
        let position = position.filter(|&position| {
            let known = &self.reply.calls[position].id;
            let other = delta.id.as_ref().is_some_and(|id| !known.is_empty() && id != known);
            !(other && delta.name.is_some())
        });
        let position = position.unwrap_or_else(|| {
            self.reply.calls.push(ToolCall::default());
            self.indexes.push(delta.index);
            self.reply.calls.len() - 1
        });
        let call = &mut self.reply.calls[position];
        if let Some(id) = &delta.id
            && call.id.is_empty()
        {
            call.id.clone_from(id);
        }
        if let Some(name) = &delta.name
            && call.name.is_empty()
        {
            call.name.clone_from(name);
        }
        call.arguments.push_str(&delta.arguments);
    }
}
