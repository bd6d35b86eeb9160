//! The wire format of OpenAI's responses: requests out, streamed answers in. No I/O.
//!
//! Format: <https://platform.openai.com/docs/api-reference/responses>. Nothing is stored at the provider: the whole
//! conversation is sent each time, and thoughts travel encrypted, back to the model that had them.
//! Items are told apart by their place in the output; servers that do not count are followed by item id.

mod decode;

use serde_json::{Map, Value, json};

pub use decode::Decoder;

use super::parts::{Part, parts};
use super::{Message, OutputSchema, Request, Thinking, ToolDefinition};

/// Writes the body of a request.
#[must_use]
pub fn encode(request: &Request<'_>) -> Value {
    let parameters = request.parameters;
    let (instructions, rest) = leading_instructions(request.messages);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(parameters.model));
    body.insert("input".to_owned(), rest.iter().flat_map(|message| items(message, request)).collect());
    body.insert("stream".to_owned(), json!(true));
    body.insert("store".to_owned(), json!(false));
    let effort = match parameters.thinking {
        Some(Thinking::Effort(effort)) => Some(json!({ "effort": effort.word() })),
        Some(Thinking::Tokens(_) | Thinking::Adaptive) | None => None,
    };
    let optional = [
        ("instructions", instructions.map(|text| json!(text))),
        // Models that do not think refuse to be asked for their thoughts.
        ("include", parameters.keeps_reasoning.then(|| json!(["reasoning.encrypted_content"]))),
        ("temperature", parameters.sampling.temperature.map(|v| json!(v))),
        ("top_p", parameters.sampling.top_p.map(|v| json!(v))),
        ("max_output_tokens", parameters.max_tokens.map(|v| json!(v))),
        ("reasoning", effort),
        ("text", parameters.output.as_ref().map(|output| json!({ "format": format(output) }))),
    ];
    body.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        if let Some(parallel) = parameters.parallel_tool_calls {
            body.insert("parallel_tool_calls".to_owned(), json!(parallel));
        }
    }
    Value::Object(body)
}

/// Splits off the system messages that a conversation begins with.
fn leading_instructions(messages: &[Message]) -> (Option<String>, &[Message]) {
    let mut texts = Vec::new();
    let mut rest = messages;
    while let [Message::System(text), more @ ..] = rest {
        texts.push(text.as_str());
        rest = more;
    }
    ((!texts.is_empty()).then(|| texts.join("\n\n")), rest)
}

fn items(message: &Message, request: &Request<'_>) -> Vec<Value> {
    match message {
        Message::System(text) => vec![said("system", "input_text", text)],
        Message::User(text) => vec![said("user", "input_text", text)],
        Message::Tool { call_id, text } => {
            vec![json!({ "type": "function_call_output", "call_id": call_id, "output": text })]
        }
        Message::Assistant { text, calls, reasoning } => {
            let parts = parts(text, calls, reasoning, &request.parameters.origin);
            parts.into_iter().map(answer_item).collect()
        }
    }
}

fn answer_item(part: Part<'_>) -> Value {
    match part {
        Part::Thought(thought) => thought.clone(),
        Part::Text(text) => said("assistant", "output_text", text),
        Part::Call(call) => json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments_text(),
        }),
    }
}

fn said(role: &str, kind: &str, text: &str) -> Value {
    json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] })
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        // The default is strict, which only takes schemas that require every property.
        "strict": false,
    })
}

fn format(output: &OutputSchema) -> Value {
    let mut format = json!({
        "type": "json_schema", "name": output.name, "schema": output.schema, "strict": output.strict,
    });
    if let Some(description) = &output.description {
        format["description"] = json!(description);
    }
    format
}
