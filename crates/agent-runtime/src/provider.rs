//! Models: what is asked, what comes back, and who is asked.
//!
//! One conversation model serves every wire format. [`chat_completions`], [`responses`] and [`anthropic`] are pure
//! (values in, bytes out, and back), [`assembly`] puts the pieces of an answer together, [`client`] moves the bytes
//! and tries again, [`fallback`] chooses among several models, [`model`] and [`endpoint`] know how a configured
//! model is asked and where. Nothing here knows of tools that run or of terminals.

pub mod anthropic;
pub mod assembly;
pub mod auto;
pub mod chat_completions;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod fallback;
pub mod fenced;
pub mod model;
mod parts;
pub mod random;
pub mod responses;
pub mod retry;
pub mod thinking;
pub mod wire;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use endpoint::Endpoint;
pub use error::ProviderError;
pub use model::{Model, ModelId, Parameters, Sampling};
pub use thinking::{Effort, Thinking};
pub use wire::Wire;

/// One message of a conversation. Serialises to what a stored session needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        /// Thoughts that the model wants back with the next request; usually none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasoning: Vec<Reasoning>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Identifies the call within its conversation.
    pub id: String,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// The arguments as the model wrote them: JSON, if the model did well.
    pub arguments: String,
}

/// A thought in the form in which its provider wants it back: signed or encrypted, of no use to anybody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// Who thought it; another model gets the conversation without it.
    pub origin: Origin,
    /// Whether text of the same answer came before it.
    pub after_text: bool,
    /// How many calls of the same answer came before it.
    pub calls_before: usize,
    /// The provider's own JSON, unread.
    pub content: Value,
}

/// Who can read a [`Reasoning`]: a wire format, a provider and a model. Compared, never taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

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

/// A form that the text of an answer must have.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSchema {
    /// What the form is called.
    pub name: String,
    /// What it is for, if there is something to say.
    pub description: Option<String>,
    /// Its JSON schema.
    pub schema: Value,
    /// Whether the provider must keep to it exactly.
    pub strict: bool,
}

/// What is asked, whoever answers.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The conversation so far.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [ToolDefinition],
}

/// One question to one model.
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
    /// A whole thought in the provider's own form, to be sent back.
    Opaque(Value),
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
    /// Tokens read, those from and into a cache included.
    pub input: u64,
    /// Tokens written, thoughts included.
    pub output: u64,
    /// Tokens of the input that came from a cache.
    pub cache_read: u64,
    /// Tokens of the input that went into a cache.
    pub cache_write: u64,
    /// Tokens of the output that were thoughts, where the provider tells.
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
    /// Thoughts to be sent back.
    pub reasoning: Vec<Reasoning>,
    /// Token counts, if the provider said.
    pub usage: Option<Usage>,
    /// Why it ended, if the provider said.
    pub finish: Option<FinishReason>,
}

impl Origin {
    /// The origin of what a model says.
    #[must_use]
    pub fn new(wire: Wire, provider: &str, model: &str) -> Self {
        Self(format!("{wire}:{provider}/{model}"))
    }
}

impl Message {
    /// What the model said, without thoughts that it wants back.
    #[must_use]
    pub fn assistant(text: impl Into<String>, calls: Vec<ToolCall>) -> Self {
        Self::Assistant { text: text.into(), calls, reasoning: Vec::new() }
    }
}

impl ToolCall {
    /// The arguments as an object; an empty one for anything else.
    ///
    /// Providers refuse a conversation with one call whose arguments are no object, at every later request.
    pub(crate) fn arguments_object(&self) -> Value {
        match serde_json::from_str(&self.arguments) {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::Object(serde_json::Map::new()),
        }
    }

    /// The arguments as the model wrote them if they are an object, else an empty one.
    pub(crate) fn arguments_text(&self) -> &str {
        match serde_json::from_str(&self.arguments) {
            Ok(Value::Object(_)) => &self.arguments,
            _ => "{}",
        }
    }
}
