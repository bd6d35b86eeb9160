//! Conversations, tool calls and tokens: what an agent's runtime records.
//!
//! Each session keeps its own totals; a sub-agent's run is a child session.
//! Guards record what was forgotten: a session or a tool call that is dropped without a word was cancelled, or failed
//! when the thread is panicking.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::context::Cx;
use crate::error_class::ErrorClass;
use crate::events::{
    Provider, SessionEnded, SessionOutcome, SessionStarted, TokensUsed, ToolCalled, ToolKind, ToolOutcome,
};
use crate::name::{Agent, Model, Name, Tool};
use crate::usage::Usage;
use crate::value::{Count, Map, Millis, NanoUsd, SessionId, Tokens};

/// A conversation that is about to start.
#[derive(Debug)]
#[must_use = "call `start`"]
pub struct SessionBuilder {
    cx: Cx,
    parent: Option<SessionId>,
    agent: Name<Agent>,
    provider: Provider,
    model: Name<Model>,
}

impl SessionBuilder {
    pub(crate) fn new(cx: Cx, parent: Option<SessionId>, agent: Name<Agent>) -> Self {
        Self { cx, parent, agent, provider: Provider::Custom, model: Name::model(crate::name::CUSTOM) }
    }

    /// The configured model.
    pub fn model(mut self, provider: Provider, model: Name<Model>) -> Self {
        self.provider = provider;
        self.model = model;
        self
    }

    /// Records the start.
    #[must_use]
    pub fn start(self) -> Session {
        if !self.cx.is_recording() {
            return Session::disabled();
        }
        let Self { cx, parent, agent, provider, model } = self;
        let id = SessionId::random();
        let _ = cx.record(|| SessionStarted {
            session_id: id,
            parent_session_id: parent,
            agent_name: agent,
            model_provider: provider,
            model_name: model,
        });
        let totals = Mutex::new(Totals::default());
        Session(Some(Speaker {
            agent,
            inner: Arc::new(Inner { cx, id, parent, agent, provider, model, begun: Instant::now(), totals }),
        }))
    }
}

/// A conversation with an agent. Clones are the same session; it ends with [`end`](Self::end) or with its last clone.
#[derive(Clone)]
pub struct Session(Option<Speaker>);

/// A session, and the agent that speaks in it now.
#[derive(Clone)]
struct Speaker {
    agent: Name<Agent>,
    inner: Arc<Inner>,
}

struct Inner {
    cx: Cx,
    id: SessionId,
    parent: Option<SessionId>,
    agent: Name<Agent>,
    provider: Provider,
    model: Name<Model>,
    begun: Instant,
    totals: Mutex<Totals>,
}

#[derive(Default)]
struct Totals {
    turns: Count,
    tool_calls: Count,
    tool_errors: Count,
    input: Tokens,
    output: Tokens,
    cost: NanoUsd,
    unpriced: bool,
    errors: Map<ErrorClass>,
    ended: bool,
}

const ONE: Count = Count::new(1);

impl Session {
    /// A session that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// Its id, when telemetry is on.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.0.as_ref().map(|speaker| speaker.inner.id)
    }

    /// Begins describing a sub-agent's run.
    pub fn child(&self, agent: Name<Agent>) -> SessionBuilder {
        let cx = self.0.as_ref().map_or(Cx::disabled(), |speaker| speaker.inner.cx.clone());
        SessionBuilder::new(cx, self.id(), agent)
    }

    /// The same session, with another agent answering: what is recorded through the new handle names that agent.
    ///
    /// The session's start and end keep the agent that it began with.
    pub fn with_agent(&self, agent: Name<Agent>) -> Self {
        Self(self.0.as_ref().map(|speaker| Speaker { agent, inner: Arc::clone(&speaker.inner) }))
    }

    /// Counts a user message that is being answered.
    pub fn turn(&self) {
        if let Some(Speaker { inner, .. }) = &self.0 {
            let mut totals = inner.totals();
            totals.turns = totals.turns.plus(ONE);
        }
    }

    /// Counts an error of the conversation.
    pub fn error(&self, class: ErrorClass) {
        if let Some(Speaker { inner, .. }) = &self.0 {
            inner.totals().errors.add(&class, ONE);
        }
    }

    /// Begins a tool call; `name` is that of a registered tool.
    pub fn tool(&self, name: Name<Tool>, kind: ToolKind) -> ToolCall {
        ToolCall(self.0.as_ref().map(|speaker| Calling {
            speaker: speaker.clone(),
            name,
            kind,
            begun: Instant::now(),
        }))
    }

    /// Records what one model call used.
    pub fn tokens(&self, usage: Usage) {
        if let Some(speaker) = &self.0 {
            speaker.tokens(&usage);
        }
    }

    /// Records the end.
    pub fn end(self, outcome: SessionOutcome) {
        if let Some(speaker) = &self.0 {
            speaker.inner.end(outcome);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.id()).finish()
    }
}

impl Inner {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, outcome: SessionOutcome) {
        let totals = {
            let mut totals = self.totals();
            if totals.ended {
                return;
            }
            totals.ended = true;
            std::mem::replace(&mut *totals, Totals { ended: true, ..Totals::default() })
        };
        let _ = self.cx.record(|| SessionEnded {
            session_id: self.id,
            parent_session_id: self.parent,
            agent_name: self.agent,
            model_provider: self.provider,
            model_name: self.model,
            duration_ms: Millis::from(self.begun.elapsed()),
            turns: totals.turns,
            tool_calls: totals.tool_calls,
            tool_errors: totals.tool_errors,
            input_tokens: totals.input,
            output_tokens: totals.output,
            total_tokens: totals.input.plus(totals.output),
            cost: totals.cost,
            cost_known: !totals.unpriced,
            error_count: totals.errors.total(),
            errors: totals.errors,
            outcome,
            is_success: outcome == SessionOutcome::Completed,
        });
    }
}

impl Speaker {
    fn tokens(&self, usage: &Usage) {
        let inner = &self.inner;
        {
            let mut totals = inner.totals();
            totals.input = totals.input.plus(usage.input);
            totals.output = totals.output.plus(usage.output);
            totals.cost = totals.cost.plus(usage.cost.unwrap_or(NanoUsd::ZERO));
            totals.unpriced |= usage.cost.is_none();
        }
        let (provider, model) = usage.model.unwrap_or((inner.provider, inner.model));
        let _ = inner.cx.record(|| TokensUsed {
            session_id: inner.id,
            agent_name: self.agent,
            model_provider: provider,
            model_name: model,
            purpose: usage.purpose,
            input_tokens: usage.input,
            output_tokens: usage.output,
            total_tokens: usage.input.plus(usage.output),
            cache_read_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
            reasoning_tokens: usage.reasoning,
            cost: usage.cost,
            duration_ms: usage.duration,
        });
    }

    fn tool(&self, call: &Calling, outcome: ToolOutcome, error: Option<ErrorClass>) {
        let inner = &self.inner;
        {
            let mut totals = inner.totals();
            totals.tool_calls = totals.tool_calls.plus(ONE);
            if outcome == ToolOutcome::Error {
                totals.tool_errors = totals.tool_errors.plus(ONE);
            }
        }
        let _ = inner.cx.record(|| ToolCalled {
            session_id: inner.id,
            agent_name: self.agent,
            tool_name: call.name,
            tool_kind: call.kind,
            duration_ms: Millis::from(call.begun.elapsed()),
            outcome,
            is_success: outcome == ToolOutcome::Ok,
            error,
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if thread::panicking() {
            self.totals().errors.add(&ErrorClass::Panic, ONE);
            self.end(SessionOutcome::Failed);
        } else {
            self.end(SessionOutcome::Cancelled);
        }
    }
}

/// A tool call on its way; say how it ended.
#[must_use = "say how it ended: `ok`, `failed`, `denied` or `cancelled`"]
pub struct ToolCall(Option<Calling>);

struct Calling {
    speaker: Speaker,
    name: Name<Tool>,
    kind: ToolKind,
    begun: Instant,
}

impl ToolCall {
    /// The tool did it.
    pub fn ok(self) {
        self.finish(ToolOutcome::Ok, None);
    }

    /// The tool failed.
    pub fn failed(self, class: ErrorClass) {
        self.finish(ToolOutcome::Error, Some(class));
    }

    /// The user or a rule refused it.
    pub fn denied(self) {
        self.finish(ToolOutcome::Denied, Some(ErrorClass::Denied));
    }

    /// The user interrupted it.
    pub fn cancelled(self) {
        self.finish(ToolOutcome::Cancelled, Some(ErrorClass::Cancelled));
    }

    fn finish(mut self, outcome: ToolOutcome, error: Option<ErrorClass>) {
        if let Some(call) = self.0.take() {
            call.speaker.tool(&call, outcome, error);
        }
    }
}

impl Drop for ToolCall {
    fn drop(&mut self) {
        let Some(call) = self.0.take() else { return };
        if thread::panicking() {
            call.speaker.tool(&call, ToolOutcome::Error, Some(ErrorClass::Panic));
        } else {
            call.speaker.tool(&call, ToolOutcome::Cancelled, Some(ErrorClass::Cancelled));
        }
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ToolCall").field(&self.0.as_ref().map(|call| call.name)).finish()
    }
}
