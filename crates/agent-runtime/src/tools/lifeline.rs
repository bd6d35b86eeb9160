//! Ends children when this process is gone without having ended them: killed, aborted, exited in the middle.
//!
//! A process that is killed cannot clean up, so somebody else has to. With the first child, a small shell is started
//! that reads the ids of process groups from a pipe. Only this process can write to the pipe; when it is gone,
//! however it went, the pipe ends, and the shell ends the groups that are still listed. It needs nothing but `sh`,
//! costs one process per conversation that runs commands, and two short writes per command.
//!
//! What it cannot do: a child that made itself a group of its own is not found. Commands wait until their group is
//! listed; an MCP server does not, but is told by the end of its standard input.

use std::fmt;
use std::io::{PipeWriter, Write};
use std::process::Stdio;
use std::sync::OnceLock;

use rustix::process::Pid;
use tokio::process::Command;

/// Reads `+ ID` and `- ID`; at the end asks the groups that are left to end, and a second later makes them.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
groups=" "
while read -r sign id; do
  case "$sign$groups" in
    +*) groups="$groups$id " ;;
    -*" $id "*) groups="${groups%%" $id "*} ${groups#*" $id "}" ;;
  esac
done
alive=
for id in $groups; do kill -s TERM -- "-$id" && alive=yes; done
[ -z "$alive" ] || sleep 1
for id in $groups; do kill -s KILL -- "-$id"; done
"#;

/// The line to the shell that outlives this process; started when it is first needed.
#[derive(Default)]
pub(crate) struct Lifeline {
    /// Nothing if the shell could not be started: then only this process ends its children.
    line: OnceLock<Option<PipeWriter>>,
}

impl fmt::Debug for Lifeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifeline").field("started", &self.line.get().is_some()).finish()
    }
}

impl Lifeline {
    /// Has a group ended when this process is gone.
    pub(super) fn register(&self, group: Pid) {
        self.say('+', group);
    }

    /// Forgets a group that was ended.
    pub(super) fn release(&self, group: Pid) {
        self.say('-', group);
    }

    fn say(&self, sign: char, group: Pid) {
        let line = self.line.get_or_init(|| start().ok());
        if let Some(mut line) = line.as_ref() {
            // A line this short is written whole or not at all; a shell that was killed is nothing to stop for.
            let _lost = line.write(format!("{sign} {}\n", group.as_raw_nonzero()).as_bytes());
        }
    }
}

fn start() -> std::io::Result<PipeWriter> {
    let (reader, writer) = std::io::pipe()?;
    // Whatever happens to the shell, a tool must not wait for it.
    rustix::io::ioctl_fionbio(&writer, true)?;
    let shell = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::from(reader))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // It ends by itself when the line does; the runtime collects it then.
    drop(shell);
    Ok(writer)
}
