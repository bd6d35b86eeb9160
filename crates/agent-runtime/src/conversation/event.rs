//! What a conversation tells its frontend, and what it asks it.
//!
//! Events serialise to JSON objects with a `type`, one per line for those who want to read along.

use std::time::Duration;

use agent_telemetry::{Closed, ErrorClass, NanoUsd};
use serde::Serialize;
use serde_json::Value;

use crate::provider::Usage;
use crate::tools::asking::{Question, Reply};
use crate::tools::{BoxFuture, Diff};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The first turn of a conversation or of a sub-agent's task begins.
    SessionStarted {
        /// The conversation's id, the same as in telemetry; empty when telemetry is off.
        #[serde(skip_serializing_if = "String::is_empty")]
        session_id: String,
        /// The session that gave the task, for a sub-agent's; empty otherwise, or when telemetry is off.
        #[serde(skip_serializing_if = "String::is_empty")]
        parent_session_id: String,
        /// The agent's name.
        agent: String,
        /// The model as `provider/model`.
        model: String,
    },
    /// A sub-agent has ended its task; what follows is said by the agent that gave it.
    SessionEnded {
        /// The session's id; empty when telemetry is off.
        #[serde(skip_serializing_if = "String::is_empty")]
        session_id: String,
        /// The agent's name.
        agent: String,
        /// How the task ended.
        outcome: TurnOutcome,
    },
    /// Another agent has taken the conversation over.
    AgentChanged {
        /// The agent's name.
        agent: String,
        /// The model as `provider/model`.
        model: String,
    },
    /// The conversation was too long for its model: a summary took the place of what was said.
    Compacted {
        /// How many messages it replaces.
        messages: usize,
        /// The summary.
        summary: String,
    },
    /// The model said more.
    TextDelta {
        /// What it said.
        text: String,
    },
    /// The model thought more.
    ReasoningDelta {
        /// What it thought.
        text: String,
    },
    /// The model wants a tool to be run.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// The arguments: an object, or the text that was no JSON object.
        arguments: Value,
    },
    /// A call waits for the user's word; [`Frontend::confirm`] follows.
    ToolConfirmationRequest {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments.
        arguments: Value,
    },
    /// A tool that runs asks the user; [`Frontend::ask`] follows.
    Question {
        /// What is asked.
        question: Question,
    },
    /// A call was answered.
    ToolResult {
        /// The call's id.
        id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// How it went.
        status: ToolStatus,
        /// What the model gets to read.
        text: String,
        /// What the call changed in a file.
        #[serde(skip_serializing_if = "Option::is_none")]
        diff: Option<Diff>,
        /// How long it ran, without waiting for the user.
        elapsed_ms: u64,
    },
    /// A model call was counted.
    Usage {
        /// The model that answered, as `provider/model`.
        model: String,
        /// This call.
        call: CallUsage,
        /// The conversation so far.
        total: CallUsage,
        /// How long the call took.
        elapsed_ms: u64,
    },
    /// A model call failed and is tried again.
    Retry {
        /// The retry's number, from 1.
        attempt: u32,
        /// How long is waited before it.
        pause_ms: u64,
        /// The error's class.
        class: String,
        /// What went wrong.
        text: String,
    },
    /// A model did not answer and another one is asked.
    Fallback {
        /// The model that did not answer, as `provider/model`.
        from: String,
        /// The model that is asked now.
        to: String,
        /// The error's class.
        class: String,
        /// What went wrong.
        text: String,
    },
    /// Something the user should know that ends nothing.
    Warning {
        /// What it is.
        text: String,
    },
    /// What ended the turn.
    Error {
        /// The error's class.
        class: String,
        /// What went wrong.
        text: String,
        /// Why, the nearest cause first; each in the words of whoever said it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        causes: Vec<String>,
    },
    /// The turn is over.
    TurnEnded {
        /// How it ended.
        outcome: TurnOutcome,
        /// Model calls of this turn.
        model_calls: u64,
        /// Tool calls of this turn.
        tool_calls: u64,
        /// How long the turn took.
        elapsed_ms: u64,
    },
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The model had its say.
    Completed,
    /// An error ended it.
    Failed,
    /// The user cancelled it.
    Cancelled,
    /// A limit ended it: model calls, repeated calls, tokens.
    Limit,
}

/// How a tool call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It worked.
    Ok,
    /// It failed.
    Error,
    /// It was not allowed.
    Denied,
    /// The user cancelled.
    Cancelled,
}

/// Token counts and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallUsage {
    /// Tokens read, those from a cache included.
    pub input_tokens: u64,
    /// Tokens written, thoughts included.
    pub output_tokens: u64,
    /// Tokens read from a cache.
    pub cached_tokens: u64,
    /// Tokens written to a cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Tokens that were thoughts.
    pub reasoning_tokens: u64,
    /// The cost in US dollars; absent when a price is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// What the user says about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Run it.
    Yes,
    /// Run it, and everything else that is not denied, without asking again.
    All,
    /// Do not run it; the model is told why, if there is a reason.
    No {
        /// The user's reason, or empty.
        reason: String,
    },
    /// Do not run it: nobody is there to say.
    NobodyToAsk,
}

/// A call that waits for the user's word.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Confirmation {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments.
    pub arguments: Value,
}

/// Who follows a conversation: a terminal, a stream of JSON, a test.
pub trait Frontend: Send {
    /// Something happened. Called in order; must not block for long.
    fn event(&mut self, event: &Event);

    /// Asks the user about a call. Dropped when the turn is cancelled.
    fn confirm<'a>(&'a mut self, request: &'a Confirmation) -> BoxFuture<'a, Answer>;

    /// Asks the user what a tool wants to know. Dropped when the turn is cancelled.
    ///
    /// Declines unless a frontend knows better: most cannot ask.
    fn ask<'a>(&'a mut self, _question: &'a Question) -> BoxFuture<'a, Reply> {
        Box::pin(std::future::ready(Reply::Decline))
    }
}

impl Event {
    pub(crate) fn error(class: ErrorClass, text: String, causes: Vec<String>) -> Self {
        Self::Error { class: class_name(class), text, causes }
    }
}

impl CallUsage {
    pub(crate) fn new(usage: Usage, cost: Option<NanoUsd>) -> Self {
        Self {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cached_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
            reasoning_tokens: usage.reasoning,
            cost: cost.map(|cost| cost.get() as f64 / 1e9),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The word for a class, the same as in telemetry.
pub(crate) fn class_name(class: ErrorClass) -> String {
    class.word().to_owned()
}

/// Milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
