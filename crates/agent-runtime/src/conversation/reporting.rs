//! What a conversation says to telemetry: names from our own lists, numbers, classes. Never a text.

use std::time::Duration;

use agent_telemetry::{
    Cx, ErrorClass, Name, NanoUsd, Provider, Purpose, Session, SessionOutcome, ToolKind, Usage as TokenUsage,
};

use super::event::TurnOutcome;
use crate::agent::Agent;
use crate::provider::Usage;
use crate::tools::Tool;

/// One conversation's telemetry session.
#[derive(Debug)]
pub(super) struct Report {
    cx: Cx,
    agent: String,
    provider: Provider,
    model: String,
    /// The session that gave the task, for a sub-agent's.
    parent: Option<Session>,
    session: Option<Session>,
    outcome: SessionOutcome,
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Ok,
    Failed(ErrorClass),
    Denied,
    Cancelled,
}

/// A tool call that is being measured; nothing when the session never started.
pub(super) struct ToolReport(Option<agent_telemetry::ToolCall>);

impl Report {
    pub(super) fn new(cx: Cx, agent: &Agent) -> Self {
        Self {
            cx,
            agent: agent.name.clone(),
            provider: agent.model.endpoint.provider,
            model: agent.model.parameters.model.clone(),
            parent: None,
            session: None,
            outcome: SessionOutcome::Completed,
        }
    }

    /// A report for a task that this session's agent gives to another one.
    pub(super) fn child(&self, agent: &Agent) -> Self {
        Self { parent: self.session.clone(), ..Self::new(self.cx.clone(), agent) }
    }

    pub(super) fn is_started(&self) -> bool {
        self.session.is_some()
    }

    /// Starts the session and returns its id.
    pub(super) fn start(&mut self) -> String {
        let agent = Name::agent(&self.agent);
        let session = match &self.parent {
            Some(parent) => parent.child(agent),
            None => self.cx.session(agent),
        };
        self.session = Some(session.model(self.provider, Name::model(&self.model)).start());
        // Until a turn has ended, a conversation that is given up was cancelled.
        self.outcome = SessionOutcome::Cancelled;
        self.id()
    }

    /// The session's id; empty when telemetry is off or the session has not started.
    pub(super) fn id(&self) -> String {
        text_of(self.session.as_ref())
    }

    /// The id of the session that gave the task; empty if there is none.
    pub(super) fn parent_id(&self) -> String {
        text_of(self.parent.as_ref())
    }

    /// From now on another agent speaks.
    pub(super) fn agent_changed(&mut self, agent: &Agent) {
        self.session = self.session.as_ref().map(|session| session.with_agent(Name::agent(&agent.name)));
    }

    /// From now on another model answers; a session that has started keeps the one that it began with.
    pub(super) fn model_changed(&mut self, agent: &Agent) {
        self.provider = agent.model.endpoint.provider;
        self.model.clone_from(&agent.model.parameters.model);
    }

    pub(super) fn turn(&self) {
        if let Some(session) = &self.session {
            session.turn();
        }
    }

    pub(super) fn error(&self, class: ErrorClass) {
        if let Some(session) = &self.session {
            session.error(class);
        }
    }

    pub(super) fn outcome(&mut self, outcome: TurnOutcome) {
        self.outcome = match outcome {
            TurnOutcome::Completed => SessionOutcome::Completed,
            TurnOutcome::Failed => SessionOutcome::Failed,
            TurnOutcome::Cancelled => SessionOutcome::Cancelled,
            TurnOutcome::Limit => SessionOutcome::Limit,
        };
    }

    /// Starts measuring a call of a tool of ours, or of one that the model invented.
    pub(super) fn tool(&self, tool: Option<&dyn Tool>) -> ToolReport {
        let name = tool.map_or_else(Name::unknown_tool, |tool| Name::tool(tool.name()));
        let kind = tool.map_or(ToolKind::Builtin, Tool::kind);
        ToolReport(self.session.as_ref().map(|session| session.tool(name, kind)))
    }

    /// Starts measuring a task that is passed on; the name is one of ours.
    pub(super) fn delegation(&self, name: &str) -> ToolReport {
        let name = Name::tool(name);
        ToolReport(self.session.as_ref().map(|session| session.tool(name, ToolKind::Agent)))
    }

    /// Counts one model call; the model is the one that answered.
    pub(super) fn tokens(
        &self,
        provider: Provider,
        model: &str,
        usage: Usage,
        cost: Option<NanoUsd>,
        duration: Duration,
        purpose: Purpose,
    ) {
        let Some(session) = &self.session else { return };
        let mut tokens = TokenUsage::delta(usage.input, usage.output)
            .model(provider, Name::model(model))
            .purpose(purpose)
            .cache_read(usage.cache_read)
            .cache_write(usage.cache_write)
            .reasoning(usage.reasoning)
            .duration(duration);
        if let Some(cost) = cost {
            tokens = tokens.cost(cost);
        }
        session.tokens(tokens);
    }

    pub(super) fn end(self) {
        if let Some(session) = self.session {
            session.end(self.outcome);
        }
    }
}

fn text_of(session: Option<&Session>) -> String {
    session.and_then(Session::id).map(|id| id.uuid().to_string()).unwrap_or_default()
}

impl ToolReport {
    pub(super) fn end(self, outcome: Outcome) {
        let Some(call) = self.0 else { return };
        match outcome {
            Outcome::Ok => call.ok(),
            Outcome::Failed(class) => call.failed(class),
            Outcome::Denied => call.denied(),
            Outcome::Cancelled => call.cancelled(),
        }
    }
}
