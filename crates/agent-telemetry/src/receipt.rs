//! What became of a recorded event.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::recorder::Recorder;

/// What became of a recorded event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The collector has it.
    Delivered,
    /// It is in the journal; this process or a later one will send it when it may.
    Journaled,
    /// It is in memory, because nothing can be written here; it is lost with the process.
    NotDurable,
    /// It was not recorded, on purpose.
    Suppressed(Suppressed),
    /// It was given up, and counted.
    Dropped(Dropped),
}

/// Why an event was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suppressed {
    /// Telemetry is off.
    Off,
    /// The wrapper around the command records it.
    Wrapped,
    /// The catalogue does not list the event.
    NotInCatalogue,
    /// Nothing can be written here, and nobody said that events may be sent all the same.
    NoJournal,
}

/// Why an event was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dropped {
    /// Longer than a record may be.
    TooBig,
    /// The collector refused it, or the journal was full before it could be sent.
    GivenUp,
    /// Writing it failed.
    Io,
}

/// Answers what became of an event; may be ignored.
#[derive(Clone)]
pub struct Receipt(State);

#[derive(Clone)]
enum State {
    Known(Outcome),
    Recorded { recorder: Arc<Recorder>, number: u64 },
}

impl Receipt {
    pub(crate) fn known(outcome: Outcome) -> Self {
        Self(State::Known(outcome))
    }

    pub(crate) fn recorded(recorder: Arc<Recorder>, number: u64) -> Self {
        Self(State::Recorded { recorder, number })
    }

    /// What became of it, waiting at most `timeout` for the collector's answer.
    ///
    /// Ask soon: a process that lost much since remembers of the oldest only that they were journaled.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Outcome {
        match &self.0 {
            State::Known(outcome) => *outcome,
            State::Recorded { recorder, number } => recorder.outcome(*number, timeout),
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receipt").field(&self.wait(Duration::ZERO)).finish()
    }
}
