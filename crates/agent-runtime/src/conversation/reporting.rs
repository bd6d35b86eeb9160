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
            provider: agent.endpoint.provider,
            model: agent.model.model.clone(),
            session: None,
            outcome: SessionOutcome::Completed,
        }
    }

    /// Starts the session and returns its id.
    pub(super) fn start(&mut self) -> String {
        let session =
            self.cx.session(Name::agent(&self.agent)).model(self.provider, Name::model(&self.model)).start();
        let id = session.id().map(|id| id.uuid().to_string()).unwrap_or_default();
        self.session = Some(session);
        // Until a turn has ended, a conversation that is given up was cancelled.
        self.outcome = SessionOutcome::Cancelled;
        id
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

    pub(super) fn tokens(&self, model: &str, usage: Usage, cost: Option<NanoUsd>, duration: Duration) {
        let Some(session) = &self.session else { return };
        let mut tokens = TokenUsage::delta(usage.input, usage.output)
            .model(self.provider, Name::model(model))
            .purpose(Purpose::Turn)
            .cache_read(usage.cached)
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
