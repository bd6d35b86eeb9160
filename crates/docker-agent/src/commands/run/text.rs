//! A conversation as text: what the agent says on stdout, what it does on stderr.

use std::io;

use super::calls::{call, shortened};
use super::changes::Extent;
use super::console::Sink;
use super::hints::hint;
use crate::output::{self, Look};
use agent_runtime::{Event, ToolStatus};

/// Prints text as it comes.
pub(super) struct Text {
    at_line_start: bool,
    /// A terminal shows the text, so it must not command it.
    harmless: bool,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { at_line_start: true, harmless: output::stdout_is_terminal() }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        if let Some(last) = text.chars().last() {
            self.at_line_start = last == '\n';
            if self.harmless {
                return output::data(&output::harmless(text));
            }
        }
        output::data(text)
    }
}

impl Sink for Text {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::TextDelta { text } => return self.say(text),
            // Not shown; a confirmation is asked for after its call's line.
            Event::SessionStarted { .. }
            | Event::ReasoningDelta { .. }
            | Event::Usage { .. }
            | Event::ToolConfirmationRequest { .. } => return Ok(()),
            _ => {}
        }
        // What follows is a line of its own.
        self.settle()?;
        match event {
            Event::ToolCall { name, arguments, .. } => {
                output::line(Look::Quiet, format_args!("tool: {}", call(name, arguments)));
            }
            Event::ToolResult { name, status, text, diff, elapsed_ms, .. } => {
                let name = shortened(name);
                match status {
                    ToolStatus::Ok => {
                        let lines = diff.as_ref().map(|diff| format!(" {},", Extent::made(diff)));
                        let lines = lines.unwrap_or_default();
                        output::line(Look::Quiet, format_args!("tool: {name} ok,{lines} {elapsed_ms} ms"));
                    }
                    ToolStatus::Error => failed(&name, "failed", text),
                    ToolStatus::Denied => failed(&name, "denied", text),
                    ToolStatus::Cancelled => failed(&name, "cancelled", text),
                }
            }
            Event::Retry { pause_ms, text, .. } => {
                let text = shortened(text);
                output::line(Look::Warning, format_args!("again in {pause_ms} ms: {text}"));
            }
            Event::Fallback { from, to, text, .. } => {
                let (from, to, text) = (shortened(from), shortened(to), shortened(text));
                output::line(Look::Warning, format_args!("{from} does not answer, asking {to}: {text}"));
            }
            Event::Warning { text } => output::warning(output::harmless(text)),
            Event::AgentChanged { agent, model } => {
                let text = shortened(&format!("{agent}, {model}, answers from now on"));
                output::line(Look::Quiet, text);
            }
            Event::Compacted { messages, .. } => {
                let text = format_args!("a summary took the place of {messages} messages, to make room");
                output::line(Look::Quiet, text);
            }
            Event::Error { class, text, causes } => {
                let causes: Vec<String> = causes.iter().map(|cause| output::harmless(cause)).collect();
                output::error(output::harmless(text), &causes, hint(class));
            }
            _ => {}
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        if self.at_line_start { Ok(()) } else { self.say("\n") }
    }
}

fn failed(name: &str, how: &str, text: &str) {
    let line = text.lines().next().unwrap_or_default();
    // What a model is told says how, too.
    let line = line.strip_prefix(how).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(line);
    let text = shortened(line);
    output::line(Look::Warning, format_args!("tool: {name} {how}: {text}"));
}
