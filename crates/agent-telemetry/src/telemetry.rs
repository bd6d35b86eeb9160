//! The handle a tool holds: recording, the command wrapper, and the calls behind `telemetry …` commands.

use std::fmt;
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::catalogue::Catalogue;
use crate::consent::{self, Decision, Facts, SavedChoices, State};
use crate::context::Cx;
use crate::endpoint::Endpoint;
use crate::error_class::ErrorClass;
use crate::event::Event;
use crate::events::CommandEnded;
use crate::inputs::{Dirs, Inputs};
use crate::journal::Folder;
use crate::receipt::{Outcome, Receipt, Suppressed};
use crate::recorder::{Observer, Recorder, Setup};
use crate::value::{ExitCode, Millis};

/// A tool's telemetry. Cheap to clone; nothing is read, written or started before it is first used.
#[derive(Clone)]
pub struct Telemetry {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) setup: Arc<Setup>,
    decided: OnceLock<(Decision, u64)>,
    recorder: OnceLock<Option<Arc<Recorder>>>,
}

// A panic leaves nothing half-done behind: locks are taken over, and the observer, which may be in any state, only
// watches. So handles can be used in panic hooks and around `catch_unwind` without wrapping them.
impl RefUnwindSafe for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(Some(recorder)) = self.recorder.get() {
            recorder.abandon();
        }
    }
}

/// Sets up [`Telemetry`]; see [`Telemetry::builder`].
pub struct Builder {
    app: &'static str,
    version: &'static str,
    catalogue: &'static Catalogue,
    inputs: Inputs,
    dirs: Dirs,
    observer: Option<Observer>,
    memory_only: bool,
}

impl Builder {
    /// What the environment says; by default nothing.
    #[must_use]
    pub fn inputs(mut self, inputs: Inputs) -> Self {
        self.inputs = inputs;
        self
    }

    /// Where files are kept; by default nowhere, and then nothing is sent without an explicit yes.
    #[must_use]
    pub fn dirs(mut self, dirs: Dirs) -> Self {
        self.dirs = dirs;
        self
    }

    /// Called with each record exactly as it was journaled, on the recording thread; it must be quick.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Keeps events in memory and sends nothing: for tests.
    #[cfg(feature = "testing")]
    pub(crate) fn memory_only(mut self) -> Self {
        self.memory_only = true;
        self
    }

    /// The handle. Does no I/O.
    #[must_use]
    pub fn build(self) -> Telemetry {
        let endpoint = Endpoint::from_inputs(&self.inputs);
        let setup = Setup {
            app: self.app,
            version: self.version,
            catalogue: self.catalogue,
            inputs: self.inputs,
            dirs: self.dirs,
            endpoint,
            started: Instant::now(),
            observer: self.observer,
            memory_only: self.memory_only,
        };
        let shared = Shared { setup: Arc::new(setup), decided: OnceLock::new(), recorder: OnceLock::new() };
        Telemetry { shared: Arc::new(shared) }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("app", &self.app).finish_non_exhaustive()
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The process's exit code.
    pub exit_code: ExitCode,
    /// What went wrong, if anything did.
    pub error: Option<ErrorClass>,
}

impl Ended {
    /// Exit code 0.
    pub const SUCCESS: Self = Self { exit_code: ExitCode::SUCCESS, error: None };

    /// A failure.
    #[must_use]
    pub const fn failure(exit_code: u64, error: ErrorClass) -> Self {
        Self { exit_code: ExitCode::new(exit_code), error: Some(error) }
    }
}

/// A result that says how its command ended.
pub trait CommandOutcome {
    /// How it ended.
    fn ended(&self) -> Ended;
}

/// What `main` returns; codes end at 255.
///
/// ```
/// use std::process::ExitCode;
///
/// use agent_telemetry::{Ended, ErrorClass};
///
/// let code = |code| format!("{:?}", ExitCode::from(Ended::failure(code, ErrorClass::Io)));
/// assert_eq!(code(3), format!("{:?}", ExitCode::from(3)));
/// assert_eq!(code(256), format!("{:?}", ExitCode::from(255)));
/// ```
impl From<Ended> for std::process::ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(u8::try_from(ended.exit_code.get()).unwrap_or(u8::MAX))
    }
}

impl CommandOutcome for Ended {
    fn ended(&self) -> Ended {
        *self
    }
}

impl CommandOutcome for () {
    fn ended(&self) -> Ended {
        Ended::SUCCESS
    }
}

impl<T: CommandOutcome, E: CommandOutcome> CommandOutcome for Result<T, E> {
    fn ended(&self) -> Ended {
        match self {
            Ok(done) => done.ended(),
            Err(error) => error.ended(),
        }
    }
}

/// The exit code of a process that panicked.
const PANIC_EXIT_CODE: u64 = 101;

impl Telemetry {
    /// Begins setting up the telemetry of the tool named `app`; infallible and without I/O.
    #[must_use]
    pub fn builder(app: &'static str, version: &'static str, catalogue: &'static Catalogue) -> Builder {
        Builder {
            app,
            version,
            catalogue,
            inputs: Inputs::default(),
            dirs: Dirs::default(),
            observer: None,
            memory_only: false,
        }
    }

    /// Whether events are recorded and sent, and which input decided; read once per process.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decided().0
    }

    fn decided(&self) -> &(Decision, u64) {
        self.shared.decided.get_or_init(|| {
            let setup = &self.shared.setup;
            let saved = SavedChoices::read(&setup.dirs);
            let facts = Facts::new(&setup.inputs, &saved.own, saved.other.as_ref(), &setup.endpoint);
            (consent::decide(facts), saved.generation)
        })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.decided().1
    }

    /// The recorder, or `None` when telemetry is off; then what an earlier run left unsent is deleted.
    pub(crate) fn recorder(&self) -> Option<&Arc<Recorder>> {
        let make = || {
            let (decision, generation) = self.decided();
            if decision.state == State::Off {
                if let Some(telemetry) = self.shared.setup.dirs.telemetry() {
                    let _ = Folder::new(&telemetry).purge();
                }
                return None;
            }
            Some(Arc::new(Recorder::new(Arc::clone(&self.shared.setup), decision, *generation)))
        };
        self.shared.recorder.get_or_init(make).as_ref()
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recorder().is_some_and(|recorder| !recorder.is_off())
    }

    /// A context to record from.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx::new(self.clone(), false)
    }

    /// Records an event.
    ///
    /// When this returns, the event is in the journal, and if it may be sent and the last attempt did not fail, its
    /// request starts at once. Never fails, never panics, never waits for the network.
    pub fn track<E: Event>(&self, event: &E) -> Receipt {
        match self.recorder() {
            Some(recorder) => recorder.record(event),
            None => Receipt::known(Outcome::Suppressed(Suppressed::Off)),
        }
    }

    /// Runs a command and records how it ended: outcome, exit code, duration, panic.
    ///
    /// `path` must be one of the catalogue's commands, else `unknown` is recorded.
    /// At the end it waits for requests on their way within the exit allowance: 1 % of the run time, at least 8 ms and
    /// at most 500 ms. A panic is recorded and goes on.
    pub fn command<R: CommandOutcome>(&self, path: &str, run: impl FnOnce(&Cx) -> R) -> R {
        self.command_with(path, &[], run)
    }

    /// [`command`](Self::command) with the names of the flags that were given; undeclared ones are left out.
    pub fn command_with<R: CommandOutcome>(
        &self,
        path: &str,
        flags: &[&str],
        run: impl FnOnce(&Cx) -> R,
    ) -> R {
        let begun = Instant::now();
        let cx = Cx::new(self.clone(), true);
        let result = {
            let _entered = cx.enter();
            panic::catch_unwind(AssertUnwindSafe(|| run(&cx)))
        };
        let ended =
            result.as_ref().map_or(Ended::failure(PANIC_EXIT_CODE, ErrorClass::Panic), CommandOutcome::ended);
        self.end_command(path, flags, ended, begun);
        match result {
            Ok(result) => result,
            Err(payload) => panic::resume_unwind(payload),
        }
    }

    fn end_command(&self, path: &str, flags: &[&str], ended: Ended, begun: Instant) {
        let Some(recorder) = self.recorder() else { return };
        let catalogue = self.shared.setup.catalogue;
        recorder.begin_closing();
        let _ = recorder.record(&CommandEnded {
            action: catalogue.command(path),
            flags: catalogue.flags(flags.iter().copied()),
            is_success: Some(ended.exit_code.is_success()),
            exit_code: Some(ended.exit_code),
            duration_ms: Some(Millis::from(begun.elapsed())),
            error: ended.error,
        });
        recorder.close();
        recorder.reopen();
    }

    /// Waits for requests on their way, within the exit allowance; for tools that do not use
    /// [`command`](Self::command). Events recorded later are kept for a later run.
    pub fn close(&self) {
        if let Some(Some(recorder)) = self.shared.recorder.get() {
            recorder.begin_closing();
            recorder.close();
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("app", &self.shared.setup.app).finish_non_exhaustive()
    }
}
