//! What a conversation needs to know about the world.

use std::path::PathBuf;

use crate::provider::random::Random;
use crate::provider::retry::Policy;
use crate::tools::permissions::Approval;

/// What a conversation needs to know about the world.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where relative paths start.
    pub working_folder: PathBuf,
    /// Where `add_prompt_files` are looked for after the working folder and those above it.
    pub home: Option<PathBuf>,
    /// Whether every tool that is not denied may run unasked (`--yolo`).
    pub approval: Approval,
    /// The date for agents with `add_date`, as they should read it.
    pub today: Option<String>,
    /// When failed model calls are tried again; agents may have a number of retries of their own.
    pub retry: Policy,
    /// What models that take turns are drawn with, and pauses between attempts.
    pub random: Random,
}

impl Settings {
    /// Settings that ask about every tool that changes something.
    #[must_use]
    pub fn new(working_folder: impl Into<PathBuf>) -> Self {
        Self {
            working_folder: working_folder.into(),
            home: None,
            approval: Approval::Each,
            today: None,
            retry: Policy::default(),
            random: Random::default(),
        }
    }

    /// Sets what the user approves in advance.
    #[must_use]
    pub fn approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// Sets the date.
    #[must_use]
    pub fn today(mut self, today: impl Into<String>) -> Self {
        self.today = Some(today.into());
        self
    }

    /// Sets the home folder.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Takes random numbers from somewhere else than the system.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// Sets when failed model calls are tried again.
    #[must_use]
    pub fn retry(mut self, retry: Policy) -> Self {
        self.retry = retry;
        self
    }
}
