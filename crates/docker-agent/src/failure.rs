//! A failed command: an exit code and a class for the program, a text and a hint for its reader.

use std::fmt::Display;
use std::io;

use agent_telemetry::{Ended, ErrorClass};

/// Exit code of a failure.
const FAILED: u64 = 1;
/// Exit code of wrong use.
const USAGE: u64 = 2;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    ended: Ended,
    text: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(class: ErrorClass, text: impl Display) -> Self {
        Self { ended: Ended::failure(FAILED, class), text: Some(text.to_string()), hint: None }
    }

    /// Wrong use: exit code 2.
    pub(crate) fn usage(text: impl Display) -> Self {
        let ended = Ended::failure(USAGE, ErrorClass::Usage);
        Self { ended, text: Some(text.to_string()), hint: None }
    }

    /// An end that says nothing more.
    pub(crate) fn quiet(ended: Ended) -> Self {
        Self { ended, text: None, hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// How the command ended.
    pub(crate) fn ended(&self) -> Ended {
        self.ended
    }

    /// What is wrong, if there is anything to say.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What to do about it.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Of writing to stdout: everything else that does I/O names what it failed on.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // Whoever read it has seen enough.
            return Self::quiet(Ended::SUCCESS);
        }
        Self::new(ErrorClass::Io, format_args!("cannot write to stdout: {error}"))
    }
}
