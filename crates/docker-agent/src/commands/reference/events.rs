//! `docs/events.md`: the lines of `run --json`.

use std::fmt::Write as _;

use agent_runtime::{CallUsage, Event, Question, ToolStatus, TurnOutcome};
use serde_json::{Value, json};

use super::GENERATED;

/// A sample of each event, and what it says. A test compares them with the events' definition.
fn samples() -> Vec<(Event, &'static str)> {
    let id = || "call_1".to_owned();
    let tool = || "shell".to_owned();
    let arguments = || json!({"cmd": "ls"});
    let mut usage = CallUsage::default();
    (usage.input_tokens, usage.output_tokens, usage.cost) = (1200, 80, Some(0.0038));
    vec![
        (
            Event::SessionStarted {
                session_id: "0198c0de-0000-7000-8000-000000000001".to_owned(),
                parent_session_id: String::new(),
                agent: "root".to_owned(),
                model: "openai/gpt-4o".to_owned(),
            },
            "The first turn begins; `session_id` is the one in telemetry, and absent when that is off. A task that is \
             passed on begins a session of its own, with `parent_session_id`; until it ends, events are about it.",
        ),
        (
            Event::SessionEnded {
                session_id: "0198c0de-0000-7000-8000-000000000002".to_owned(),
                agent: "worker".to_owned(),
                outcome: TurnOutcome::Completed,
            },
            "A task that was passed on has ended.",
        ),
        (
            Event::AgentChanged { agent: "closer".to_owned(), model: "openai/gpt-4o".to_owned() },
            "Another agent has taken the conversation over.",
        ),
        (
            Event::Compacted { messages: 12, summary: "So far, we looked at three files.".to_owned() },
            "The conversation was too long for its model: `summary` took the place of so many messages.",
        ),
        (
            Event::Question { question: Question::new("Which branch?") },
            "A tool asks the user; with `--json` nobody is asked and it is declined.",
        ),
        (
            Event::Fallback {
                from: "openai/gpt-4o".to_owned(),
                to: "anthropic/claude-sonnet-4-5".to_owned(),
                class: "server".to_owned(),
                text: "the provider failed: overloaded (status 503)".to_owned(),
            },
            "A model did not answer and another one is asked.",
        ),
        (Event::ReasoningDelta { text: "Let me look.".to_owned() }, "The model thought more."),
        (
            Event::TextDelta { text: "There are".to_owned() },
            "The model said more; texts in order are its answer.",
        ),
        (
            Event::ToolCall { id: id(), name: tool(), arguments: arguments() },
            "The model wants a tool to be run; `arguments` is an object, or the text that was none.",
        ),
        (
            Event::ToolConfirmationRequest { id: id(), name: tool(), arguments: arguments() },
            "The call would need somebody's word; with `--json` nobody is asked and it is denied.",
        ),
        (
            Event::ToolResult {
                id: id(),
                name: tool(),
                status: ToolStatus::Ok,
                text: "a.txt\n".to_owned(),
                diff: None,
                elapsed_ms: 12,
            },
            "A call was answered: `status` is `ok`, `error`, `denied` or `cancelled`, `text` what the model reads.",
        ),
        (
            Event::Usage { model: "openai/gpt-4o".to_owned(), call: usage, total: usage, elapsed_ms: 900 },
            "A model call was counted: `call` is this one, `total` the conversation; `cost` is in US dollars, and \
             absent where a price is not known.",
        ),
        (
            Event::Retry {
                attempt: 1,
                pause_ms: 500,
                class: "rate_limited".to_owned(),
                text: "the provider limits the rate: too many requests (status 429)".to_owned(),
            },
            "A model call failed and is tried again after a pause.",
        ),
        (
            Event::Warning { text: "the answer was cut off".to_owned() },
            "Something to know that ends nothing.",
        ),
        (
            Event::Error {
                class: "auth".to_owned(),
                text: "the provider refused the key".to_owned(),
                causes: vec!["Incorrect API key provided (status 401)".to_owned()],
            },
            "What ended the turn, or kept it from beginning; `class` is one of the words of \
             [telemetry.md](telemetry.md), `causes` say why, the nearest first, and are absent if there is nothing to say.",
        ),
        (
            Event::TurnEnded {
                outcome: TurnOutcome::Completed,
                model_calls: 2,
                tool_calls: 1,
                elapsed_ms: 2100,
            },
            "The turn is over: `outcome` is `completed`, `failed`, `cancelled` or `limit`.",
        ),
    ]
}

pub(super) fn page() -> String {
    let mut out = format!(
        "# Events of `run --json`\n\n{GENERATED}\n\n\
         One JSON object a line on stdout, with a `type`; nothing else is written there.\n\
         New types and new members may come: leave out what you do not know.\n\
         Errors are events, too, also those before the first turn; the exit code says the same.\n"
    );
    for (event, what) in samples() {
        let value = serde_json::to_value(&event).unwrap_or(Value::Null);
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let line = serde_json::to_string(&event).unwrap_or_default();
        let _ = write!(out, "\n## `{kind}`\n\n{what}\n\n```json\n{line}\n```\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::samples;

    #[test]
    fn every_event_has_a_sample() {
        let source = include_str!("../../../../agent-runtime/src/conversation/event.rs");
        let body = source.split("pub enum Event {").nth(1).expect("the definition");
        let body = body.split("\n}\n").next().expect("its end");
        let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
        let defined: Vec<&str> = body
            .lines()
            .filter(is_variant)
            .map(|line| line.trim().trim_end_matches([' ', '{', ',']))
            .collect();
        let shown: Vec<String> = samples().iter().map(|(event, _)| format!("{event:?}")).collect();
        let has_sample = |name: &&&str| !shown.iter().any(|sample| sample.starts_with(&format!("{name} {{")));
        assert!(defined.len() >= 11, "{defined:?}");
        assert_eq!(defined.iter().filter(has_sample).collect::<Vec<_>>(), [] as [&&str; 0]);
    }
}
