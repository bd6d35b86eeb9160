//! The wire format of OpenAI-compatible chat completions: requests out, streamed answers in. No I/O.
//!
//! Format: <https://platform.openai.com/docs/api-reference/chat/create>; what other servers do differently is
//! said where it is handled. Every part of a chunk is optional, and one chunk may hold several of them.

use serde_json::{Map, Value, json};

use super::wire::{arguments_of, opened, text_of};
use super::{
    Delta, FinishReason, Message, OutputSchema, ProviderError, Request, Thinking, ToolCall, ToolCallDelta,
    Usage,
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
    let effort = match parameters.thinking {
        Some(Thinking::Effort(effort)) => Some(effort),
        Some(Thinking::Tokens(_) | Thinking::Adaptive) | None => None,
    };
    let optional = [
        ("temperature", parameters.sampling.temperature.map(|v| json!(v))),
        ("top_p", parameters.sampling.top_p.map(|v| json!(v))),
        ("frequency_penalty", parameters.sampling.frequency_penalty.map(|v| json!(v))),
        ("presence_penalty", parameters.sampling.presence_penalty.map(|v| json!(v))),
        (limit, parameters.max_tokens.map(|v| json!(v))),
        ("reasoning_effort", effort.map(|v| json!(v.word()))),
        ("response_format", parameters.output.as_ref().map(response_format)),
    ];
    body.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    body.extend(parameters.extra.clone());
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

fn response_format(output: &OutputSchema) -> Value {
    let mut schema = json!({ "name": output.name, "schema": output.schema, "strict": output.strict });
    if let Some(description) = &output.description {
        schema["description"] = json!(description);
    }
    json!({ "type": "json_schema", "json_schema": schema })
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({ "role": "system", "content": text }),
        Message::User(text) => json!({ "role": "user", "content": text }),
        Message::Tool { call_id, text } => {
            json!({ "role": "tool", "tool_call_id": call_id, "content": text })
        }
        Message::Assistant { text, calls, .. } if calls.is_empty() => {
            json!({ "role": "assistant", "content": text })
        }
        Message::Assistant { text, calls, .. } => {
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
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments_text() },
    })
}

/// Reads one streamed answer, event by event.
#[derive(Debug, Default)]
pub struct Decoder {
    model_seen: bool,
}

impl Decoder {
    /// Takes one event and returns what it says, in order.
    pub fn feed(&mut self, event: &SseEvent) -> Vec<Delta> {
        opened(event, |chunk| self.read(event, &chunk))
    }

    fn read(&mut self, event: &SseEvent, chunk: &Value) -> Vec<Delta> {
        if event.name == "error" || chunk.get("error").is_some_and(|error| !error.is_null()) {
            return vec![Delta::Error(ProviderError::from_stream(chunk))];
        }
        let mut deltas = Vec::new();
        if let Some(model) = text_of(&chunk["model"])
            && !std::mem::replace(&mut self.model_seen, true)
        {
            deltas.push(Delta::Model(model));
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
    let thought = text_of(&delta["reasoning_content"]).or_else(|| text_of(&delta["reasoning"]));
    deltas.extend(thought.map(Delta::Reasoning));
    match delta.get("content") {
        Some(Value::String(text)) if !text.is_empty() => deltas.push(Delta::Text(text.clone())),
        // Mistral's reasoning models send a list of parts.
        Some(Value::Array(parts)) => deltas.extend(parts.iter().filter_map(part)),
        _ => {}
    }
    deltas.extend(text_of(&delta["refusal"]).map(Delta::Text));
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let function = &call["function"];
        deltas.push(Delta::ToolCall(ToolCallDelta {
            index: call["index"].as_u64(),
            id: text_of(&call["id"]),
            name: text_of(&function["name"]),
            arguments: arguments_of(&function["arguments"]).unwrap_or_default(),
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
    let together = visible.saturating_add(reasoning);
    let beside = count(&["total_tokens"]) == Some(input.saturating_add(together));
    let output = if beside { together } else { visible };
    let cached = count(&["prompt_tokens_details", "cached_tokens"])
        .or_else(|| count(&["prompt_cache_hit_tokens"]))
        .unwrap_or(0);
    let reasoning = reasoning.min(output);
    Some(Usage { input, output, cache_read: cached.min(input), cache_write: 0, reasoning })
}
