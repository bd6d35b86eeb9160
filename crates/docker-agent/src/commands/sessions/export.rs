//! A conversation as a document: Markdown for people, JSON for programs.
//!
//! It may be shown to others, so the folders of this machine are left out; what was said is in it as it was said.

use std::fmt::Write as _;

use agent_runtime::provider::Message;
use agent_runtime::sessions::Stored;
use agent_telemetry::ErrorClass;
use serde_json::{Value, json};

use super::local_time;
use crate::args::ExportFormat;
use crate::failure::Failure;
use crate::output;

/// Makes the document.
pub(super) fn document(session: &Stored, format: ExportFormat) -> Result<String, Failure> {
    match format {
        ExportFormat::Markdown => Ok(markdown(session)),
        ExportFormat::Json => {
            let header = &session.header;
            let messages: Vec<Message> = session.transcript.iter().map(without_thoughts).collect();
            let document = json!({
                "session": header.session,
                "parent": header.parent,
                "agent": header.agent,
                "started_ms": header.started_ms,
                "messages": messages,
            });
            let text = serde_json::to_string_pretty(&document);
            text.map(|text| text + "\n").map_err(|error| Failure::new(ErrorClass::Other, error))
        }
    }
}

/// A message without what only its provider can read.
fn without_thoughts(message: &Message) -> Message {
    match message {
        Message::Assistant { text, calls, .. } => Message::assistant(text.clone(), calls.clone()),
        other => other.clone(),
    }
}

fn markdown(session: &Stored) -> String {
    let header = &session.header;
    let mut out = format!("# Conversation with {}, {}\n", header.agent, local_time(header.started_ms));
    for message in &session.transcript {
        // Writing to a string cannot fail.
        match message {
            Message::System(_) => {}
            Message::User(said) => {
                let _ = write!(out, "\n## You\n\n{}\n", output::harmless(said.trim()));
            }
            Message::Assistant { text, calls, .. } => {
                let _ = writeln!(out, "\n## {}", header.agent);
                if !text.trim().is_empty() {
                    let _ = writeln!(out, "\n{}", output::harmless(text.trim()));
                }
                for call in calls {
                    let arguments = pretty(&call.arguments);
                    let name = output::harmless(&call.name).replace('\n', " ");
                    let _ = write!(out, "\nCalls `{name}`:\n\n{}", fenced("json", &arguments));
                }
            }
            Message::Tool { text, .. } => {
                let _ = write!(out, "\nThe tool answers:\n\n{}", fenced("", text));
            }
        }
    }
    out
}

fn pretty(arguments: &str) -> String {
    let value = serde_json::from_str::<Value>(arguments);
    value.map_or_else(|_| arguments.to_owned(), |value| format!("{value:#}"))
}

/// A block of code whose fence is longer than any within it.
fn fenced(kind: &str, text: &str) -> String {
    let text = output::harmless(text.trim_end());
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{kind}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::fenced;

    #[test]
    fn what_is_within_a_fence_cannot_end_it() {
        assert_eq!(fenced("json", "{}"), "```json\n{}\n```\n");
        assert_eq!(fenced("", "a\n````\nb\n"), "`````\na\n````\nb\n`````\n");
    }
}
