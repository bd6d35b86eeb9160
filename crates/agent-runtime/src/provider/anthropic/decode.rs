//! Reads streamed messages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::wire::{more_arguments, opened, text_of};
use super::super::{Delta, FinishReason, ProviderError, ToolCallDelta, Usage};
use crate::sse::SseEvent;

/// Reads one streamed answer, event by event.
#[derive(Debug, Default)]
pub struct Decoder {
    counts: Counts,
    /// Open blocks by number; the format knows one at a time, not every server does.
    blocks: BTreeMap<u64, Block>,
    called: bool,
}

/// Token counts as the format splits them. They only ever grow, and some servers repeat them as zeros.
#[derive(Debug, Default)]
struct Counts {
    told: bool,
    fresh_input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

/// The block that is being read.
#[derive(Debug, Default)]
enum Block {
    /// One that needs nothing at its end.
    #[default]
    Plain,
    /// A thought and its signature.
    Thinking { text: String, signature: String },
    /// A call: the input that came with its beginning, if nothing follows.
    Call { input: Option<String> },
}

impl Decoder {
    /// Takes one event and returns what it says, in order.
    pub fn feed(&mut self, event: &SseEvent) -> Vec<Delta> {
        opened(event, |data| self.read(event, &data))
    }

    fn read(&mut self, event: &SseEvent, data: &Value) -> Vec<Delta> {
        let kind = data["type"].as_str().filter(|kind| !kind.is_empty()).unwrap_or(&event.name);
        let mut deltas = Vec::new();
        match kind {
            "message_start" => self.start(&data["message"], &mut deltas),
            "content_block_start" => self.open(data, &mut deltas),
            "content_block_delta" => self.piece(data, &mut deltas),
            "content_block_stop" => self.close(number(data), &mut deltas),
            "message_delta" => {
                self.close_all(&mut deltas);
                deltas.extend(self.counts.read(&data["usage"]).map(Delta::Usage));
                deltas.extend(self.finish(&data["delta"]["stop_reason"]).map(Delta::Finish));
            }
            "message_stop" => deltas.push(Delta::Done),
            "error" => deltas.push(Delta::Error(ProviderError::from_stream(data))),
            // A whole answer, from a server that does not stream.
            "message" => self.whole(data, &mut deltas),
            _ if data.get("error").is_some_and(|error| !error.is_null()) => {
                deltas.push(Delta::Error(ProviderError::from_stream(data)));
            }
            // `ping`, and whatever comes to be.
            _ => {}
        }
        deltas
    }

    fn start(&mut self, message: &Value, deltas: &mut Vec<Delta>) {
        deltas.extend(text_of(&message["model"]).map(Delta::Model));
        deltas.extend(self.counts.read(&message["usage"]).map(Delta::Usage));
    }

    fn open(&mut self, data: &Value, deltas: &mut Vec<Delta>) {
        let (index, block) = (number(data), &data["content_block"]);
        let opened = match block["type"].as_str() {
            Some("text") => {
                deltas.extend(text_of(&block["text"]).map(Delta::Text));
                Block::Plain
            }
            Some("thinking") => {
                let text = text_of(&block["thinking"]);
                deltas.extend(text.clone().map(Delta::Reasoning));
                let signature = text_of(&block["signature"]).unwrap_or_default();
                Block::Thinking { text: text.unwrap_or_default(), signature }
            }
            Some("redacted_thinking") => {
                deltas.push(Delta::Opaque(block.clone()));
                Block::Plain
            }
            Some("tool_use") => {
                self.called = true;
                deltas.push(Delta::ToolCall(ToolCallDelta {
                    index: Some(index),
                    id: text_of(&block["id"]),
                    name: text_of(&block["name"]),
                    arguments: String::new(),
                }));
                // Usually `{}`, with the real input in pieces; some servers send it whole and no pieces.
                let input = block["input"].as_object().filter(|input| !input.is_empty());
                Block::Call { input: input.map(|_| block["input"].to_string()) }
            }
            _ => Block::Plain,
        };
        self.blocks.insert(index, opened);
    }

    fn piece(&mut self, data: &Value, deltas: &mut Vec<Delta>) {
        let (index, delta) = (number(data), &data["delta"]);
        match (delta["type"].as_str(), self.blocks.entry(index).or_default()) {
            (Some("text_delta"), _) => deltas.extend(text_of(&delta["text"]).map(Delta::Text)),
            (Some("thinking_delta"), block) => {
                let more = text_of(&delta["thinking"]);
                if let (Block::Thinking { text, .. }, Some(more)) = (block, &more) {
                    text.push_str(more);
                }
                deltas.extend(more.map(Delta::Reasoning));
            }
            (Some("signature_delta"), Block::Thinking { signature, .. }) => {
                signature.push_str(delta["signature"].as_str().unwrap_or_default());
            }
            (Some("input_json_delta"), Block::Call { input }) => {
                if let Some(arguments) = text_of(&delta["partial_json"]) {
                    *input = None;
                    deltas.push(more_arguments(index, arguments));
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, index: u64, deltas: &mut Vec<Delta>) {
        match self.blocks.remove(&index) {
            None | Some(Block::Plain | Block::Call { input: None }) => {}
            Some(Block::Call { input: Some(arguments) }) => deltas.push(more_arguments(index, arguments)),
            // Without its signature a thought would be refused.
            Some(Block::Thinking { signature, .. }) if signature.is_empty() => {}
            Some(Block::Thinking { text, signature }) => deltas.push(Delta::Opaque(json!({
                "type": "thinking", "thinking": text, "signature": signature,
            }))),
        }
    }

    fn close_all(&mut self, deltas: &mut Vec<Delta>) {
        let open: Vec<u64> = self.blocks.keys().copied().collect();
        for index in open {
            self.close(index, deltas);
        }
    }

    fn whole(&mut self, message: &Value, deltas: &mut Vec<Delta>) {
        deltas.extend(text_of(&message["model"]).map(Delta::Model));
        for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
            self.open(&json!({ "index": index, "content_block": block }), deltas);
            self.close_all(deltas);
        }
        deltas.extend(self.counts.read(&message["usage"]).map(Delta::Usage));
        deltas.extend(self.finish(&message["stop_reason"]).map(Delta::Finish));
        deltas.push(Delta::Done);
    }

    fn finish(&self, reason: &Value) -> Option<FinishReason> {
        Some(match reason.as_str()? {
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "refusal" => FinishReason::ContentFilter,
            _ if self.called => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        })
    }
}

impl Counts {
    /// Takes what an event tells and returns all that was told so far.
    fn read(&mut self, usage: &Value) -> Option<Usage> {
        let mut take = |count: &mut u64, value: &Value| {
            if let Some(told) = value.as_u64() {
                *count = told.max(*count);
                self.told = true;
            }
        };
        take(&mut self.fresh_input, &usage["input_tokens"]);
        take(&mut self.cache_read, &usage["cache_read_input_tokens"]);
        take(&mut self.cache_write, &usage["cache_creation_input_tokens"]);
        take(&mut self.output, &usage["output_tokens"]);
        take(&mut self.reasoning, &usage["output_tokens_details"]["thinking_tokens"]);
        // The format counts cached tokens beside the input.
        let cached = self.cache_read.saturating_add(self.cache_write);
        self.told.then(|| Usage {
            input: self.fresh_input.saturating_add(cached),
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning.min(self.output),
        })
    }
}

fn number(data: &Value) -> u64 {
    data["index"].as_u64().unwrap_or(0)
}
