//! Tool calls that a model wrote into its text instead of making them.
//!
//! Small local models answer with ```` ```json {"name": …, "arguments": {…}} ``` ```` and finish with `stop`.
//! Such a block counts as a call only if tools were offered, its name is one of them, and it has just these
//! two members; a text with any other block of JSON is left alone.

use serde_json::Value;

use super::{ToolCall, ToolDefinition};

/// Takes calls out of a text: the text that remains, and the calls, still without ids.
#[must_use]
pub fn take(text: &str, tools: &[ToolDefinition]) -> Option<(String, Vec<ToolCall>)> {
    if tools.is_empty() {
        return None;
    }
    if let Some(call) = parse(text.trim(), tools) {
        return Some((String::new(), vec![call]));
    }
    let mut rest = text;
    let mut outside = String::new();
    let mut calls = Vec::new();
    while let Some((before, after)) = rest.split_once("```") {
        let (block, after) = after.split_once("```")?;
        let (language, body) = block.split_once(char::is_whitespace)?;
        if !matches!(language, "json" | "" | "tool_call") {
            return None;
        }
        outside.push_str(before);
        calls.push(parse(body.trim(), tools)?);
        rest = after;
    }
    outside.push_str(rest);
    (!calls.is_empty()).then(|| (outside.trim().to_owned(), calls))
}

fn parse(text: &str, tools: &[ToolDefinition]) -> Option<ToolCall> {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return None };
    let name = object.get("name")?.as_str()?;
    let arguments = object.get("arguments")?.as_object()?;
    let known = tools.iter().any(|tool| tool.name == name);
    (object.len() == 2 && known).then(|| ToolCall {
        id: String::new(),
        name: name.to_owned(),
        arguments: Value::Object(arguments.clone()).to_string(),
    })
}
