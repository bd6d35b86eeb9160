//! The wire format of Anthropic's messages: requests out, streamed answers in. No I/O.
//!
//! Format: <https://docs.claude.com/en/api/messages>. Thinking blocks are kept with their signatures and go back to
//! the model that signed them. Two cache marks are set: after what an agent is told to be (the tools before it
//! included), and at the end of the conversation, so that each request reads what the one before has written.

mod decode;

use serde_json::{Map, Value, json};

pub use decode::Decoder;

use super::parts::{Part, parts};
use super::{Effort, Message, Parameters, Request, Thinking, ToolDefinition};

/// The limit of an answer where neither the file nor the price catalogue knows one.
pub const DEFAULT_MAX_TOKENS: u64 = 32_000;

/// The smallest budget for thoughts that the format takes.
pub const MIN_THINKING_TOKENS: u64 = 1_024;

/// Writes the body of a request.
#[must_use]
pub fn encode(request: &Request<'_>) -> Value {
    let parameters = request.parameters;
    let (system, rest) = split_system(request.messages);
    let mut messages = turns(rest, parameters);
    let mut tools: Vec<Value> = request.tools.iter().map(tool).collect();
    if let (true, Some(last)) = (system.is_empty(), tools.last_mut()) {
        mark(last);
    }
    if let Some(last) = messages.last_mut().filter(|last| last["role"] == "user")
        && let Some(block) = last["content"].as_array_mut().and_then(|blocks| blocks.last_mut())
    {
        mark(block);
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(parameters.model));
    body.insert("max_tokens".to_owned(), json!(parameters.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)));
    body.insert("stream".to_owned(), json!(true));
    if !system.is_empty() {
        let mut block = json!({ "type": "text", "text": system });
        mark(&mut block);
        body.insert("system".to_owned(), json!([block]));
    }
    body.insert("messages".to_owned(), Value::Array(messages));
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
        if parameters.parallel_tool_calls == Some(false) {
            let choice = json!({ "type": "auto", "disable_parallel_tool_use": true });
            body.insert("tool_choice".to_owned(), choice);
        }
    }
    body.extend(
        [("temperature", parameters.sampling.temperature), ("top_p", parameters.sampling.top_p)]
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))),
    );
    body.extend(thinking(request).map(|thinking| ("thinking".to_owned(), thinking)));
    body.extend(parameters.extra.clone());
    let output = output_config(parameters);
    if !output.is_empty() {
        body.insert("output_config".to_owned(), Value::Object(output));
    }
    Value::Object(body)
}

fn thinking(request: &Request<'_>) -> Option<Value> {
    match request.parameters.thinking? {
        Thinking::Effort(_) | Thinking::Adaptive => Some(json!({ "type": "adaptive" })),
        Thinking::Tokens(tokens) => round_thinks(request.messages, request.parameters)
            .then(|| json!({ "type": "enabled", "budget_tokens": tokens })),
    }
}

/// Tells whether every answer since the user last spoke begins with a thought of this model.
///
/// With a fixed budget the provider demands it of answers with tool calls; an answer of another model (a fallback)
/// has none, and the rest of the round then goes on without thinking.
fn round_thinks(messages: &[Message], parameters: &Parameters) -> bool {
    let said = messages.iter().rposition(|message| matches!(message, Message::User(_)));
    messages[said.unwrap_or(0)..].iter().all(|message| match message {
        Message::Assistant { calls, reasoning, .. } => {
            calls.is_empty() || reasoning.iter().any(|thought| thought.origin == parameters.origin)
        }
        _ => true,
    })
}

fn output_config(parameters: &Parameters) -> Map<String, Value> {
    let mut config = Map::new();
    if let Some(Thinking::Effort(effort)) = parameters.thinking {
        // The format knows nothing below `low`.
        let word = if effort == Effort::Minimal { Effort::Low.word() } else { effort.word() };
        config.insert("effort".to_owned(), json!(word));
    }
    if let Some(output) = &parameters.output {
        config.insert("format".to_owned(), json!({ "type": "json_schema", "schema": output.schema }));
    }
    config
}

/// All that an agent is told, and the conversation without it.
fn split_system(messages: &[Message]) -> (String, impl Iterator<Item = &Message>) {
    let texts = messages.iter().filter_map(|message| match message {
        Message::System(text) if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    });
    let system = texts.collect::<Vec<_>>().join("\n\n");
    (system, messages.iter().filter(|message| !matches!(message, Message::System(_))))
}

/// The conversation as turns of user and assistant; what one side says in a row is one turn.
fn turns<'a>(messages: impl Iterator<Item = &'a Message>, parameters: &Parameters) -> Vec<Value> {
    let mut turns: Vec<Value> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", text_block(text).into_iter().collect::<Vec<_>>()),
            Message::Tool { call_id, text } => ("user", vec![tool_result(call_id, text)]),
            Message::Assistant { text, calls, reasoning } => {
                let parts = parts(text, calls, reasoning, &parameters.origin);
                ("assistant", parts.into_iter().filter_map(answer_block).collect())
            }
        };
        if blocks.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some(last) if last["role"] == role => {
                if let Some(known) = last["content"].as_array_mut() {
                    known.extend(blocks);
                }
            }
            _ => turns.push(json!({ "role": role, "content": blocks })),
        }
    }
    turns
}

fn answer_block(part: Part<'_>) -> Option<Value> {
    match part {
        Part::Thought(thought) => Some(thought.clone()),
        Part::Text(text) => text_block(text),
        Part::Call(call) => {
            let input = call.arguments_object();
            Some(json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input }))
        }
    }
}

/// A block of text; the format refuses blank ones.
fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
}

fn tool_result(call_id: &str, text: &str) -> Value {
    let content: Vec<Value> = text_block(text).into_iter().collect();
    json!({ "type": "tool_result", "tool_use_id": call_id, "content": content })
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
}

/// Says that everything up to here may be cached.
fn mark(block: &mut Value) {
    block["cache_control"] = json!({ "type": "ephemeral" });
}
