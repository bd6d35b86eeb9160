//! Commands, each in a shell and a process group of its own.
//!
//! The group is ended when the command ends, when its time is up and when the user cancels, so that nothing is
//! left behind: first asked to (SIGTERM), then made to (SIGKILL). Standard input is empty. Output and errors share
//! one pipe, so that the model sees them in the order in which they were written.

mod output;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use agent_telemetry::ErrorClass;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::{Access, BoxFuture, Context, Failure, Tool, arguments};
use crate::provider::ToolDefinition;
use output::HeadAndTail;

pub(super) const NAME: &str = "shell";

/// Most characters of output that a model sees.
const MAX_OUTPUT_CHARS: usize = 30_000;
const DEFAULT_TIMEOUT_S: u64 = 30;
const MAX_TIMEOUT_S: u64 = 3_600;
/// How long a group may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(500);

/// The `shell` tool.
#[derive(Debug)]
pub(crate) struct Shell {
    /// Variables that the agent file sets.
    pub(crate) env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    cmd: String,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    timeout: Option<u64>,
}

/// How a command ended.
enum End {
    Exited(ExitStatus),
    TimedOut,
    Cancelled,
}

/// Kills the process group when dropped, whatever was going on.
struct Group(Option<Pid>);

impl Tool for Shell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> ToolDefinition {
        let parameters = json!({
            "type": "object",
            "properties": {
                "cmd": { "type": "string", "description": "The command, for sh -c" },
                "cwd": { "type": "string", "description": "Where to run it; the working folder if absent" },
                "timeout": {
                    "type": "integer",
                    "description": format!("Seconds after which it is ended; {DEFAULT_TIMEOUT_S} if absent"),
                },
            },
            "required": ["cmd"],
            "additionalProperties": false,
        });
        ToolDefinition {
            name: NAME.to_owned(),
            description:
                "Runs a command in a shell and waits for it. What it leaves running in the background is \
                          ended with it."
                    .to_owned(),
            parameters,
        }
    }

    fn access(&self, _arguments: &Value) -> Access {
        Access::Changes
    }

    fn run<'a>(&'a self, arguments: Value, context: &'a Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(self.execute(arguments, context))
    }
}

impl Shell {
    async fn execute(&self, value: Value, context: &Context) -> Result<String, Failure> {
        let Arguments { cmd, cwd, timeout } = arguments(NAME, value)?;
        if cmd.trim().is_empty() || cmd.contains('\0') {
            return Err(Failure::model(ErrorClass::InvalidArguments, "cmd: expected a command"));
        }
        let seconds = timeout.unwrap_or(DEFAULT_TIMEOUT_S);
        if seconds == 0 || seconds > MAX_TIMEOUT_S {
            let text = format!("timeout: expected 1 to {MAX_TIMEOUT_S} seconds, found {seconds}");
            return Err(Failure::model(ErrorClass::InvalidArguments, text));
        }
        let folder = context.folder.join(cwd.as_deref().unwrap_or("."));
        if !folder.is_dir() {
            let text = format!("cwd: {} is no folder", cwd.unwrap_or_default());
            return Err(Failure::model(ErrorClass::NotFound, text));
        }
        let started = self.spawn(&cmd, &folder, context);
        let (mut child, reader) = started.map_err(|error| {
            Failure::model(ErrorClass::Io, format!("the shell cannot be started: {error}"))
        })?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let mut output = HeadAndTail::new(MAX_OUTPUT_CHARS);
        let mut reader = reader;
        let end = follow(&mut child, &mut reader, &mut output, Duration::from_secs(seconds), context).await;
        let end =
            end.map_err(|error| Failure::model(ErrorClass::Io, format!("the shell was lost: {error}")))?;
        if !matches!(end, End::Exited(_)) {
            group.ask_to_end(&mut child).await;
        }
        drop(group);
        drain(reader, &mut output).await;
        let output = output.finish();
        match end {
            End::Exited(status) if status.success() => {
                Ok(if output.is_empty() { "the command printed nothing".to_owned() } else { output })
            }
            End::Exited(status) => Err(Failure::model(
                ErrorClass::NonzeroExit,
                format!("{output}\n[{status}]").trim_start().to_owned(),
            )),
            End::TimedOut => Err(Failure::model(
                ErrorClass::Timeout,
                format!("{output}\n[ended after {seconds} seconds]").trim_start().to_owned(),
            )),
            End::Cancelled => Err(Failure::Cancelled { text: output }),
        }
    }

    fn spawn(
        &self,
        cmd: &str,
        folder: &std::path::Path,
        context: &Context,
    ) -> std::io::Result<(Child, pipe::Receiver)> {
        let (reader, writer) = std::io::pipe()?;
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(cmd)
            .current_dir(folder)
            .env_clear()
            .envs(context.environment.iter())
            .envs(&self.env)
            .env("PWD", folder)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        // The command, dropped here, closes our ends for writing: the pipe ends with its last writer.
        Ok((command.spawn()?, reader))
    }
}

/// Reads output until the command ends, its time is up, or the user cancels.
async fn follow(
    child: &mut Child,
    reader: &mut pipe::Receiver,
    output: &mut HeadAndTail,
    timeout: Duration,
    context: &Context,
) -> std::io::Result<End> {
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    let mut buffer = vec![0; 16 * 1024];
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Ok(End::Cancelled),
            () = &mut deadline => return Ok(End::TimedOut),
            status = child.wait() => return Ok(End::Exited(status?)),
            read = reader.read(&mut buffer), if open => match read {
                Ok(0) | Err(_) => open = false,
                Ok(length) => output.push(&buffer[..length]),
            },
        }
    }
}

/// Reads what is still in the pipe. Its writers are dead by now, but for one that left its group: for that one
/// nobody waits.
async fn drain(mut reader: pipe::Receiver, output: &mut HeadAndTail) {
    let rest = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            output.push(&buffer[..length]);
        }
    };
    let _left_open = tokio::time::timeout(GRACE, rest).await;
}

impl Group {
    /// Asks the group to end and gives it a moment.
    async fn ask_to_end(&mut self, child: &mut Child) {
        if let Some(group) = self.0 {
            let _gone = kill_process_group(group, Signal::TERM);
            let _late = tokio::time::timeout(GRACE, child.wait()).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}
