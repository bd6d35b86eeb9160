//! An answer of a model in the order in which it was given, for the formats that keep thoughts in their places.

use serde_json::Value;

use super::{Origin, Reasoning, ToolCall};

/// A part of an answer.
pub(super) enum Part<'a> {
    /// A thought in its provider's own form.
    Thought(&'a Value),
    /// The text.
    Text(&'a str),
    /// A call.
    Call(&'a ToolCall),
}

/// The parts of an answer as `reader` gets to read them: thoughts of others are left out, and so are thoughts that
/// nothing came of, which providers refuse.
pub(super) fn parts<'a>(
    text: &'a str,
    calls: &'a [ToolCall],
    reasoning: &'a [Reasoning],
    reader: &Origin,
) -> Vec<Part<'a>> {
    let mine: Vec<&Reasoning> = reasoning.iter().filter(|thought| thought.origin == *reader).collect();
    let thoughts = |wanted: &dyn Fn(&Reasoning) -> bool| -> Vec<Part<'a>> {
        let wanted = mine.iter().filter(|thought| wanted(thought));
        wanted.map(|thought| Part::Thought(&thought.content)).collect()
    };
    if calls.is_empty() && text.trim().is_empty() {
        return vec![Part::Text(text)];
    }
    let mut parts = thoughts(&|thought| !thought.after_text && thought.calls_before == 0);
    if !text.is_empty() || calls.is_empty() {
        parts.push(Part::Text(text));
    }
    for (position, call) in calls.iter().enumerate() {
        parts.extend(thoughts(&|thought| {
            thought.calls_before == position && (position > 0 || thought.after_text)
        }));
        parts.push(Part::Call(call));
    }
    parts
}
