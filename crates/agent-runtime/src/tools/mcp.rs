//! The tools of MCP servers: programs of other people that speak JSON-RPC on standard input and output.
//!
//! A server is started when the model's tools are first needed, in the working folder, in a process group of its
//! own, with an environment of its own: a short list of harmless variables and what the agent file gives it. Every
//! wait for it has an end. One that fails to start is left alone; one that ran and died is started again a few
//! times, with growing pauses.
//!
//! Nothing that a server says is believed beyond its purpose. That a tool only reads is a hint by a stranger, so
//! every call is asked about unless permissions say otherwise; the hint only lets calls run side by side. Names are
//! made fit for models, texts are capped, and what is neither text nor short is described instead of shown.

mod connection;
mod content;
pub(crate) mod environment;
mod offer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use agent_telemetry::{ErrorClass, ToolKind};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::toolbox::{Closing, Offer, Source};
use super::{Access, BoxFuture, Context, Failure, Outcome, Tool};
use crate::provider::ToolDefinition;
use connection::{Client, Connection, Problem};

/// What an agent file says about an MCP server.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSettings {
    /// How users know it: the toolset's `name`, else its command.
    pub label: String,
    /// Put before the names of its tools, with `_` between; absent means nothing.
    pub prefix: Option<String>,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables beside the usual ones, ready to use.
    pub env: BTreeMap<String, String>,
    /// How long it is waited for.
    pub patience: Patience,
    /// How it is started again after it died.
    pub restarts: Restarts,
}

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// Until it has introduced itself; long enough for a package manager to fetch it first.
    pub start: Duration,
    /// For its list of tools.
    pub list: Duration,
    /// For the answer to a call.
    pub call: Duration,
    /// For its end, once it was told.
    pub stop: Duration,
}

/// How often a server that died is started again in one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restarts {
    /// How often at most.
    pub max: u32,
    /// The pause before the first time; it doubles with each.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { start: seconds(60), list: seconds(30), call: seconds(600), stop: seconds(2) }
    }
}

impl Default for Restarts {
    fn default() -> Self {
        Self { max: 3, pause: Duration::from_millis(500) }
    }
}

impl ServerSettings {
    /// A server by its command.
    #[must_use]
    pub fn new(command: impl Into<String>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let command = command.into();
        Self {
            label: command.clone(),
            prefix: None,
            command,
            args: args.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            patience: Patience::default(),
            restarts: Restarts::default(),
        }
    }

    /// Names it; its tools get the name as a prefix.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.label = name.into();
        self.prefix = Some(self.label.clone());
        self
    }

    /// Sets its variables beside the usual ones.
    #[must_use]
    pub fn env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env = env;
        self
    }

    /// Sets how long it is waited for.
    #[must_use]
    pub fn patience(mut self, change: impl FnOnce(&mut Patience)) -> Self {
        change(&mut self.patience);
        self
    }

    /// Sets how it is started again.
    #[must_use]
    pub fn restarts(mut self, max: u32, pause: Duration) -> Self {
        self.restarts = Restarts { max, pause };
        self
    }
}

/// Shows no arguments and no values: both may be secret.
impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("label", &self.label)
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// An MCP server of an agent; its clones are the same server.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ServerSettings,
    /// The tools to offer; absent means all.
    only: Option<Vec<String>>,
    client: Client,
    /// Held while the server is started or asked for its tools, so that this happens once; never during a call.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// How often it was started.
    starts: u32,
    /// Set when it is not started any more: why, and whether the user knows.
    given_up: Option<(String, bool)>,
}

impl Server {
    pub(super) fn new(settings: ServerSettings, only: Option<Vec<String>>) -> Self {
        let client = Client::new(settings.label.clone());
        Self(Arc::new(Inner { settings, only, client, state: Mutex::default() }))
    }

    /// The running server, started if that is due. The lock on its state is the caller's.
    async fn connection(&self, state: &mut State, context: &Context) -> Result<Arc<Connection>, Problem> {
        let Inner { settings, client, .. } = &*self.0;
        if let Some(connection) = state.connection.as_ref().filter(|connection| connection.is_alive()) {
            return Ok(Arc::clone(connection));
        }
        if let Some((why, _)) = &state.given_up {
            return Err(Problem::new(ErrorClass::Io, why.clone()));
        }
        let ended = state.connection.take();
        if let Some(ended) = &ended {
            let note = ended.post_mortem().await;
            if state.starts > settings.restarts.max {
                let why = format!("MCP server `{}` ended {} times{note}", settings.label, state.starts);
                state.given_up = Some((why.clone(), false));
                return Err(Problem::new(ErrorClass::Io, why));
            }
            let pause = settings.restarts.pause.saturating_mul(1 << (state.starts - 1).min(6));
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => return Err(Problem::cancelled()),
                () = tokio::time::sleep(pause) => {}
            }
        }
        drop(ended);
        let opened = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Err(Problem::cancelled()),
            opened = Connection::open(settings, client, context) => opened,
        };
        match opened {
            Ok(connection) => {
                state.starts += 1;
                client.mark_changed();
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(problem) => {
                state.given_up = Some((problem.text.clone(), false));
                Err(problem)
            }
        }
    }

    async fn refreshed(&self, context: &Context) -> Option<Result<Offer, String>> {
        let mut state = self.0.state.lock().await;
        if let Some((_, true)) = state.given_up {
            return None;
        }
        let listed = match self.connection(&mut state, context).await {
            Ok(connection) if self.0.client.take_changed() => {
                let listed = tokio::select! {
                    biased;
                    () = context.cancel.cancelled() => Err(Problem::cancelled()),
                    tools = connection.tools(self.0.settings.patience.list) => tools,
                };
                listed.map(|tools| (tools, connection.instructions()))
            }
            Ok(_) => return None,
            Err(problem) => Err(problem),
        };
        match listed {
            Ok((tools, instructions)) => Some(Ok(offer::offer(self, tools, instructions))),
            Err(problem) if problem.is_cancelled() => {
                self.0.client.mark_changed();
                None
            }
            Err(problem) => {
                // A server that cannot say what it has is of no use; what it has running is ended.
                state.connection = None;
                state.given_up = Some((problem.text.clone(), true));
                Some(Err(problem.text))
            }
        }
    }

    async fn call(&self, tool: &str, arguments: Map<String, Value>, context: &Context) -> Outcome {
        let connection = {
            let mut state = self.0.state.lock().await;
            self.connection(&mut state, context).await.map_err(Problem::into_failure)?
        };
        let _asks = self.0.client.may_ask(context.asker.clone());
        let answer = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Err(Failure::Cancelled { text: String::new() }),
            answer = connection.call(tool, arguments, self.0.settings.patience.call) => answer,
        };
        match answer {
            Ok(answer) => answer,
            Err(problem) => {
                let note = if connection.is_alive() { String::new() } else { connection.post_mortem().await };
                Err(Problem { text: format!("{}{note}", problem.text), ..problem }.into_failure())
            }
        }
    }
}

impl Source for Server {
    fn refresh<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Option<Result<Offer, String>>> {
        Box::pin(self.refreshed(context))
    }
}

impl Closing for Server {
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut state = self.0.state.lock().await;
            state.given_up = Some((format!("MCP server `{}` was closed", self.0.settings.label), true));
            if let Some(connection) = state.connection.take() {
                connection.close(self.0.settings.patience.stop).await;
            }
        })
    }
}

/// One tool of a server.
#[derive(Debug)]
struct McpTool {
    server: Server,
    /// What the server calls it.
    remote: String,
    definition: ToolDefinition,
    /// The server says that it only reads.
    says_it_reads: bool,
}

impl Tool for McpTool {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn kind(&self) -> ToolKind {
        ToolKind::Mcp
    }

    fn definition(&self) -> ToolDefinition {
        self.definition.clone()
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::Changes
    }

    fn is_parallel_safe(&self) -> bool {
        self.says_it_reads
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match arguments {
                Value::Object(arguments) => self.server.call(&self.remote, arguments, context).await,
                _ => {
                    let text = format!("invalid arguments for {}: expected a JSON object", self.name());
                    Err(Failure::model(ErrorClass::InvalidArguments, text))
                }
            }
        })
    }
}
