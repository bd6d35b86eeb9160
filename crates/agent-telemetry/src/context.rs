//! The context that code records from: passed along, or ambient on a thread.
//!
//! Pass [`Cx`] or [`Session`](crate::Session) where you can.
//! The ambient context ([`from_context`]) is for code that cannot: it follows a thread for as long as the guard of
//! [`Cx::enter`] lives, and a future that was wrapped by [`WithTelemetry::with_telemetry`]. It is lost across `spawn`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::catalogue::FlagSet;
use crate::error_class::ErrorClass;
use crate::event::Event;
use crate::events::{CommandEnded, Provider, Purpose, TokensUsed, ToolCalled, ToolKind, ToolOutcome};
use crate::name::Name;
use crate::receipt::{Outcome, Receipt, Suppressed};
use crate::session::SessionBuilder;
use crate::telemetry::Telemetry;
use crate::value::{Millis, NanoUsd, SessionId, Tokens};

/// A context to record from; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Cx {
    telemetry: Option<Telemetry>,
    wrapped: bool,
}

thread_local! {
    /// The entered contexts with the number of their guard, the innermost last.
    static ENTERED: RefCell<Vec<(u64, Cx)>> = const { RefCell::new(Vec::new()) };
}

impl Cx {
    pub(crate) fn new(telemetry: Telemetry, wrapped: bool) -> Self {
        Self { telemetry: Some(telemetry), wrapped }
    }

    /// A context that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { telemetry: None, wrapped: false }
    }

    /// Whether events are recorded; false also once this process noticed that somebody said no in another one.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.telemetry.as_ref().is_some_and(Telemetry::is_recording)
    }

    /// Records the event that the closure makes; it is not called when telemetry is off.
    pub fn record<E: Event>(&self, event: impl FnOnce() -> E) -> Receipt {
        match &self.telemetry {
            Some(telemetry) if telemetry.is_recording() => telemetry.track(&event()),
            _ => Receipt::known(Outcome::Suppressed(Suppressed::Off)),
        }
    }

    /// Begins describing a conversation with an agent.
    pub fn session(&self, agent: Name<crate::name::Agent>) -> SessionBuilder {
        SessionBuilder::new(self.clone(), None, agent)
    }

    /// Makes this the ambient context of the current thread until the guard is dropped.
    ///
    /// Guards may be dropped in any order: the ambient context is the one entered last among those still held.
    pub fn enter(&self) -> Entered {
        let entered = ENTERED.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let number = stack.last().map_or(0, |(last, _)| last.wrapping_add(1));
            stack.push((number, self.clone()));
            number
        });
        Entered { number: entered.ok(), not_send: PhantomData }
    }

    /// Records a tool call with plain values.
    ///
    /// Mind the order: tool, session, agent. [`Session::tool`](crate::Session::tool) cannot be mixed up and measures by
    /// itself. A session id that is no UUID stands for a random one, the same for the life of the process.
    pub fn record_tool_call(
        &self,
        tool: &str,
        session_id: &str,
        agent: &str,
        duration: Duration,
        error: Option<ErrorClass>,
    ) -> Receipt {
        self.record(|| ToolCalled {
            session_id: session_of(session_id),
            agent_name: Name::agent(agent),
            tool_name: Name::tool(tool),
            tool_kind: ToolKind::Builtin,
            duration_ms: Millis::from(duration),
            outcome: match error {
                None => ToolOutcome::Ok,
                Some(ErrorClass::Cancelled) => ToolOutcome::Cancelled,
                Some(ErrorClass::Denied) => ToolOutcome::Denied,
                Some(_) => ToolOutcome::Error,
            },
            is_success: error.is_none(),
            error,
        })
    }

    /// Records the tokens of one model call (never a running total) and its cost in US dollars, with plain values.
    ///
    /// Mind the order: model, input, output, cost. [`Session::tokens`](crate::Session::tokens) cannot be mixed up.
    pub fn record_token_usage(
        &self,
        model: &str,
        input_tokens: u64,
        output_tokens: u64,
        cost_usd: f64,
    ) -> Receipt {
        self.record(|| TokensUsed {
            session_id: session_of(""),
            agent_name: Name::agent(crate::name::CUSTOM),
            model_provider: Provider::Custom,
            model_name: Name::model(model),
            purpose: Purpose::Turn,
            input_tokens: Tokens::new(input_tokens),
            output_tokens: Tokens::new(output_tokens),
            total_tokens: Tokens::new(input_tokens).plus(Tokens::new(output_tokens)),
            cache_read_tokens: Tokens::ZERO,
            cache_write_tokens: Tokens::ZERO,
            reasoning_tokens: Tokens::ZERO,
            cost: Some(NanoUsd::from_usd(cost_usd)),
            duration_ms: Millis::ZERO,
        })
    }

    fn track_command<'a>(&self, path: &str, arguments: impl IntoIterator<Item = &'a str>) -> Receipt {
        if self.wrapped {
            return Receipt::known(Outcome::Suppressed(Suppressed::Wrapped));
        }
        let Some(telemetry) = self.telemetry.as_ref().filter(|telemetry| telemetry.is_recording()) else {
            return Receipt::known(Outcome::Suppressed(Suppressed::Off));
        };
        let catalogue = telemetry.shared.setup.catalogue;
        let given = arguments
            .into_iter()
            .take_while(|argument| *argument != "--")
            .filter(|argument| argument.starts_with('-'));
        let flags: FlagSet = catalogue.flags(given);
        telemetry.track(&CommandEnded {
            action: catalogue.command(path),
            flags,
            is_success: None,
            exit_code: None,
            duration_ms: None,
            error: None,
        })
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("telemetry", &self.telemetry.is_some())
            .field("wrapped", &self.wrapped)
            .finish()
    }
}

/// Keeps a context ambient; see [`Cx::enter`].
#[derive(Debug)]
#[must_use = "the context is left when this is dropped"]
pub struct Entered {
    /// `None` in a thread that is ending: its contexts are gone.
    number: Option<u64>,
    // The context belongs to the thread that entered it.
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        // What is taken out is dropped after the borrow: it may be the last handle.
        let _left = ENTERED.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let at = stack.iter().rposition(|(entered, _)| *entered == number);
            at.map(|at| stack.remove(at))
        });
    }
}

/// The ambient context of the current thread; also in a panic hook, and `None` in a thread that is ending.
#[must_use]
pub fn from_context() -> Option<Cx> {
    ENTERED.try_with(|stack| stack.borrow().last().map(|(_, cx)| cx.clone())).ok().flatten()
}

/// Records that a command was called, from the ambient context; of its arguments only declared flags' names are kept.
///
/// Inside [`Telemetry::command`] the wrapper records it, with its outcome, so this records nothing.
pub fn track_command<S: AsRef<str>>(path: &str, arguments: &[S]) -> Receipt {
    match from_context() {
        Some(cx) => cx.track_command(path, arguments.iter().map(AsRef::as_ref)),
        None => Receipt::known(Outcome::Suppressed(Suppressed::Off)),
    }
}

/// The session that a caller's text stands for.
fn session_of(text: &str) -> SessionId {
    /// Enough for any process; past it every unknown text is the same session.
    const MOST: usize = 1024;
    static KNOWN: Mutex<Option<HashMap<String, SessionId>>> = Mutex::new(None);
    if let Some(id) = SessionId::parse(text) {
        return id;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_with(HashMap::new);
    let key = if known.len() < MOST || known.contains_key(text) { text } else { "" };
    *known.entry(key.to_owned()).or_insert_with(SessionId::random)
}

/// Adds [`with_telemetry`](Self::with_telemetry) to futures.
pub trait WithTelemetry: Future + Sized {
    /// Makes a context ambient whenever the future is polled, on whatever thread, and while it is dropped.
    fn with_telemetry(self, cx: Cx) -> InContext<Self> {
        InContext { cx, future: Some(Box::pin(self)) }
    }
}

impl<F: Future> WithTelemetry for F {}

/// A future with an ambient context; see [`WithTelemetry`].
pub struct InContext<F> {
    cx: Cx,
    /// `None` only while this is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.cx.enter();
        match &mut self.future {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for InContext<F> {
    fn drop(&mut self) {
        let _entered = self.cx.enter();
        self.future = None;
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}
