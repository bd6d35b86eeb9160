//! `run --json`: one event a line on stdout.

use std::io;

use agent_runtime::Event;
use agent_telemetry::{Closed as _, ErrorClass};

use super::console::Sink;
use crate::output;

/// Prints events as lines of JSON.
pub(super) struct Lines;

impl Sink for Lines {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        let line = serde_json::to_string(event).map_err(io::Error::other)?;
        output::data(&format!("{line}\n"))
    }

    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints an error that is no part of a conversation.
pub(super) fn print_error(class: ErrorClass, text: &str, causes: &[String]) -> io::Result<()> {
    let (class, text) = (class.word().to_owned(), text.to_owned());
    Lines.show(&Event::Error { class, text, causes: causes.to_vec() })
}
