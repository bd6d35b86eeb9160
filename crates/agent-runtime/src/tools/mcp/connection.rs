//! One run of a server: started, introduced, asked, ended.

use std::collections::VecDeque;
use std::fmt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_telemetry::ErrorClass;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationCapability, ErrorCode, FormElicitationCapability, Implementation,
    PaginatedRequestParams, ProtocolVersion, Tool,
};
use rmcp::service::{
    ClientInitializeError, NotificationContext, RequestContext, RunningService, ServiceError,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{ClientHandler, ErrorData, RoleClient, serve_client};
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinSet;

use super::{ServerSettings, content, environment};
use crate::tools::asking::{Asker, Question, Reply};
use crate::tools::process::{GRACE, Group};
use crate::tools::{Context, Failure, Outcome};

/// Pages of a list of tools that are turned at most.
const MAX_PAGES: usize = 50;
/// Most that a server may say in one message.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How much of what a server says on standard error is kept: its end.
const MAX_COMPLAINT_BYTES: usize = 2_000;

/// What went wrong with a server.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) class: ErrorClass,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(class: ErrorClass, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }

    /// The user did not want to wait.
    pub(super) fn cancelled() -> Self {
        Self::new(ErrorClass::Cancelled, "")
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.class == ErrorClass::Cancelled
    }

    pub(super) fn into_failure(self) -> Failure {
        if self.is_cancelled() {
            return Failure::Cancelled { text: self.text };
        }
        Failure::model(self.class, self.text)
    }
}

/// Our side of the conversation with a server, whatever run it is.
#[derive(Clone, Debug)]
pub(super) struct Client(Arc<Listening>);

#[derive(Debug)]
struct Listening {
    label: String,
    changed: AtomicBool,
    /// How to reach the user, once for each call that runs.
    askers: Mutex<Vec<Asker>>,
}

/// Lets a server ask the user, until dropped.
#[derive(Debug)]
pub(super) struct MayAsk(Client);

impl Client {
    pub(super) fn new(label: String) -> Self {
        Self(Arc::new(Listening { label, changed: AtomicBool::new(true), askers: Mutex::default() }))
    }

    /// Notes that the tools may be others than before.
    pub(super) fn mark_changed(&self) {
        self.0.changed.store(true, Ordering::Release);
    }

    /// Tells whether the tools may be others than when this was last asked.
    pub(super) fn take_changed(&self) -> bool {
        self.0.changed.swap(false, Ordering::AcqRel)
    }

    /// Lets the server ask the user: while a call runs, somebody listens.
    pub(super) fn may_ask(&self, asker: Asker) -> MayAsk {
        lock(&self.0.askers).push(asker);
        MayAsk(self.clone())
    }
}

impl Drop for MayAsk {
    fn drop(&mut self) {
        lock(&self.0.0.askers).pop();
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        let mut elicitation = ElicitationCapability::new();
        elicitation.form = Some(FormElicitationCapability::default());
        capabilities.elicitation = Some(elicitation);
        let us = Implementation::new("docker-agent", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, us).with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.mark_changed();
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let asker = lock(&self.0.askers).last().cloned();
        let (Some(asker), ElicitRequestParams::FormElicitationParams { message, requested_schema, .. }) =
            (asker, request)
        else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let schema = serde_json::to_value(requested_schema).ok();
        let question = Question { server: Some(self.0.label.clone()), title: None, message, schema };
        Ok(match asker.ask(question).await {
            Reply::Accept(content) => ElicitResult::new(ElicitationAction::Accept).with_content(content),
            Reply::Decline => ElicitResult::new(ElicitationAction::Decline),
            Reply::Cancel => ElicitResult::new(ElicitationAction::Cancel),
        })
    }
}

/// A server that runs.
pub(super) struct Connection {
    label: String,
    service: RunningService<RoleClient, Client>,
    process: Mutex<Option<Process>>,
}

/// Its process; ended when dropped, with everything that it started.
struct Process {
    child: Child,
    group: Group,
    complaint: Arc<Mutex<VecDeque<u8>>>,
    /// Reads standard error; ended when dropped.
    reading: JoinSet<()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Connection {
    /// Starts the server and waits until it has introduced itself.
    pub(super) async fn open(
        settings: &ServerSettings,
        client: &Client,
        context: &Context,
    ) -> Result<Self, Problem> {
        let ServerSettings { label, command, args, .. } = settings;
        let failed = |class, why: String| {
            Problem::new(class, format!("MCP server `{label}` cannot be started: {why}"))
        };
        let mut child = Command::new(command)
            .args(args)
            .current_dir(context.folder.path())
            .env_clear()
            .envs(environment::variables(&context.environment, &settings.env))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(ErrorClass::NotFound, format!("{command}: {error}")))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process::new(child, stderr, context);
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(failed(ErrorClass::Io, "it has no standard input and output".to_owned()));
        };
        let transport = AsyncRwTransport::new_client(stdout, stdin).with_max_line_length(MAX_MESSAGE_BYTES);
        let introduced = serve_client(client.clone(), transport);
        let (class, why) = match tokio::time::timeout(settings.patience.start, introduced).await {
            Ok(Ok(service)) => {
                let said = service.peer_info().map(|info| info.protocol_version.clone());
                if said.as_ref().is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(version)) {
                    return Ok(Self { label: label.clone(), service, process: Mutex::new(Some(process)) });
                }
                let version = said.map(|version| version.to_string()).unwrap_or_default();
                let why = format!("it speaks version {version:.40} of the protocol");
                return Err(failed(ErrorClass::Protocol, why));
            }
            Ok(Err(error)) => refusal(&error),
            Err(_) => {
                let seconds = settings.patience.start.as_secs();
                (ErrorClass::Timeout, format!("it did not introduce itself within {seconds} seconds"))
            }
        };
        Err(failed(class, format!("{why}{}", process.post_mortem().await)))
    }

    /// Tells whether the server runs and listens.
    pub(super) fn is_alive(&self) -> bool {
        let exited =
            lock(&self.process).as_mut().is_none_or(|process| !matches!(process.child.try_wait(), Ok(None)));
        !exited && !self.service.is_closed() && !self.service.is_transport_closed()
    }

    /// What it wants to have said about its tools.
    pub(super) fn instructions(&self) -> Option<String> {
        self.service.peer_info().and_then(|info| info.instructions.clone())
    }

    /// Asks for its tools, all pages.
    pub(super) async fn tools(&self, limit: Duration) -> Result<Vec<Tool>, Problem> {
        let pages = async {
            let mut tools = Vec::new();
            let mut cursor = None;
            for _ in 0..MAX_PAGES {
                let page = PaginatedRequestParams::default().with_cursor(cursor);
                let page = self.service.list_tools(Some(page)).await?;
                tools.extend(page.tools);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            Ok(tools)
        };
        match tokio::time::timeout(limit, pages).await {
            Ok(tools) => tools.map_err(|error| self.problem("does not tell its tools", &error)),
            Err(_) => Err(self.late("does not tell its tools", limit)),
        }
    }

    /// Calls a tool. Dropped before it is done, the server is told that nobody waits any more.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        limit: Duration,
    ) -> Result<Outcome, Problem> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match tokio::time::timeout(limit, self.service.call_tool(params)).await {
            Ok(Ok(result)) => Ok(content::outcome(result)),
            Ok(Err(error)) => Err(self.problem("failed", &error)),
            Err(_) => Err(self.late("failed", limit)),
        }
    }

    fn problem(&self, what: &str, error: &ServiceError) -> Problem {
        let label = &self.label;
        let (class, why) = match error {
            ServiceError::McpError(error) => {
                let class = match error.code {
                    ErrorCode::INVALID_PARAMS => ErrorClass::InvalidArguments,
                    ErrorCode::METHOD_NOT_FOUND => ErrorClass::NotFound,
                    _ => ErrorClass::Protocol,
                };
                let message: String = error.message.chars().take(2_000).collect();
                return Problem::new(
                    class,
                    format!("MCP server `{label}` {what}: {message} ({})", error.code.0),
                );
            }
            ServiceError::TransportSend(_)
            | ServiceError::TransportClosed
            | ServiceError::Cancelled { .. } => (ErrorClass::Io, "it closed the connection".to_owned()),
            other => (ErrorClass::Protocol, other.to_string()),
        };
        Problem::new(class, format!("MCP server `{label}` {what}: {why}"))
    }

    fn late(&self, what: &str, limit: Duration) -> Problem {
        let text =
            format!("MCP server `{}` {what}: no answer within {} seconds", self.label, limit.as_secs());
        Problem::new(ErrorClass::Timeout, text)
    }

    /// How it ended and what it said last, as the end of a sentence. Ends what is left of it.
    pub(super) async fn post_mortem(&self) -> String {
        let process = lock(&self.process).take();
        match process {
            Some(process) => process.post_mortem().await,
            None => String::new(),
        }
    }

    /// Closes its standard input, which asks it to end, and makes it if it does not.
    pub(super) async fn close(&self, limit: Duration) {
        self.service.cancellation_token().cancel();
        let process = lock(&self.process).take();
        if let Some(Process { mut child, group, .. }) = process
            && tokio::time::timeout(limit, child.wait()).await.is_err()
        {
            group.ask_to_end(&mut child).await;
        }
    }
}

impl Process {
    fn new(child: Child, stderr: Option<ChildStderr>, context: &Context) -> Self {
        let group = Group::of(&child, &context.lifeline);
        let complaint = Arc::new(Mutex::new(VecDeque::new()));
        let mut reading = JoinSet::new();
        if let Some(stderr) = stderr {
            reading.spawn(keep_the_end(stderr, Arc::clone(&complaint)));
        }
        Self { child, group, complaint, reading }
    }

    async fn post_mortem(mut self) -> String {
        let status = tokio::time::timeout(GRACE, self.child.wait()).await;
        drop(self.group);
        let _left_open = tokio::time::timeout(GRACE, self.reading.join_next()).await;
        let bytes: Vec<u8> = lock(&self.complaint).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        let ended = match status {
            Ok(Ok(status)) => format!(" ({status})"),
            _ => String::new(),
        };
        match last {
            Some(line) => format!("{ended}; its last words: {line:.300}"),
            None => ended,
        }
    }
}

/// Why a server did not introduce itself, without the names of our parts.
fn refusal(error: &ClientInitializeError) -> (ErrorClass, String) {
    match error {
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
            (ErrorClass::Io, "it closed the connection".to_owned())
        }
        ClientInitializeError::JsonRpcError(error) => {
            (ErrorClass::Protocol, format!("it says: {:.300}", error.message))
        }
        _ => (ErrorClass::Protocol, "its introduction cannot be understood".to_owned()),
    }
}

/// Reads standard error, so that nobody waits for room in the pipe.
async fn keep_the_end(mut stderr: ChildStderr, complaint: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = vec![0; 4 * 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = lock(&complaint);
        kept.extend(&buffer[..length]);
        let excess = kept.len().saturating_sub(MAX_COMPLAINT_BYTES);
        kept.drain(..excess);
    }
}

/// A lock that a panic elsewhere cannot spoil: what it guards is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
