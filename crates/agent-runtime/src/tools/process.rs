//! Children: each in a process group of its own, with nothing to read and one pipe for all that it writes.
//!
//! A group is ended when its first process ends, when its time is up, when the user cancels and when nobody waits
//! for it any more, so that nothing is left behind: first asked to (SIGTERM), then made to (SIGKILL). Output and
//! errors share a pipe, so that they are seen in the order in which they were written.

mod output;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use agent_telemetry::ErrorClass;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::lifeline::Lifeline;
use super::{Context, Failure, Outcome};
pub(super) use output::HeadAndTail;

/// Most characters of output that a model sees.
pub(super) const MAX_OUTPUT_CHARS: usize = 30_000;
/// How long a group may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_millis(500);
const BUFFER_BYTES: usize = 16 * 1024;

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Exited(ExitStatus),
    TimedOut,
    Cancelled,
}

/// A process group; killed when dropped, whatever was going on.
#[derive(Debug)]
pub(super) struct Group {
    id: Option<Pid>,
    lifeline: Arc<Lifeline>,
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Group,
    reader: pipe::Receiver,
}

impl Group {
    /// The group that a child leads.
    pub(super) fn of(child: &Child, lifeline: &Arc<Lifeline>) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            lifeline.register(id);
        }
        Self { id, lifeline: Arc::clone(lifeline) }
    }

    /// Asks the group to end and gives it a moment.
    pub(super) async fn ask_to_end(&self, child: &mut Child) {
        if let Some(id) = self.id {
            let _gone = kill_process_group(id, Signal::TERM);
            let _late = tokio::time::timeout(GRACE, child.wait()).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let _gone = kill_process_group(id, Signal::KILL);
            self.lifeline.release(id);
        }
    }
}

/// Put before a command, on its first line: it waits until it is registered, and never begins if that does not come.
const GATE: &str = "read -r _ && exec </dev/null || exit; ";

/// A command for `sh`, not started yet.
pub(super) fn shell(cmd: &str, folder: &Path, env: &BTreeMap<String, String>, context: &Context) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("{GATE}{cmd}")).current_dir(folder).env_clear();
    command.envs(context.environment.iter()).envs(env).env("PWD", folder);
    command
}

/// Starts a command that [`shell`] made, in a group of its own.
///
/// It does nothing before its group is known to those who will end it, or this process could be killed in between.
pub(super) fn start(mut command: Command, lifeline: &Arc<Lifeline>) -> io::Result<Running> {
    let (reader, writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let (gate, mut opener) = io::pipe()?;
    command.stdin(gate).stdout(writer.try_clone()?).stderr(writer);
    let child = command.process_group(0).kill_on_drop(true).spawn()?;
    let group = Group::of(&child, lifeline);
    opener.write_all(b"\n")?;
    // The command, dropped here, closes our ends for writing: the pipe ends with its last writer.
    drop(command);
    Ok(Running { child, group, reader })
}

/// Runs a command to its end and says what a model should read about it.
pub(super) async fn answer(command: Command, limit: Duration, context: &Context) -> Outcome {
    let lost = |error: io::Error| Failure::model(ErrorClass::Io, format!("the command was lost: {error}"));
    let mut running = start(command, &context.lifeline)
        .map_err(|error| Failure::model(ErrorClass::Io, format!("the command cannot be started: {error}")))?;
    let mut output = HeadAndTail::new(MAX_OUTPUT_CHARS);
    let end = running.follow(|bytes| output.push(bytes), limit, context.cancel.cancelled()).await;
    let end = end.map_err(lost)?;
    running.end(end, |bytes| output.push(bytes)).await;
    let output = output.text();
    let failed = |class, note: String| {
        Err(Failure::model(class, format!("{output}\n[{note}]").trim_start().to_owned()))
    };
    match end {
        End::Exited(status) if status.success() && output.is_empty() => {
            Ok("the command printed nothing".to_owned().into())
        }
        End::Exited(status) if status.success() => Ok(output.into()),
        End::Exited(status) => failed(ErrorClass::NonzeroExit, status.to_string()),
        End::TimedOut => failed(ErrorClass::Timeout, format!("ended after {} seconds", limit.as_secs())),
        End::Cancelled => Err(Failure::Cancelled { text: output }),
    }
}

impl Running {
    /// Reads output until the command ends, its time is up, or `cancelled` is.
    pub(super) async fn follow(
        &mut self,
        mut push: impl FnMut(&[u8]),
        limit: Duration,
        cancelled: impl Future<Output = ()>,
    ) -> io::Result<End> {
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline, cancelled);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                () = &mut cancelled => return Ok(End::Cancelled),
                () = &mut deadline => return Ok(End::TimedOut),
                status = self.child.wait() => return Ok(End::Exited(status?)),
                read = self.reader.read(&mut buffer), if open => match read {
                    Ok(0) | Err(_) => open = false,
                    Ok(length) => push(&buffer[..length]),
                },
            }
        }
    }

    /// Ends the group and reads what is still in the pipe.
    ///
    /// Its writers are dead by then, but for one that left its group: for that one nobody waits.
    pub(super) async fn end(mut self, end: End, mut push: impl FnMut(&[u8])) {
        if !matches!(end, End::Exited(_)) {
            self.group.ask_to_end(&mut self.child).await;
        }
        drop(self.group);
        let mut reader = self.reader;
        let rest = async {
            let mut buffer = vec![0; BUFFER_BYTES];
            while let Ok(length @ 1..) = reader.read(&mut buffer).await {
                push(&buffer[..length]);
            }
        };
        let _left_open = tokio::time::timeout(GRACE, rest).await;
    }
}
