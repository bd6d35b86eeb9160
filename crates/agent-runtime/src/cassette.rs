//! Recordings of model calls, to be played back without a key and without a network.
//!
//! The format is that of go-vcr version 2 (YAML), so that recordings of the Go program play too.
//! A request is matched by URL path, last user message and number of messages (system messages aside, whose
//! wording and number are a program's own), never by what a tool answered. Each interaction is used once.
//! Headers are never written, and known keys are masked.

mod key;
mod read;
mod write;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use key::Key;

pub use read::CassetteError;
pub use write::Recorder;

/// One recorded exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// The URL that was asked.
    pub url: String,
    /// The request's body, JSON.
    pub request_body: String,
    /// The answer's body as it was received: raw server-sent events, or an error.
    pub response_body: String,
    /// The answer's status.
    pub code: u16,
    /// From the request to the last byte.
    pub duration: Duration,
}

/// Answers requests from a recording.
#[derive(Debug)]
pub struct Replayer {
    name: String,
    tape: Mutex<Vec<Recorded>>,
}

#[derive(Debug)]
struct Recorded {
    interaction: Interaction,
    key: Key,
    used: bool,
}

impl Replayer {
    /// Reads a recording's text; `name` appears in error texts.
    ///
    /// # Errors
    ///
    /// The text is no recording.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, CassetteError> {
        let tape = read::interactions(name, text)?.into_iter().map(|interaction| {
            let key = Key::of(&interaction.url, &interaction.request_body);
            Recorded { interaction, key, used: false }
        });
        Ok(Self { name: name.to_owned(), tape: Mutex::new(tape.collect()) })
    }

    /// How many interactions were not used yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        let tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.iter().filter(|recorded| !recorded.used).count()
    }

    pub(crate) fn answer(&self, url: &str, body: &str) -> Result<Interaction, String> {
        let key = Key::of(url, body);
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = tape.iter_mut().find(|recorded| !recorded.used && recorded.key == key) {
            recorded.used = true;
            return Ok(recorded.interaction.clone());
        }
        let asked = key.describe();
        let used = tape.iter().rposition(|recorded| recorded.key == key);
        let next = tape.iter().position(|recorded| !recorded.used);
        Err(match (used, next) {
            (Some(used), _) => {
                format!("{}: interaction {used} answers {asked} and was already used", self.name)
            }
            (None, Some(next)) => format!(
                "{}: no interaction answers {asked}; the next unused one, interaction {next}, answers {}",
                self.name,
                tape[next].key.describe()
            ),
            (None, None) => {
                format!("{}: all {} interactions were used, none answers {asked}", self.name, tape.len())
            }
        })
    }
}
