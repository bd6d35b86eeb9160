//! Models: what is asked, what comes back, and who is asked.
//!
//! [`chat_completions`] is pure (values in, values out), [`client`] moves the bytes and retries,
//! [`endpoint`] knows addresses and keys. Nothing here knows of tools that run or of terminals.

pub mod chat_completions;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod fenced;
pub mod retry;

use serde_json::Value;

pub use endpoint::Endpoint;
pub use error::ProviderError;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// What the agent is told to be.
    System(String),
    /// What the user said.
    User(String),
    /// What the model said.
    Assistant {
        /// The text, possibly empty.
        text: String,
        /// The tools that it asked for.
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The call that is answered.
        call_id: String,
        /// The answer.
        text: String,
    },
}

/// A model's wish that a tool be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Identifies the call within its conversation.
    pub id: String,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// The arguments as the model wrote them: JSON, if the model did well.
    pub arguments: String,
}

/// A tool as it is offered to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
}

/// How a model is to answer; what is absent is the provider's choice.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// The provider's name for the model.
    pub model: String,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
    /// Upper limit for the answer, in tokens.
    pub max_tokens: Option<u64>,
    /// Whether several tools may be asked for at once.
    pub parallel_tool_calls: Option<bool>,
    /// How long to think.
    pub reasoning_effort: Option<String>,
    /// Whether token counts are asked for.
    pub include_usage: bool,
    /// Whether the limit is called `max_completion_tokens` (OpenAI's reasoning models refuse the old name).
    pub limit_is_completion_tokens: bool,
}

/// One question to a model.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// How to answer.
    pub parameters: &'a Parameters,
    /// The conversation so far.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [ToolDefinition],
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The model that answers, as the provider calls it.
    Model(String),
    /// Text.
    Text(String),
    /// Thoughts, from providers that show them.
    Reasoning(String),
    /// A part of a tool call.
    ToolCall(ToolCallDelta),
    /// Token counts of the call so far; a later one replaces an earlier one.
    Usage(Usage),
    /// Why the answer ends.
    Finish(FinishReason),
    /// The provider gave up in the middle.
    Error(ProviderError),
    /// The provider says that nothing follows.
    Done,
}

/// A part of a tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// The call's number within the answer, if the provider counts.
    pub index: Option<u64>,
    /// The call's id, if this part has it.
    pub id: Option<String>,
    /// The tool's name, if this part has it.
    pub name: Option<String>,
    /// More of the arguments.
    pub arguments: String,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model had said all.
    Stop,
    /// The model waits for tools.
    ToolCalls,
    /// The token limit was reached.
    Length,
    /// The provider withheld the rest.
    ContentFilter,
}

/// Token counts of one model call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, those from a cache included.
    pub input: u64,
    /// Tokens written, thoughts included.
    pub output: u64,
    /// Tokens read from a cache.
    pub cached: u64,
    /// Tokens that were thoughts.
    pub reasoning: u64,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The model that answered, if the provider said.
    pub model: Option<String>,
    /// The text.
    pub text: String,
    /// The tools that it asks for, with ids that are present and distinct.
    pub calls: Vec<ToolCall>,
    /// Token counts, if the provider said.
    pub usage: Option<Usage>,
    /// Why it ended, if the provider said.
    pub finish: Option<FinishReason>,
}
