//! Children that never outlive us, waits that always end.
//!
//! A [`Guard`] kills its child when it goes out of scope, whatever the reason.
//! Waits watch the deadline and the interrupt flag; an interrupted child gets a moment to end by itself, since the
//! terminal sends Ctrl-C to it as well.

use std::fmt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

const POLL: Duration = Duration::from_millis(10);
const INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// The error of whatever was going on when a signal asked us to stop.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// A flag that SIGINT, SIGTERM and SIGHUP set; without it these signals would end us before our children.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals from now on.
    pub(crate) fn catch() -> anyhow::Result<Interrupt> {
        let interrupt = Interrupt::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0)).context("cannot catch signals")?;
        }
        Ok(interrupt)
    }

    /// Returns an error once a signal has come.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Waits until a signal comes or `stop` says so.
    pub(crate) fn wait_until(&self, mut stop: impl FnMut() -> bool) -> anyhow::Result<()> {
        while !stop() {
            self.check()?;
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

/// A running child that is killed when this value goes.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
    name: String,
}

impl Guard {
    /// Takes charge of a child; `name` is what error texts call it.
    pub(crate) fn new(child: Child, name: &str) -> Guard {
        Guard { child, name: name.to_owned() }
    }

    /// Returns the child's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the reading end of the child's stdout, which must have been piped and not yet taken.
    pub(crate) fn take_stdout(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("{} has no stdout to read", self.name))
    }

    /// Waits for the end of the child, however long it takes.
    pub(crate) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Returns the status if the child has ended.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for the end of the child until the time is up or a signal comes; then it is killed.
    pub(crate) fn wait_for(&mut self, limit: Duration, interrupt: &Interrupt) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        let mut signalled: Option<Instant> = None;
        loop {
            if let Some(status) = self.ended()? {
                interrupt.check()?;
                return Ok(status);
            }
            let now = Instant::now();
            if interrupt.check().is_err() {
                let since = *signalled.get_or_insert(now);
                if now.duration_since(since) >= INTERRUPT_GRACE {
                    self.kill();
                    interrupt.check()?;
                }
            } else if now >= deadline {
                self.kill();
                bail!("{} did not end within {} s and was killed", self.name, limit.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Kills the child with SIGKILL and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command that says little, with no stdin, and returns what it wrote.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", render(command)))
}

/// Runs a command that says little and returns its stdout; a failure's error carries its stderr.
pub(crate) fn stdout(command: &mut Command) -> anyhow::Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", render(command), output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", render(command)))
}

/// Renders a command as one would type it.
pub(crate) fn render(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// Quotes a word for the shell if it needs it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Guard {
        Guard::new(Command::new("sleep").arg("60").spawn().unwrap(), "sleep")
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed() {
        let error = sleeper().wait_for(Duration::from_millis(30), &Interrupt::default()).unwrap_err();
        assert_eq!(error.to_string(), "sleep did not end within 0 s and was killed");
    }

    #[test]
    fn a_signal_ends_the_wait_and_the_child() {
        let interrupt = Interrupt::default();
        interrupt.0.store(true, Ordering::Relaxed);
        let mut child = sleeper();
        let error = child.wait_for(Duration::from_secs(50), &interrupt).unwrap_err();
        assert!(error.is::<Interrupted>(), "{error}");
        assert!(child.ended().unwrap().is_some());
    }

    #[test]
    fn a_guard_that_goes_takes_its_child_along() {
        let child = sleeper();
        let proc_entry = format!("/proc/{}", child.child.id());
        assert!(std::fs::exists(&proc_entry).unwrap());
        drop(child);
        assert!(!std::fs::exists(&proc_entry).unwrap());
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quote("--locked"), "--locked");
        assert_eq!(quote("it's here"), r"'it'\''s here'");
        assert_eq!(quote(""), "''");
    }
}
