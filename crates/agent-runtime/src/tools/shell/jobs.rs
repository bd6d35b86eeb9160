//! Background jobs: commands that a model starts, looks at and stops.
//!
//! A job's output is read all the time and kept as far as a view of it shows it, so that a job can write for ever.
//! Jobs end with their shell, with what they left behind, and all of them when the conversation does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{NAMES, checked};
use crate::cancel::Cancel;
use crate::provider::ToolDefinition;
use crate::tools::process::{self, End, HeadAndTail, MAX_OUTPUT_CHARS};
use crate::tools::toolbox::Closing;
use crate::tools::{Access, BoxFuture, Context, Failure, Outcome, Output, Tool, arguments};

/// Jobs that may run at the same time.
const MAX_RUNNING: usize = 20;
/// Jobs that are remembered; the oldest that have ended are forgotten.
const MAX_REMEMBERED: usize = 100;
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// How much of a command a list shows.
const MAX_SHOWN_CHARS: usize = 200;

/// The jobs of one conversation.
#[derive(Debug)]
pub(super) struct Jobs {
    env: Arc<BTreeMap<String, String>>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    jobs: Vec<Job>,
    last_id: u32,
}

#[derive(Debug)]
struct Job {
    id: String,
    cmd: String,
    started: Instant,
    state: Arc<Mutex<State>>,
    stop: Cancel,
    ended: Cancel,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    output: HeadAndTail,
    end: Option<(String, Duration)>,
}

impl Drop for Job {
    fn drop(&mut self) {
        // The task owns the process group and kills it when it is dropped.
        self.task.abort();
    }
}

impl Job {
    fn line(&self) -> String {
        let state = lock(&self.state);
        let (word, time) = match &state.end {
            None => ("running", self.started.elapsed()),
            Some((word, time)) => (word.as_str(), *time),
        };
        let cmd: String = self.cmd.chars().take(MAX_SHOWN_CHARS).collect();
        format!("{} [{word}, {} s, {} bytes] {cmd}\n", self.id, time.as_secs(), state.output.total())
    }
}

impl Jobs {
    pub(super) fn new(env: Arc<BTreeMap<String, String>>) -> Self {
        Self { env, list: Mutex::default() }
    }

    fn start(&self, value: Value, context: &Context) -> Result<String, Failure> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Arguments {
            cmd: String,
            #[serde(default)]
            cwd: Option<String>,
        }
        let Arguments { cmd, cwd } = arguments(NAMES[1], value)?;
        let folder = checked(&cmd, cwd, context)?;
        let mut list = lock(&self.list);
        if list.jobs.iter().filter(|job| lock(&job.state).end.is_none()).count() >= MAX_RUNNING {
            let text = format!("{MAX_RUNNING} jobs run already, stop one first");
            return Err(Failure::model(ErrorClass::Limit, text));
        }
        let command = process::shell(&cmd, &folder, &self.env, context);
        let running = process::start(command, &context.lifeline).map_err(|error| {
            Failure::model(ErrorClass::Io, format!("the command cannot be started: {error}"))
        })?;
        let output = HeadAndTail::new(MAX_OUTPUT_CHARS);
        let state = Arc::new(Mutex::new(State { output, end: None }));
        let (stop, ended, started) = (Cancel::new(), Cancel::new(), Instant::now());
        let task = tokio::spawn({
            let (state, stop, ended) = (Arc::clone(&state), stop.clone(), ended.clone());
            async move {
                follow(running, state, started, stop).await;
                ended.cancel();
            }
        });
        list.last_id += 1;
        let id = format!("job_{}", list.last_id);
        list.jobs.push(Job { id: id.clone(), cmd, started, state, stop, ended, task });
        let excess = list.jobs.len().saturating_sub(MAX_REMEMBERED);
        let mut forgotten = 0;
        list.jobs.retain(|job| {
            let forget = forgotten < excess && lock(&job.state).end.is_some();
            forgotten += usize::from(forget);
            !forget
        });
        Ok(format!("started {id}"))
    }

    fn list(&self, value: Value) -> Result<String, Failure> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let Nothing {} = arguments(NAMES[2], value)?;
        let lines: String = lock(&self.list).jobs.iter().map(Job::line).collect();
        Ok(if lines.is_empty() { "there are no jobs\n".to_owned() } else { lines })
    }

    fn view(&self, value: Value) -> Result<String, Failure> {
        let list = lock(&self.list);
        let job = list.find(NAMES[3], value)?;
        let output = lock(&job.state).output.text();
        Ok(format!("{}{output}", job.line()))
    }

    async fn stop(&self, value: Value) -> Result<String, Failure> {
        let (id, ended) = {
            let list = lock(&self.list);
            let job = list.find(NAMES[4], value)?;
            if job.ended.is_cancelled() {
                return Ok(format!("{} has ended already", job.id));
            }
            job.stop.cancel();
            (job.id.clone(), job.ended.clone())
        };
        ended.cancelled().await;
        Ok(format!("stopped {id}"))
    }
}

impl Closing for Jobs {
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let running: Vec<Cancel> = {
                let list = lock(&self.list);
                list.jobs.iter().for_each(|job| job.stop.cancel());
                list.jobs.iter().map(|job| job.ended.clone()).collect()
            };
            for ended in running {
                ended.cancelled().await;
            }
        })
    }
}

impl List {
    fn find(&self, tool: &str, value: Value) -> Result<&Job, Failure> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Arguments {
            job_id: String,
        }
        let Arguments { job_id } = arguments(tool, value)?;
        self.jobs.iter().find(|job| job.id == job_id).ok_or_else(|| {
            let shown: String = job_id.chars().take(64).collect();
            Failure::model(ErrorClass::NotFound, format!("job_id: there is no job `{shown}`"))
        })
    }
}

/// Reads a job's output until it ends or is stopped.
async fn follow(mut running: process::Running, state: Arc<Mutex<State>>, started: Instant, stop: Cancel) {
    let push = |bytes: &[u8]| lock(&state).output.push(bytes);
    let end = running.follow(push, FOREVER, stop.cancelled()).await.unwrap_or(End::Cancelled);
    running.end(end, push).await;
    let word = match end {
        End::Exited(status) => status.to_string(),
        End::TimedOut | End::Cancelled => "stopped".to_owned(),
    };
    lock(&state).end = Some((word, started.elapsed()));
}

/// What a tool does with the jobs.
#[derive(Clone, Copy, Debug)]
enum Action {
    Start,
    List,
    View,
    Stop,
}

/// One of the tools for jobs.
#[derive(Debug)]
pub(super) struct JobTool {
    name: &'static str,
    action: Action,
    jobs: Arc<Jobs>,
}

impl JobTool {
    /// All tools for these jobs.
    pub(super) fn all(jobs: &Arc<Jobs>) -> [Self; 4] {
        let tool = |name, action| Self { name, action, jobs: Arc::clone(jobs) };
        [
            tool(NAMES[1], Action::Start),
            tool(NAMES[2], Action::List),
            tool(NAMES[3], Action::View),
            tool(NAMES[4], Action::Stop),
        ]
    }
}

impl Tool for JobTool {
    fn name(&self) -> &str {
        self.name
    }

    fn definition(&self) -> ToolDefinition {
        let job = json!({ "job_id": { "type": "string", "description": "The job, as the list names it" } });
        let (description, properties, required) = match self.action {
            Action::Start => (
                "Starts a command in a shell and goes on. It runs until it ends, is stopped, or the conversation \
                 ends.",
                json!({
                    "cmd": { "type": "string", "description": "The command, for sh -c; not to be ended with &" },
                    "cwd": { "type": "string", "description": "Where to run it; the working folder if absent" },
                }),
                &["cmd"][..],
            ),
            Action::List => ("Lists the background jobs.", json!({}), &[][..]),
            Action::View => ("Shows what a background job has printed so far.", job, &["job_id"][..]),
            Action::Stop => ("Stops a background job.", job, &["job_id"][..]),
        };
        ToolDefinition {
            name: self.name.to_owned(),
            description: description.to_owned(),
            parameters: json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            }),
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        match self.action {
            Action::List | Action::View => Access::NOTHING,
            Action::Start | Action::Stop => Access::Changes,
        }
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let text = match self.action {
                Action::Start => self.jobs.start(arguments, context),
                Action::List => self.jobs.list(arguments),
                Action::View => self.jobs.view(arguments),
                Action::Stop => self.jobs.stop(arguments).await,
            };
            text.map(Output::from)
        })
    }
}

/// A lock that a panic elsewhere cannot spoil: what it guards is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
