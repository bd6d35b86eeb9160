//! Tools: what an agent can do besides talking.
//!
//! A tool takes typed arguments, checked against what the model wrote, and gives text back.
//! What goes wrong has one of two audiences: the model, who reads the failure as the call's answer, or the user,
//! for whom the turn ends. Everything that a model gets to see is capped in bytes.
//!
//! Who embeds this describes toolsets as data ([`Toolset`]); an agent's toolbox is made from them. Most tools
//! are there from the start. Those of MCP servers come and go: a source is asked for them before each model
//! call. Nothing is started before the first of these questions, and everything that was started ends with the
//! toolbox.

pub mod asking;
mod diff;
pub mod filesystem;
pub mod folder;
mod lifeline;
pub mod mcp;
pub mod permissions;
mod process;
pub mod script;
pub mod shell;
pub mod todo;
mod toolbox;
mod toolset;

mod think;
mod user_prompt;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use agent_telemetry::{ErrorClass, ToolKind};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cancel::Cancel;
use crate::provider::ToolDefinition;
use asking::Asker;
pub use diff::Diff;
use folder::WorkingFolder;
use lifeline::Lifeline;
pub(crate) use toolbox::{Toolbox, all};
pub use toolset::Toolset;

/// The names of the tools of a `filesystem` toolset.
pub(crate) const FILESYSTEM_TOOLS: &[&str] = filesystem::NAMES;

/// The names of the tools of a `shell` toolset.
pub(crate) const SHELL_TOOLS: &[&str] = shell::NAMES;

/// Most that one tool answer shows a model, in bytes.
pub(crate) const MAX_RESULT_BYTES: usize = 100_000;

/// A future that is boxed, because traits with async functions cannot be made into objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a tool call went wrong, by audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The model reads this and goes on.
    Model { class: ErrorClass, text: String },
    /// The turn cannot go on; the user reads this.
    Turn { class: ErrorClass, text: String },
    /// The user cancelled; what there was of an answer.
    Cancelled { text: String },
}

impl Failure {
    pub(crate) fn model(class: ErrorClass, text: impl Into<String>) -> Self {
        Self::Model { class, text: text.into() }
    }
}

/// What a tool has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// For the model.
    pub(crate) text: String,
    /// For people: what changed in a file.
    pub(crate) diff: Option<Diff>,
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self { text, diff: None }
    }
}

/// How a call ends.
pub(crate) type Outcome = Result<Output, Failure>;

/// What a tool may use.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) folder: Arc<WorkingFolder>,
    /// The variables of children.
    pub(crate) environment: Arc<BTreeMap<String, String>>,
    pub(crate) cancel: Cancel,
    /// How to reach the user.
    pub(crate) asker: Asker,
    /// What ends children if this process is killed.
    pub(crate) lifeline: Arc<Lifeline>,
}

impl Context {
    /// Makes a context for one conversation.
    pub(crate) fn new(
        folder: Arc<WorkingFolder>,
        environment: BTreeMap<String, String>,
        asker: Asker,
    ) -> Self {
        let lifeline = Arc::new(Lifeline::default());
        Self { folder, environment: Arc::new(environment), cancel: Cancel::new(), asker, lifeline }
    }
}

/// What a call would touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads these paths and changes nothing.
    Reads(Vec<String>),
    /// It may change something, or nobody knows.
    Changes,
}

impl Access {
    /// Nothing outside of the conversation.
    pub(crate) const NOTHING: Self = Self::Reads(Vec::new());
}

/// One tool.
pub(crate) trait Tool: fmt::Debug + Send + Sync {
    /// The name that models call it by.
    fn name(&self) -> &str;

    /// How it is counted.
    fn kind(&self) -> ToolKind {
        ToolKind::Builtin
    }

    /// How it is offered.
    fn definition(&self) -> ToolDefinition;

    /// What a call with these arguments would touch; `Changes` when unsure.
    fn access(&self, arguments: &Value) -> Access;

    /// Whether its calls may run at the same time as others of the same answer; no when their order may matter.
    fn is_parallel_safe(&self) -> bool {
        false
    }

    /// Runs it.
    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome>;
}

/// Reads a tool's arguments into its own type.
pub(crate) fn arguments<T: DeserializeOwned>(tool: &str, value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::model(ErrorClass::InvalidArguments, format!("invalid arguments for {tool}: {error}"))
    })
}

/// Cuts a text to `limit` bytes at a character, saying so.
pub(crate) fn capped(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let total = text.len();
        let end = text.floor_char_boundary(limit);
        text.truncate(end);
        text.push_str(&format!("\n[cut: the first {end} of {total} bytes are shown]"));
    }
    text
}
