//! A failed command: an exit code and a class for the program; a text, its causes and a hint for its reader.

use std::error::Error;
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
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(class: ErrorClass, text: impl Display) -> Self {
        Self { text: Some(text.to_string()), ..Self::quiet(Ended::failure(FAILED, class)) }
    }

    /// Wrong use: exit code 2.
    pub(crate) fn usage(text: impl Display) -> Self {
        let ended = Ended::failure(USAGE, ErrorClass::Usage);
        Self { text: Some(text.to_string()), ..Self::quiet(ended) }
    }

    /// An end that says nothing more.
    pub(crate) fn quiet(ended: Ended) -> Self {
        Self { ended, text: None, causes: Vec::new(), hint: None }
    }

    /// Adds why: an error, and what each one says that caused it.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
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

    /// Why, the nearest cause first.
    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
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
        Self::new(ErrorClass::Io, "cannot write to stdout").because(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_told_down_to_the_first() {
        let error = Outer(io::Error::other("the inner"));
        let failure = Failure::new(ErrorClass::Io, "it failed").because(&error).hint("try again");
        assert_eq!(failure.causes(), ["the outer", "the inner"]);
        assert_eq!(failure.text(), Some("it failed"));
        assert_eq!(failure.hint_text(), Some("try again"));
    }
}
