//! What a request is matched by, the same for every wire format.
//!
//! Formats pack a conversation differently: several answers of tools may be one message or many, an answer of a model
//! may be one message or many items. Counted is what was said: every text of the user, every answer of the model,
//! every answer of a tool.

use serde_json::Value;

use crate::provider::endpoint::path_of;

/// What a request is matched by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    path: String,
    last_user_message: Option<String>,
    messages: usize,
}

/// One thing that was said.
enum Said {
    User(String),
    Model,
    Tool,
}

impl Key {
    pub(super) fn of(url: &str, body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let said = conversation(&body);
        let last_user_message = said.iter().rev().find_map(|said| match said {
            Said::User(text) => Some(text.clone()),
            Said::Model | Said::Tool => None,
        });
        Self { path: path_of(url).to_owned(), last_user_message, messages: said.len() }
    }

    pub(super) fn describe(&self) -> String {
        let said = match &self.last_user_message {
            Some(text) => {
                let short: String = text.chars().take(60).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                format!("last user message {:?}", format!("{short}{dots}"))
            }
            None => "no user message".to_owned(),
        };
        format!("{} with {} messages, {said}", self.path, self.messages)
    }
}

fn conversation(body: &Value) -> Vec<Said> {
    if let Some(text) = body.get("input").and_then(Value::as_str) {
        return vec![Said::User(text.trim().to_owned())];
    }
    let entries = body.get("messages").or_else(|| body.get("input")).and_then(Value::as_array);
    let is_items = body.get("messages").is_none();
    let mut said = Vec::new();
    for entry in entries.into_iter().flatten() {
        let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        match (word("role"), word("type")) {
            ("system" | "developer", _) => {}
            ("user", _) => user_said(entry, &mut said),
            ("tool", _) | (_, "function_call_output") => said.push(Said::Tool),
            // Thoughts, text and calls that follow each other are one answer.
            _ if is_items && matches!(said.last(), Some(Said::Model)) => {}
            _ => said.push(Said::Model),
        }
    }
    said
}

/// A message of the user; Anthropic's format packs the answers of tools into it.
fn user_said(message: &Value, said: &mut Vec<Said>) {
    let parts = message.get("content").and_then(Value::as_array);
    let answers = parts.into_iter().flatten().filter(|part| part["type"] == "tool_result").count();
    said.extend((0..answers).map(|_| Said::Tool));
    let text = text(message);
    if answers == 0 || !text.is_empty() {
        said.push(Said::User(text));
    }
}

/// The text of a message: a string, or the text parts of a list.
fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Array(parts)) => {
            let parts: String = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            parts.trim().to_owned()
        }
        _ => String::new(),
    }
}
