//! The collector as a child process: started, killed, started again on the same port and data.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::{Guard, Interrupt};

const START_LIMIT: Duration = Duration::from_secs(20);
const LAST_WORDS: usize = 20;

/// A running collector; it is killed when this value goes.
#[derive(Debug)]
pub(crate) struct Collector {
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    port: u16,
    child: Guard,
}

impl Collector {
    /// Starts the collector with its data below `stage`; returns once it listens.
    pub(crate) fn start(
        program: PathBuf,
        stage: &Path,
        port: u16,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Collector> {
        let (data, log) = (stage.join("data"), stage.join("collector.log"));
        let child = spawn(&program, &data, &log, port)?;
        let mut collector = Collector { program, data, log, port, child };
        collector.port = collector.listen(interrupt)?;
        Ok(collector)
    }

    /// Starts a killed collector again, on its port and with its data.
    pub(crate) fn restart(&mut self, interrupt: &Interrupt) -> anyhow::Result<()> {
        self.child = spawn(&self.program, &self.data, &self.log, self.port)?;
        let port = self.listen(interrupt)?;
        if port != self.port {
            bail!("the collector listens on port {port}, not on {} as told", self.port);
        }
        Ok(())
    }

    /// Kills the collector with SIGKILL and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// Returns whether the collector is no longer there.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.ended(), Ok(None))
    }

    /// Returns the process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the end of what the collector wrote to stderr.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }

    /// Waits for the line that says where the collector listens, and returns the port.
    fn listen(&mut self, interrupt: &Interrupt) -> anyhow::Result<u16> {
        let stdout = self.child.take_stdout()?;
        let line = match first_line(stdout, interrupt) {
            Ok(line) => line,
            Err(error) => bail!("the collector did not start: {error:#}\n{}", self.last_words()),
        };
        interrupt.check()?;
        let port = port_of(&line);
        port.with_context(|| {
            format!("the collector should say where it listens, and said {line:?}\n{}", self.last_words())
        })
    }
}

fn spawn(program: &Path, data: &Path, log: &Path, port: u16) -> anyhow::Result<Guard> {
    let log = File::options().create(true).append(true).open(log).context("cannot write collector.log")?;
    let child = Command::new(program)
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Guard::new(child, "telemetry-collector"))
}

/// Reads the first line within the time allowed; the rest is read and dropped, so that the collector never blocks.
fn first_line(stdout: ChildStdout, interrupt: &Interrupt) -> anyhow::Result<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let read = reader.read_line(&mut line).map(|_| line);
        let _ = sender.send(read);
        let _ = std::io::copy(&mut reader.by_ref(), &mut std::io::sink());
    });
    let deadline = Instant::now() + START_LIMIT;
    let mut read = None;
    interrupt.wait_until(|| {
        read = receiver.try_recv().ok();
        read.is_some() || Instant::now() >= deadline
    })?;
    let line = read.with_context(|| format!("it said nothing within {} s", START_LIMIT.as_secs()))?;
    Ok(line.context("cannot read its stdout")?.trim_end().to_owned())
}

fn port_of(line: &str) -> Option<u16> {
    line.strip_prefix("listening on http://127.0.0.1:")?.trim_end_matches('/').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_promised_line_and_from_nothing_else() {
        assert_eq!(port_of("listening on http://127.0.0.1:4380"), Some(4380));
        assert_eq!(port_of("listening on http://0.0.0.0:4380"), None);
        assert_eq!(port_of("warning: listening on http://127.0.0.1:4380"), None);
        assert_eq!(port_of(""), None);
    }

    #[test]
    fn a_collector_that_ends_at_once_is_an_error_that_shows_why() {
        let stage = tempfile::tempdir().unwrap();
        let error = Collector::start(PathBuf::from("/bin/false"), stage.path(), 0, &Interrupt::default());
        assert!(error.unwrap_err().to_string().contains("should say where it listens"));
    }
}
