//! The events every agent shares: commands, sessions, tool calls, tokens.
//!
//! This file is what a sceptical reader should read: nothing else is collected, and each field says why.
//! The page `docs/telemetry.md`, `telemetry explain` and the collector's validation are generated from it.

use agent_telemetry_macros::{Closed, Event, Properties};

use crate::catalogue::{CommandPath, FlagSet};
use crate::error_class::ErrorClass;
use crate::name::{Agent, Model, Name, Tool};
use crate::value::{
    Arch, Caller, Count, ExitCode, InstallId, LanguageTag, Map, Millis, NanoUsd, Os, SessionId, Tokens,
    Version,
};

/// The version of these definitions, sent as `schema`.
pub const SCHEMA: u64 = 1;

/// What goes with every event.
#[derive(Debug, Clone, Properties)]
pub struct Common {
    /// Random installation id.
    #[field(
        since = "0.1.0",
        why = "counts installations instead of events; random, replaced every 13 months"
    )]
    pub user_uuid: InstallId,
    /// Release.
    #[field(since = "0.1.0", why = "shows whether a release made something better or worse")]
    pub version: Version,
    /// Operating system.
    #[field(since = "0.1.0", why = "shows which systems to build and test for")]
    pub os: Os,
    /// Architecture.
    #[field(since = "0.1.0", why = "shows which processors to build and test for")]
    pub arch: Arch,
    /// Language tag.
    #[field(since = "0.1.0", why = "shows which languages the documentation should speak")]
    pub os_language: LanguageTag,
    /// Who called.
    #[field(since = "0.1.0", why = "keeps build services and agents apart from people at a terminal")]
    pub caller: Caller,
    /// Version of the definitions.
    #[field(
        since = "0.1.0",
        absent = "1",
        why = "tells the collector which definitions a record was made with"
    )]
    pub schema: Count,
}

/// A command ended.
#[derive(Debug, Event)]
#[event(
    name = "command",
    since = "0.1.0",
    review = "2027-11-01",
    why = "shows which commands are used, which fail and how long they take"
)]
pub struct CommandEnded {
    /// The command's path, such as `sessions list`; arguments are never part of it.
    #[field(since = "0.1.0", why = "shows which commands are worth improving")]
    pub action: CommandPath,
    /// Names of the flags that were given, never their values.
    #[field(since = "0.1.0", why = "shows which flags are used at all")]
    pub flags: FlagSet,
    /// Whether it succeeded.
    #[field(since = "0.1.0", why = "gives the failure rate of each command")]
    pub is_success: Option<bool>,
    /// The process's exit code.
    #[field(since = "0.1.0", why = "tells wrong use, failure, interruption and crash apart")]
    pub exit_code: Option<ExitCode>,
    /// How long it took.
    #[field(since = "0.1.0", why = "shows which commands are slow")]
    pub duration_ms: Option<Millis>,
    /// What went wrong, as one of twenty words.
    #[field(since = "0.1.0", why = "shows what kind of failure to work on first")]
    pub error: Option<ErrorClass>,
}

/// A conversation with an agent began.
#[derive(Debug, Event)]
#[event(
    name = "session",
    action = "start",
    since = "0.1.0",
    review = "2027-11-01",
    why = "counts conversations, also those that never end properly"
)]
pub struct SessionStarted {
    /// Random id of the conversation.
    #[field(since = "0.1.0", why = "joins the events of one conversation")]
    pub session_id: SessionId,
    /// The conversation that started this one.
    #[field(since = "0.1.0", why = "tells a sub-agent's run from a person's conversation")]
    pub parent_session_id: Option<SessionId>,
    /// The agent's name.
    #[field(since = "0.1.0", why = "shows which agents are used")]
    pub agent_name: Name<Agent>,
    /// Who runs the model.
    #[field(since = "0.1.0", why = "shows which providers to support well")]
    pub model_provider: Provider,
    /// The configured model.
    #[field(since = "0.1.0", why = "shows which models to test with")]
    pub model_name: Name<Model>,
}

/// A conversation with an agent ended.
#[derive(Debug, Event)]
#[event(
    name = "session",
    action = "end",
    since = "0.1.0",
    review = "2027-11-01",
    why = "shows how long conversations are, how they end and what they cost"
)]
pub struct SessionEnded {
    /// Random id of the conversation.
    #[field(since = "0.1.0", why = "joins the events of one conversation")]
    pub session_id: SessionId,
    /// The conversation that started this one.
    #[field(since = "0.1.0", why = "tells a sub-agent's run from a person's conversation")]
    pub parent_session_id: Option<SessionId>,
    /// The agent's name.
    #[field(since = "0.1.0", why = "shows which agents are used")]
    pub agent_name: Name<Agent>,
    /// Who runs the model.
    #[field(since = "0.1.0", why = "shows which providers to support well")]
    pub model_provider: Provider,
    /// The configured model.
    #[field(since = "0.1.0", why = "shows which models to test with")]
    pub model_name: Name<Model>,
    /// How long it took.
    #[field(since = "0.1.0", why = "shows how long people work with an agent")]
    pub duration_ms: Millis,
    /// User messages answered.
    #[field(since = "0.1.0", why = "tells one-shot use from conversations")]
    pub turns: Count,
    /// Tool calls made.
    #[field(since = "0.1.0", why = "shows how much agents lean on tools")]
    pub tool_calls: Count,
    /// Tool calls that failed.
    #[field(since = "0.1.0", absent = "0", why = "shows how often tools let an agent down")]
    pub tool_errors: Count,
    /// Tokens read by models, cached ones included.
    #[field(since = "0.1.0", why = "shows what a conversation costs")]
    pub input_tokens: Tokens,
    /// Tokens written by models, reasoning included.
    #[field(since = "0.1.0", why = "shows what a conversation costs")]
    pub output_tokens: Tokens,
    /// Both together.
    #[field(since = "0.1.0", why = "shows what a conversation costs")]
    pub total_tokens: Tokens,
    /// Estimated cost in US dollars of the calls whose price is known.
    #[field(since = "0.1.0", why = "shows what a conversation costs")]
    pub cost: NanoUsd,
    /// Whether the price of every call was known.
    #[field(since = "0.1.0", why = "keeps unknown prices from counting as free")]
    pub cost_known: bool,
    /// Errors in the conversation.
    #[field(since = "0.1.0", absent = "0", why = "shows how rough conversations are")]
    pub error_count: Count,
    /// Errors by class.
    #[field(since = "0.1.0", absent = "0", why = "shows what kind of failure to work on first")]
    pub errors: Map<ErrorClass>,
    /// How it ended.
    #[field(since = "0.1.0", why = "tells finished, failed and interrupted conversations apart")]
    pub outcome: SessionOutcome,
    /// Whether it was completed.
    #[field(since = "0.1.0", why = "gives the success rate in the form that older clients send")]
    pub is_success: bool,
}

/// A tool call ended.
#[derive(Debug, Event)]
#[event(
    name = "tool",
    action = "call",
    since = "0.1.0",
    review = "2027-11-01",
    why = "shows which tools are used, which fail and which are slow"
)]
pub struct ToolCalled {
    /// Random id of the conversation.
    #[field(since = "0.1.0", why = "joins the events of one conversation")]
    pub session_id: SessionId,
    /// The agent's name.
    #[field(since = "0.1.0", why = "shows which agents use the tool")]
    pub agent_name: Name<Agent>,
    /// The registered tool's name; `unknown` for a name that a model invented.
    #[field(since = "0.1.0", why = "shows which tools to improve")]
    pub tool_name: Name<Tool>,
    /// Where the tool comes from.
    #[field(since = "0.1.0", why = "tells our tools from those of MCP servers and scripts")]
    pub tool_kind: ToolKind,
    /// How long it took, measured.
    #[field(since = "0.1.0", why = "shows which tools are slow")]
    pub duration_ms: Millis,
    /// How it ended, by the tool's own word.
    #[field(since = "0.1.0", why = "tells failed, cancelled and refused calls apart")]
    pub outcome: ToolOutcome,
    /// Whether it succeeded.
    #[field(since = "0.1.0", why = "gives the success rate in the form that older clients send")]
    pub is_success: bool,
    /// What went wrong, as one of twenty words.
    #[field(since = "0.1.0", why = "shows what kind of failure to work on first")]
    pub error: Option<ErrorClass>,
}

/// A model answered.
#[derive(Debug, Event)]
#[event(
    name = "token",
    action = "usage",
    since = "0.1.0",
    review = "2027-11-01",
    why = "shows which models are used and what they cost; numbers are of this one call, never sums"
)]
pub struct TokensUsed {
    /// Random id of the conversation.
    #[field(since = "0.1.0", why = "joins the events of one conversation")]
    pub session_id: SessionId,
    /// The agent's name.
    #[field(since = "0.1.0", why = "shows which agents use the model")]
    pub agent_name: Name<Agent>,
    /// Who ran the model.
    #[field(since = "0.1.0", why = "shows which providers to support well")]
    pub model_provider: Provider,
    /// The model that really answered.
    #[field(since = "0.1.0", why = "shows which models to test with")]
    pub model_name: Name<Model>,
    /// What the call was for.
    #[field(since = "0.1.0", why = "tells the user's work from our own overhead")]
    pub purpose: Purpose,
    /// Tokens read, cached ones included.
    #[field(since = "0.1.0", why = "shows what a call costs")]
    pub input_tokens: Tokens,
    /// Tokens written, reasoning included.
    #[field(since = "0.1.0", why = "shows what a call costs")]
    pub output_tokens: Tokens,
    /// Both together.
    #[field(since = "0.1.0", why = "shows what a call costs")]
    pub total_tokens: Tokens,
    /// Tokens that the provider read from its cache.
    #[field(since = "0.1.0", absent = "0", why = "shows whether prompts are built so that caches work")]
    pub cache_read_tokens: Tokens,
    /// Tokens that the provider wrote to its cache.
    #[field(since = "0.1.0", absent = "0", why = "shows whether prompts are built so that caches work")]
    pub cache_write_tokens: Tokens,
    /// Tokens of hidden reasoning.
    #[field(since = "0.1.0", absent = "0", why = "shows what thinking costs")]
    pub reasoning_tokens: Tokens,
    /// Estimated cost in US dollars; absent when the price is unknown.
    #[field(since = "0.1.0", why = "shows what a call costs")]
    pub cost: Option<NanoUsd>,
    /// How long the model took.
    #[field(since = "0.1.0", why = "shows which models are slow")]
    pub duration_ms: Millis,
}

/// Who runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Closed)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI.
    #[closed(name = "openai")]
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google.
    Google,
    /// Amazon Bedrock.
    #[closed(name = "amazon-bedrock")]
    AmazonBedrock,
    /// Docker Model Runner.
    Dmr,
    /// Ollama.
    Ollama,
    /// Mistral.
    Mistral,
    /// xAI.
    Xai,
    /// Nebius.
    Nebius,
    /// Requesty.
    Requesty,
    /// MiniMax.
    Minimax,
    /// Azure OpenAI.
    Azure,
    /// Any other server.
    Custom,
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum ToolKind {
    /// Built into the agent.
    Builtin,
    /// An MCP server.
    Mcp,
    /// A script of the user's.
    Script,
    /// Another agent.
    Agent,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool did it.
    Ok,
    /// The tool failed.
    Error,
    /// The user interrupted it.
    Cancelled,
    /// The user or a rule refused it.
    Denied,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum SessionOutcome {
    /// It was finished.
    Completed,
    /// It failed.
    Failed,
    /// The user interrupted it.
    Cancelled,
    /// It reached a limit.
    Limit,
}

/// What a model was called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Closed)]
#[non_exhaustive]
pub enum Purpose {
    /// A turn of the conversation.
    Turn,
    /// A title for the conversation.
    Title,
    /// Shortening the conversation.
    Compaction,
}
