//! What providers refuse: each tool call has exactly one answer, after it, and no answer lacks its call; arguments in
//! the history are JSON objects; and what each format demands besides.

use std::collections::BTreeSet;

use serde_json::Value;

/// Notes what a provider would refuse about a request.
pub fn check(path: &str, body: &Value, problems: &mut Vec<String>) {
    let path = path.split('?').next().unwrap_or_default();
    if path.ends_with("/responses") {
        responses(body, problems);
    } else if path.ends_with("/messages") {
        messages(body, problems);
    } else {
        chat_completions(body, problems);
    }
}

/// Calls that wait for their answer.
#[derive(Default)]
struct Calls {
    open: Vec<String>,
    used: BTreeSet<String>,
}

impl Calls {
    fn made(&mut self, id: &Value, arguments: &Value, problems: &mut Vec<String>) {
        let id = id.as_str().unwrap_or_default().to_owned();
        if id.is_empty() || !self.used.insert(id.clone()) {
            problems.push(format!("a call without an id of its own: {id:?}"));
        }
        let is_object = match arguments {
            Value::String(text) => serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()),
            other => other.is_object(),
        };
        if !is_object {
            problems.push(format!("arguments that are no JSON object: {arguments}"));
        }
        self.open.push(id);
    }

    fn answered(&mut self, id: &Value, problems: &mut Vec<String>) {
        match self.open.iter().position(|known| known == id) {
            Some(position) => drop(self.open.remove(position)),
            None => problems.push(format!("an answer without its call: {id}")),
        }
    }

    fn none_open(&self, problems: &mut Vec<String>) {
        if !self.open.is_empty() {
            problems.push(format!("calls without an answer: {:?}", self.open));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn chat_completions(body: &Value, problems: &mut Vec<String>) {
    let mut calls = Calls::default();
    let messages = list(&body["messages"]);
    for message in messages {
        if message["role"] == "tool" {
            calls.answered(&message["tool_call_id"], problems);
            continue;
        }
        calls.none_open(problems);
        for call in list(&message["tool_calls"]) {
            calls.made(&call["id"], &call["function"]["arguments"], problems);
        }
    }
    calls.none_open(problems);
    if messages.last().is_some_and(|message| message["role"] == "assistant") {
        problems.push("the last message is the model's own".to_owned());
    }
}

fn responses(body: &Value, problems: &mut Vec<String>) {
    let mut calls = Calls::default();
    let items = list(&body["input"]);
    for (index, item) in items.iter().enumerate() {
        match item["type"].as_str() {
            Some("function_call") => calls.made(&item["call_id"], &item["arguments"], problems),
            Some("function_call_output") => calls.answered(&item["call_id"], problems),
            Some("message") => calls.none_open(problems),
            Some("reasoning") => {
                let followed = matches!(items.get(index + 1), Some(next) if next["type"] != "function_call_output" && next["role"] != "user");
                if !followed || item["encrypted_content"].as_str().is_none_or(str::is_empty) {
                    problems.push(format!("a thought without what it led to, or unreadable: {item}"));
                }
            }
            _ => problems.push(format!("an item of no known type: {item}")),
        }
    }
    calls.none_open(problems);
    if body["store"] != false {
        problems.push("the provider was not told to store nothing".to_owned());
    }
    if items.last().is_some_and(|item| item["role"] == "assistant") {
        problems.push("the last item is the model's own".to_owned());
    }
}

fn messages(body: &Value, problems: &mut Vec<String>) {
    let mut calls = Calls::default();
    if body["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        problems.push("max_tokens is missing".to_owned());
    }
    let turns = list(&body["messages"]);
    for (index, turn) in turns.iter().enumerate() {
        let role = if index % 2 == 0 { "user" } else { "assistant" };
        if turn["role"] != role {
            problems.push(format!("turn {index} is not the {role}'s"));
        }
        let blocks = list(&turn["content"]);
        if blocks.is_empty() {
            problems.push(format!("turn {index} is empty"));
        }
        let mut answers_may_come = role == "user";
        for block in blocks {
            match (block["type"].as_str(), role) {
                (Some("text"), _) => {
                    answers_may_come = false;
                    if block["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
                        problems.push(format!("a blank text in turn {index}"));
                    }
                }
                (Some("tool_result"), "user") if answers_may_come => {
                    calls.answered(&block["tool_use_id"], problems);
                }
                (Some("tool_use"), "assistant") => calls.made(&block["id"], &block["input"], problems),
                (Some("thinking"), "assistant") if block["signature"].is_string() => {}
                (Some("redacted_thinking"), "assistant") => {}
                _ => problems.push(format!("a block out of place in turn {index}: {block}")),
            }
        }
        if role == "user" {
            calls.none_open(problems);
        }
    }
    calls.none_open(problems);
    if turns.len().is_multiple_of(2) {
        problems.push("the last turn is the model's own".to_owned());
    }
    marks(body, problems);
}

/// No more than four marks for the cache are taken.
fn marks(body: &Value, problems: &mut Vec<String>) {
    let count = body.to_string().matches("\"cache_control\"").count();
    if count > 4 {
        problems.push(format!("{count} marks for the cache"));
    }
}
