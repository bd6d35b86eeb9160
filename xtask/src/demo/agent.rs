//! `docker-agent` as its users run it: in a folder of their own, with a home, a path and telemetry on.
//!
//! The environment is cleared, so that nothing of the machine decides what the demo shows.
//! All runs share a home folder, as those of a real user do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::TRACK_PATH;
use super::examples::Example;
use crate::process::{self, Guard, Interrupt};

const RUN_LIMIT: Duration = Duration::from_secs(60);
/// What `telemetry flush` may take, in seconds as it wants them.
const FLUSH_LIMIT: &str = "10";
/// More requests than any demo makes.
const WHOLE_LOG: &str = "100000";

/// The installed program with its home folder.
#[derive(Debug)]
pub(super) struct Agent {
    program: PathBuf,
    home: PathBuf,
    work: PathBuf,
    endpoint: String,
    output: PathBuf,
}

impl Agent {
    /// Prepares the program to run below `stage` and to report to a collector.
    pub(super) fn new(program: PathBuf, stage: &Path, collector_url: &str) -> Agent {
        Agent {
            program,
            home: stage.join("home"),
            work: stage.join("work"),
            endpoint: format!("{collector_url}{TRACK_PATH}"),
            output: stage.to_owned(),
        }
    }

    /// Runs an example and returns what it said.
    pub(super) fn run(&self, example: &Example, interrupt: &Interrupt) -> anyhow::Result<String> {
        for file in [example.agent(), example.recording()] {
            if !self.work.join(&file).is_file() {
                bail!("{file} is missing; the demo's examples are listed in xtask/src/demo/examples.rs");
            }
        }
        let (agent, recording) = (example.agent(), example.recording());
        self.succeed(&["run", &agent, "--exec", "--yolo", "--fake", &recording, example.message], interrupt)
    }

    /// Runs a command that does little and is recorded.
    pub(super) fn version(&self, interrupt: &Interrupt) -> anyhow::Result<String> {
        self.succeed(&["version"], interrupt)
    }

    /// Waits until everything recorded has been delivered.
    pub(super) fn flush(&self, interrupt: &Interrupt) -> anyhow::Result<String> {
        self.succeed(&["telemetry", "flush", "--timeout", FLUSH_LIMIT], interrupt)
            .context("events are waiting that could not be delivered")
    }

    /// Returns what the client says about its state.
    pub(super) fn status(&self, interrupt: &Interrupt) -> anyhow::Result<String> {
        self.succeed(&["telemetry", "status", "--json"], interrupt)
    }

    /// Returns all requests that the client says it has made.
    pub(super) fn log(&self, interrupt: &Interrupt) -> anyhow::Result<String> {
        self.succeed(&["telemetry", "log", "--json", "--last", WHOLE_LOG], interrupt)
    }

    /// Returns the records that the client says are waiting.
    pub(super) fn pending(&self, interrupt: &Interrupt) -> anyhow::Result<String> {
        self.succeed(&["telemetry", "log", "--json", "--pending"], interrupt)
    }

    /// Runs the program and returns its stdout; anything but exit 0 is an error that carries what it wrote.
    fn succeed(&self, args: &[&str], interrupt: &Interrupt) -> anyhow::Result<String> {
        let (stdout, stderr) = (self.output.join("stdout"), self.output.join("stderr"));
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(create(&stdout)?).stderr(create(&stderr)?);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let status = Guard::new(child, "docker-agent").wait_for(RUN_LIMIT, interrupt)?;
        let said = read(&stdout)?;
        if !status.success() {
            bail!("{} ended with {status}\n{said}{}", process::render(&command), read(&stderr)?);
        }
        Ok(said)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.work).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOME", &self.home)
            .env("TELEMETRY_ENABLED", "true")
            .env("TELEMETRY_ENDPOINT", &self.endpoint);
        command
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(program: &str, stage: &Path) -> Agent {
        std::fs::create_dir(stage.join("work")).unwrap();
        Agent::new(PathBuf::from(program), stage, "http://127.0.0.1:1")
    }

    #[test]
    fn the_program_sees_its_home_and_the_collector_and_little_else() {
        let stage = tempfile::tempdir().unwrap();
        let seen = agent("/usr/bin/env", stage.path()).succeed(&[], &Interrupt::default()).unwrap();
        let mut names: Vec<_> = seen.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "TELEMETRY_ENABLED", "TELEMETRY_ENDPOINT"]);
        assert!(seen.contains("TELEMETRY_ENDPOINT=http://127.0.0.1:1/events/v1/track\n"), "{seen}");
    }

    #[test]
    fn a_failed_command_is_an_error_with_what_it_wrote() {
        let stage = tempfile::tempdir().unwrap();
        let agent = agent("/bin/sh", stage.path());
        let error =
            agent.succeed(&["-c", "echo out; echo why >&2; exit 3"], &Interrupt::default()).unwrap_err();
        assert!(error.to_string().ends_with("ended with exit status: 3\nout\nwhy\n"), "{error}");
    }
}
