//! Tools: what an agent can do besides talking.
//!
//! A tool takes typed arguments, checked against what the model wrote, and gives text back.
//! What goes wrong has one of two audiences: the model, who reads the failure as the call's answer, or the user,
//! for whom the turn ends. Everything that a model gets to see is capped in bytes.

pub(crate) mod filesystem;
pub mod folder;
pub mod permissions;
pub(crate) mod shell;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use agent_telemetry::ErrorClass;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cancel::Cancel;
use crate::provider::ToolDefinition;
use folder::WorkingFolder;

/// The names of the tools of a `filesystem` toolset.
pub(crate) const FILESYSTEM_TOOLS: &[&str] = filesystem::NAMES;

/// The names of the tools of a `shell` toolset.
pub(crate) const SHELL_TOOLS: &[&str] = &[shell::NAME];

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

/// What a tool may use.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) folder: Arc<WorkingFolder>,
    /// The variables of children.
    pub(crate) environment: Arc<BTreeMap<String, String>>,
    pub(crate) cancel: Cancel,
}

/// What a call would touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads these paths and changes nothing.
    Reads(Vec<String>),
    /// It may change something, or nobody knows.
    Changes,
}

/// One tool.
pub(crate) trait Tool: fmt::Debug + Send + Sync {
    /// The name, from our own lists.
    fn name(&self) -> &'static str;
    /// How it is offered.
    fn definition(&self) -> ToolDefinition;
    /// What a call with these arguments would touch; `Changes` when unsure.
    fn access(&self, arguments: &Value) -> Access;
    /// Runs it.
    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Result<String, Failure>>;
}

/// The tools of one agent, in the order of its file.
#[derive(Debug, Default)]
pub(crate) struct Toolbox {
    tools: Vec<Box<dyn Tool>>,
}

impl Toolbox {
    /// Adds a tool; of two with one name the first stays.
    pub(crate) fn add(&mut self, tool: Box<dyn Tool>) {
        if self.get(tool.name()).is_none() {
            self.tools.push(tool);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&dyn Tool> {
        self.tools.iter().find(|tool| tool.name() == name).map(AsRef::as_ref)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.tools.iter().map(|tool| tool.name())
    }

    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools.iter().map(|tool| tool.definition()).collect()
    }
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
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(&format!("\n[cut: the first {end} of {total} bytes are shown]"));
    }
    text
}
