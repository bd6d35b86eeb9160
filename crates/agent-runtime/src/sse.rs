//! Server-sent events, decoded from bytes that arrive in pieces of any size.
//!
//! Follows the HTML standard's event stream format (<https://html.spec.whatwg.org/multipage/server-sent-events.html>)
//! with one leniency: a last event without its blank line counts, because servers end streams that way.
//! Only complete lines are turned into text, so that a character cut in two by the network survives.

/// Longest line that is accepted, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event:` field; empty when there was none.
    pub name: String,
    /// The `data:` fields, joined by line feeds.
    pub data: String,
}

/// Largest event that is accepted, in bytes: its lines together.
const MAX_EVENT_BYTES: usize = 2 * MAX_LINE_BYTES;

/// A line or an event of the stream is longer than anything a provider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event of the answer is longer than {MAX_EVENT_BYTES} bytes, or a line of it than {MAX_LINE_BYTES}"
)]
pub struct TooLong;

/// Turns bytes into events.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    after_carriage_return: bool,
    started: bool,
    name: String,
    data: Option<String>,
}

impl Decoder {
    /// Takes the next bytes and returns the events that they complete.
    ///
    /// # Errors
    ///
    /// A line or an event that never ends; the decoder is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        if std::mem::take(&mut self.after_carriage_return) {
            if rest.is_empty() {
                self.after_carriage_return = true;
                return Ok(events);
            }
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.push(&rest[..end])?;
            events.extend(self.end_of_line());
            let carriage_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if carriage_return {
                self.after_carriage_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.push(rest)?;
        Ok(events)
    }

    /// Tells whether nothing arrived yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.started && self.line.is_empty()
    }

    /// Ends the stream and returns an event that lacked its blank line.
    pub fn finish(mut self) -> Option<SseEvent> {
        if !self.line.is_empty() {
            let _complete = self.end_of_line();
        }
        self.end_of_event()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let event = self.data.as_ref().map_or(0, String::len);
        if self.line.len() + bytes.len() > MAX_LINE_BYTES || event + bytes.len() > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if std::mem::replace(&mut self.started, true) {
            &line
        } else {
            line.strip_prefix('\u{feff}').unwrap_or(&line)
        };
        if line.is_empty() {
            return self.end_of_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment (empty field), `id`, `retry` and unknown fields say nothing to us.
            _ => {}
        }
        None
    }

    fn end_of_event(&mut self) -> Option<SseEvent> {
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| SseEvent { name, data })
    }
}
