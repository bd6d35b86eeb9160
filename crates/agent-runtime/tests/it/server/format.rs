//! The same answers in each wire format: what a test of all of them says once.

use serde_json::{Value, json};

use super::{Script, chunk, done};

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Chat,
    Responses,
    Messages,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// The lines of an agent file that choose this format for the model at `base_url`.
    pub fn model(self, base_url: &str) -> String {
        let (provider, model, api_type) = match self {
            Self::Chat => ("openai", "gpt-4o", "openai_chatcompletions"),
            Self::Responses => ("openai", "gpt-4.1", "openai_responses"),
            Self::Messages => ("anthropic", "claude-sonnet-4-5", "anthropic_messages"),
        };
        format!(
            "provider: {provider}, model: {model}, base_url: '{base_url}', provider_opts: {{ api_type: {api_type} }}"
        )
    }

    /// The model that answers say they come from.
    pub fn answers_as(self) -> &'static str {
        match self {
            Self::Chat => "gpt-4o",
            Self::Responses => "gpt-4.1-2025-04-14",
            Self::Messages => "claude-sonnet-4-5-20250929",
        }
    }

    /// The path of a request.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The events before anything is said.
    pub fn begin(self) -> Vec<String> {
        match self {
            Self::Chat => vec![chunk(json!({ "role": "assistant", "content": null }), None)],
            Self::Responses => {
                let response = json!({ "id": "resp_1", "status": "in_progress", "model": self.answers_as() });
                vec![
                    json!({ "type": "response.created", "response": response }).to_string(),
                    json!({ "type": "response.in_progress", "response": response }).to_string(),
                ]
            }
            Self::Messages => vec![
                json!({ "type": "message_start", "message": {
                    "id": "msg_1", "type": "message", "role": "assistant", "model": self.answers_as(),
                    "content": [], "stop_reason": null,
                    "usage": {
                        "input_tokens": 60, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10,
                        "output_tokens": 1,
                    },
                } })
                .to_string(),
                json!({ "type": "ping" }).to_string(),
            ],
        }
    }

    /// A text, in two pieces.
    pub fn text(self, index: u64, text: &str) -> Vec<String> {
        let (left, right) = text.split_at(text.char_indices().nth(1).map_or(text.len(), |(at, _)| at));
        match self {
            Self::Chat => [left, right].iter().map(|part| chunk(json!({ "content": part }), None)).collect(),
            Self::Responses => {
                let id = format!("msg_{index}");
                let piece = |part: &str| {
                    json!({ "type": "response.output_text.delta", "item_id": id, "output_index": index, "content_index": 0, "delta": part })
                        .to_string()
                };
                let item = |content: Value, status: &str| json!({ "id": id, "type": "message", "role": "assistant", "status": status, "content": content });
                vec![
                    json!({ "type": "response.output_item.added", "output_index": index, "item": item(json!([]), "in_progress") }).to_string(),
                    piece(left),
                    piece(right),
                    json!({ "type": "response.output_text.done", "item_id": id, "output_index": index, "content_index": 0, "text": text }).to_string(),
                    json!({ "type": "response.output_item.done", "output_index": index, "item": item(json!([{ "type": "output_text", "text": text }]), "completed") }).to_string(),
                ]
            }
            Self::Messages => {
                let piece = |part: &str| {
                    json!({ "type": "content_block_delta", "index": index, "delta": { "type": "text_delta", "text": part } })
                        .to_string()
                };
                vec![
                    json!({ "type": "content_block_start", "index": index, "content_block": { "type": "text", "text": "" } }).to_string(),
                    piece(left),
                    piece(right),
                    json!({ "type": "content_block_stop", "index": index }).to_string(),
                ]
            }
        }
    }

    /// A call: its beginning, the pieces of its arguments, its end.
    pub fn call(self, index: u64, id: &str, name: &str, pieces: &[&str]) -> Vec<String> {
        let whole = pieces.concat();
        match self {
            Self::Chat => {
                let begin = json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "" } });
                let more =
                    pieces.iter().map(|piece| json!({ "index": index, "function": { "arguments": piece } }));
                std::iter::once(begin)
                    .chain(more)
                    .map(|call| chunk(json!({ "tool_calls": [call] }), None))
                    .collect()
            }
            Self::Responses => {
                let item_id = format!("fc_{index}");
                let item = |arguments: &str| json!({ "id": item_id, "type": "function_call", "call_id": id, "name": name, "arguments": arguments });
                let mut events = vec![
                    json!({ "type": "response.output_item.added", "output_index": index, "item": item("") })
                        .to_string(),
                ];
                events.extend(pieces.iter().map(|piece| {
                    json!({ "type": "response.function_call_arguments.delta", "item_id": item_id, "output_index": index, "delta": piece })
                        .to_string()
                }));
                events.push(json!({ "type": "response.function_call_arguments.done", "item_id": item_id, "output_index": index, "arguments": whole }).to_string());
                events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item(&whole) }).to_string());
                events
            }
            Self::Messages => {
                let mut events = vec![
                    json!({ "type": "content_block_start", "index": index, "content_block": { "type": "tool_use", "id": id, "name": name, "input": {} } }).to_string(),
                ];
                events.extend(pieces.iter().map(|piece| {
                    json!({ "type": "content_block_delta", "index": index, "delta": { "type": "input_json_delta", "partial_json": piece } })
                        .to_string()
                }));
                events.push(json!({ "type": "content_block_stop", "index": index }).to_string());
                events
            }
        }
    }

    /// The events after everything was said: 100 tokens read, 30 of them from a cache, 20 written.
    pub fn end(self, why: End) -> Vec<String> {
        match self {
            Self::Chat => {
                let reason = match why {
                    End::Said => "stop",
                    End::Calls => "tool_calls",
                    End::Cut => "length",
                };
                let usage = json!({ "model": "gpt-4o", "choices": [], "usage": {
                    "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
                    "prompt_tokens_details": { "cached_tokens": 30 },
                } });
                vec![chunk(json!({}), Some(reason)), usage.to_string(), done()]
            }
            Self::Responses => {
                let usage = json!({
                    "input_tokens": 100, "input_tokens_details": { "cached_tokens": 30 },
                    "output_tokens": 20, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 120,
                });
                let mut response =
                    json!({ "id": "resp_1", "model": self.answers_as(), "usage": usage, "output": [] });
                let kind = match why {
                    End::Said | End::Calls => {
                        response["status"] = json!("completed");
                        "response.completed"
                    }
                    End::Cut => {
                        response["status"] = json!("incomplete");
                        response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
                        "response.incomplete"
                    }
                };
                vec![json!({ "type": kind, "response": response }).to_string()]
            }
            Self::Messages => {
                let reason = match why {
                    End::Said => "end_turn",
                    End::Calls => "tool_use",
                    End::Cut => "max_tokens",
                };
                vec![
                    json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": { "output_tokens": 20 } }).to_string(),
                    json!({ "type": "message_stop" }).to_string(),
                ]
            }
        }
    }

    /// A whole answer of text.
    pub fn says(self, text: &str) -> Script {
        Script::Events([self.begin(), self.text(0, text), self.end(End::Said)].concat())
    }

    /// A whole answer that asks for tools.
    pub fn calls(self, calls: &[(&str, &str, Value)]) -> Script {
        let calls = calls.iter().enumerate().map(|(index, (id, name, arguments))| {
            let text = arguments.to_string();
            let (left, right) = text.split_at(1);
            self.call(index as u64, id, name, &[left, right])
        });
        Script::Events([self.begin(), calls.flatten().collect(), self.end(End::Calls)].concat())
    }

    /// An error in the middle of a stream.
    pub fn error(self, kind: &str, text: &str) -> String {
        match self {
            Self::Chat => json!({ "error": { "type": kind, "message": text, "code": null } }),
            Self::Responses => json!({ "type": "error", "code": kind, "message": text, "param": null }),
            Self::Messages => json!({ "type": "error", "error": { "type": kind, "message": text } }),
        }
        .to_string()
    }

    /// The number of the tool results in a request.
    pub fn results(self, body: &Value) -> Vec<Value> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match self {
            Self::Chat => list(&body["messages"]).into_iter().filter(|m| m["role"] == "tool").collect(),
            Self::Responses => list(&body["input"])
                .into_iter()
                .filter(|item| item["type"] == "function_call_output")
                .collect(),
            Self::Messages => {
                let blocks = list(&body["messages"]).into_iter().flat_map(|turn| list(&turn["content"]));
                blocks.filter(|block| block["type"] == "tool_result").collect()
            }
        }
    }
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Said,
    Calls,
    Cut,
}
