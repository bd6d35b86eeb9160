//! Reads streamed responses.
//!
//! Every part comes up to three times: in pieces, whole when its item ends, and again in the last event. What has
//! been handed on is remembered, so that servers which leave out one or the other are understood alike.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::wire::{arguments_of, more_arguments, opened, text_of};
use super::super::{Delta, FinishReason, ProviderError, ToolCallDelta, Usage};
use crate::sse::SseEvent;

/// Reads one streamed answer, event by event.
#[derive(Debug, Default)]
pub struct Decoder {
    model_seen: bool,
    items: Vec<Item>,
    positions: BTreeMap<Key, usize>,
    thought_before: bool,
}

/// What was handed on of one item of the output.
#[derive(Debug, Default)]
struct Item {
    call: bool,
    named: bool,
    text: bool,
    arguments: bool,
    whole: bool,
}

/// What tells items apart: their place, or what they are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Index(u64),
    Id(String),
}

impl Decoder {
    /// Takes one event and returns what it says, in order.
    pub fn feed(&mut self, event: &SseEvent) -> Vec<Delta> {
        opened(event, |data| self.read(event, &data))
    }

    fn read(&mut self, event: &SseEvent, data: &Value) -> Vec<Delta> {
        let mut deltas = Vec::new();
        match kind(data, event) {
            "response.created" | "response.in_progress" => self.model(&data["response"], &mut deltas),
            "response.output_item.added" => self.item_added(data, &mut deltas),
            "response.output_text.delta" | "response.refusal.delta" => {
                self.text(data, text_of(&data["delta"]), &mut deltas);
            }
            "response.reasoning_summary_part.added" if !std::mem::replace(&mut self.thought_before, true) => {
            }
            "response.reasoning_summary_part.added" => deltas.push(Delta::Reasoning("\n\n".to_owned())),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                deltas.extend(text_of(&data["delta"]).map(Delta::Reasoning));
            }
            "response.function_call_arguments.delta" => {
                self.arguments(data, text_of(&data["delta"]), &mut deltas);
            }
            "response.function_call_arguments.done" => {
                self.whole_arguments(data, &data["arguments"], &mut deltas);
            }
            "response.output_item.done" => self.item_done(data, &mut deltas),
            "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
                self.end(&data["response"], &mut deltas);
            }
            "error" => deltas.push(Delta::Error(ProviderError::from_stream(data))),
            // A whole answer, from a server that does not stream.
            "response" => self.end(data, &mut deltas),
            _ if data.get("error").is_some_and(|error| !error.is_null()) => {
                deltas.push(Delta::Error(ProviderError::from_stream(data)));
            }
            _ => {}
        }
        deltas
    }

    fn model(&mut self, response: &Value, deltas: &mut Vec<Delta>) {
        if let Some(model) = text_of(&response["model"])
            && !std::mem::replace(&mut self.model_seen, true)
        {
            deltas.push(Delta::Model(model));
        }
    }

    fn item_added(&mut self, data: &Value, deltas: &mut Vec<Delta>) {
        let position = self.item(data);
        let item = &data["item"];
        if item["type"] == "function_call" {
            self.name_call(position, item, deltas);
        }
    }

    fn text(&mut self, data: &Value, text: Option<String>, deltas: &mut Vec<Delta>) {
        let position = self.item(data);
        if let Some(text) = text {
            self.items[position].text = true;
            deltas.push(Delta::Text(text));
        }
    }

    fn arguments(&mut self, data: &Value, arguments: Option<String>, deltas: &mut Vec<Delta>) {
        let position = self.item(data);
        if let Some(arguments) = arguments {
            let item = &mut self.items[position];
            item.arguments = true;
            item.call = true;
            deltas.push(more_arguments(index_of(position), arguments));
        }
    }

    /// Hands on the arguments of a call that did not come in pieces.
    fn whole_arguments(&mut self, data: &Value, arguments: &Value, deltas: &mut Vec<Delta>) {
        let position = self.item(data);
        if !self.items[position].arguments {
            self.arguments(data, arguments_of(arguments), deltas);
        }
    }

    /// Hands on what of a finished item was not handed on in pieces.
    fn item_done(&mut self, data: &Value, deltas: &mut Vec<Delta>) {
        let position = self.item(data);
        if std::mem::replace(&mut self.items[position].whole, true) {
            return;
        }
        let item = &data["item"];
        match item["type"].as_str() {
            Some("message") if !self.items[position].text => {
                let parts = item["content"].as_array().into_iter().flatten();
                let text: String =
                    parts.filter_map(|part| part["text"].as_str().or(part["refusal"].as_str())).collect();
                self.text(data, Some(text).filter(|text| !text.is_empty()), deltas);
            }
            Some("function_call") => {
                self.name_call(position, item, deltas);
                self.whole_arguments(data, &item["arguments"], deltas);
            }
            Some("reasoning") => deltas.extend(thought(item).map(Delta::Opaque)),
            _ => {}
        }
    }

    fn name_call(&mut self, position: usize, item: &Value, deltas: &mut Vec<Delta>) {
        self.items[position].call = true;
        let (id, name) = (text_of(&item["call_id"]).or_else(|| text_of(&item["id"])), text_of(&item["name"]));
        if name.is_some() && !std::mem::replace(&mut self.items[position].named, true) {
            let index = Some(index_of(position));
            deltas.push(Delta::ToolCall(ToolCallDelta { index, id, name, ..ToolCallDelta::default() }));
        }
    }

    fn end(&mut self, response: &Value, deltas: &mut Vec<Delta>) {
        self.model(response, deltas);
        // An answer that came in items is not read twice.
        let known = if self.items.iter().any(|item| item.whole) { self.items.len() } else { 0 };
        for (place, item) in response["output"].as_array().into_iter().flatten().enumerate().skip(known) {
            self.item_done(&json!({ "output_index": place, "item": item }), deltas);
        }
        deltas.extend(usage(&response["usage"]).map(Delta::Usage));
        let reason = response["incomplete_details"]["reason"].as_str();
        let called = self.items.iter().any(|item| item.call);
        match response["status"].as_str() {
            Some("failed" | "cancelled") => {
                deltas.push(Delta::Error(ProviderError::from_stream(response)));
                return;
            }
            Some("incomplete") if reason == Some("content_filter") => {
                deltas.push(Delta::Finish(FinishReason::ContentFilter));
            }
            Some("incomplete") => deltas.push(Delta::Finish(FinishReason::Length)),
            _ if called => deltas.push(Delta::Finish(FinishReason::ToolCalls)),
            _ => deltas.push(Delta::Finish(FinishReason::Stop)),
        }
        deltas.push(Delta::Done);
    }

    /// The item that an event speaks of; a new one if it was not spoken of before.
    fn item(&mut self, data: &Value) -> usize {
        let id = text_of(&data["item_id"]).or_else(|| text_of(&data["item"]["id"]));
        let key = match (data["output_index"].as_u64(), id, self.items.len()) {
            (Some(index), _, _) => Key::Index(index),
            (None, Some(id), _) => Key::Id(id),
            (None, None, 0) => Key::Index(0),
            // Nothing to go by: what comes belongs to what came last.
            (None, None, known) => return known - 1,
        };
        let next = self.items.len();
        let position = *self.positions.entry(key).or_insert(next);
        if position == next {
            self.items.push(Item::default());
        }
        position
    }
}

fn kind<'a>(data: &'a Value, event: &'a SseEvent) -> &'a str {
    let named = data["type"].as_str().filter(|kind| !kind.is_empty());
    named.or_else(|| data["object"].as_str().filter(|_| event.name.is_empty())).unwrap_or(&event.name)
}

fn index_of(position: usize) -> u64 {
    u64::try_from(position).unwrap_or(u64::MAX)
}

/// A thought that can be sent back: only an encrypted one means anything to a provider that stores nothing.
fn thought(item: &Value) -> Option<Value> {
    text_of(&item["encrypted_content"])?;
    let mut thought = item.clone();
    thought.as_object_mut()?.remove("status");
    Some(thought)
}

fn usage(usage: &Value) -> Option<Usage> {
    let input = usage["input_tokens"].as_u64()?;
    let output = usage["output_tokens"].as_u64().unwrap_or(0);
    let details = &usage["input_tokens_details"];
    Some(Usage {
        input,
        output,
        cache_read: details["cached_tokens"].as_u64().unwrap_or(0).min(input),
        cache_write: details["cache_write_tokens"].as_u64().unwrap_or(0).min(input),
        reasoning: usage["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap_or(0).min(output),
    })
}
