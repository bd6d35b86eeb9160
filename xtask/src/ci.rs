//! `cargo xtask ci`: every check in one order, from cheap to dear, stopping at the first that fails.
//!
//! The plan is data: what runs is what is printed as the command to repeat.
//! Steps share build products, since a cold run on two cores is mostly compiling: lints and rustdoc use the same
//! metadata, tests and doc tests the same debug build, generated files, tests and demo the same two release binaries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::{process, terminal, workspace};

/// One check.
#[derive(Debug)]
struct Step {
    name: &'static str,
    program: Program,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

#[derive(Debug, PartialEq)]
enum Program {
    Cargo,
    /// Cargo of a toolchain that is not the one at work.
    Rustup,
    /// This program itself.
    Xtask,
}

/// What the machine offers.
#[derive(Debug)]
struct Machine {
    nextest: bool,
    /// The oldest Rust that `Cargo.toml` promises, unless it is the one at work: then all other steps check it.
    oldest_rust: Option<String>,
    /// Where the release binaries will be.
    release_dir: PathBuf,
}

/// Runs all steps.
pub(crate) fn run() -> anyhow::Result<()> {
    // Asked now: a build may replace the file that we were started from.
    let xtask = std::env::current_exe().context("cannot find this program")?;
    let metadata = workspace::metadata()?;
    let machine = Machine {
        nextest: process::output(workspace::cargo().args(["nextest", "--version"]))?.status.success(),
        oldest_rust: workspace::oldest_rust(
            &metadata,
            &process::stdout(Command::new("rustc").arg("--version"))?,
        ),
        release_dir: metadata.target_directory.into_std_path_buf().join("release"),
    };
    let started = Instant::now();
    let mut timings = Vec::new();
    for step in plan(&machine) {
        terminal::note(&format!("\n== {}: {}", step.name, step.repeat()));
        let step_started = Instant::now();
        let status =
            step.command(&xtask).status().with_context(|| format!("cannot start {}", step.repeat()))?;
        let seconds = step_started.elapsed().as_secs_f64();
        if !status.success() {
            bail!(
                "step `{}` failed after {seconds:.1} s ({status}); repeat it with: {}",
                step.name,
                step.repeat()
            );
        }
        terminal::note(&format!("== {}: ok, {seconds:.1} s", step.name));
        timings.push((step.name, seconds));
    }
    terminal::note("");
    for (name, seconds) in timings {
        terminal::note(&format!("{seconds:8.1} s  {name}"));
    }
    terminal::note(&format!("{:8.1} s  all checks passed", started.elapsed().as_secs_f64()));
    Ok(())
}

/// Lists the steps in the order in which they run.
fn plan(machine: &Machine) -> Vec<Step> {
    let without_http = [
        "clippy",
        "--locked",
        "-p",
        "agent-telemetry",
        "--no-default-features",
        "--features",
        "client",
        "--",
        "-D",
        "warnings",
    ];
    let mut steps = vec![
        cargo("format", &["fmt", "--all", "--check"]),
        cargo("lints", &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        // The SDK without HTTP is what a tool with a transport of its own builds; the workspace never does.
        cargo("lints, no http", &without_http),
        // What the collector builds when it is built alone.
        cargo(
            "lints, collector alone",
            &["clippy", "--locked", "-p", "telemetry-collector", "--", "-D", "warnings"],
        ),
        xtask("house rules", &["tidy"]),
    ];
    if let Some(version) = &machine.oldest_rust {
        let args = ["run", "--install", version, "cargo", "check", "--locked", "--workspace"];
        steps.push(Step { program: Program::Rustup, ..cargo("oldest Rust", &args) });
    }
    steps.extend([
        cargo("release binaries", &workspace::BUILD_BINARIES),
        xtask("generated files", &["docs", "--check"]),
    ]);
    let tests = if machine.nextest {
        cargo("tests", &["nextest", "run", "--locked", "--workspace", "--config-file", "xtask/nextest.toml"])
    } else {
        cargo("tests", &["test", "--locked", "--workspace", "--lib", "--bins", "--tests"])
    };
    steps.extend([
        tests.env("RELEASE_BIN_DIR", machine.release_dir.to_string_lossy()),
        cargo("doc tests", &["test", "--locked", "--workspace", "--doc"]),
        cargo("documentation", &["doc", "--locked", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        xtask("demo", &["demo", "--once"]),
    ]);
    steps
}

fn cargo(name: &'static str, args: &[&str]) -> Step {
    Step {
        name,
        program: Program::Cargo,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec![],
    }
}

fn xtask(name: &'static str, args: &[&str]) -> Step {
    Step { program: Program::Xtask, ..cargo(name, args) }
}

impl Step {
    fn env(mut self, name: &'static str, value: impl Into<String>) -> Step {
        self.env.push((name, value.into()));
        self
    }

    fn command(&self, xtask: &Path) -> Command {
        let mut command = match self.program {
            Program::Cargo => workspace::cargo(),
            Program::Rustup => Command::new("rustup"),
            Program::Xtask => Command::new(xtask),
        };
        command.current_dir(workspace::root()).args(&self.args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Renders the step as one would type it in the workspace's root.
    fn repeat(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", process::quote(value)));
        let program = match self.program {
            Program::Cargo => "cargo",
            Program::Rustup => "rustup",
            Program::Xtask => "cargo xtask",
        };
        let args = self.args.iter().map(|arg| process::quote(arg));
        env.chain([program.to_owned()]).chain(args).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(nextest: bool) -> Vec<Step> {
        plan(&Machine { nextest, oldest_rust: None, release_dir: PathBuf::from("/t/release") })
    }

    #[test]
    fn cheap_checks_come_before_dear_ones_and_the_main_job_comes_last() {
        let names: Vec<_> = steps(true).iter().map(|step| step.name).collect();
        assert_eq!(
            names,
            [
                "format",
                "lints",
                "lints, no http",
                "lints, collector alone",
                "house rules",
                "release binaries",
                "generated files",
                "tests",
                "doc tests",
                "documentation",
                "demo"
            ]
        );
    }

    #[test]
    fn the_oldest_rust_is_tried_when_it_is_not_the_one_at_work() {
        let metadata = workspace::metadata().unwrap();
        let other = workspace::oldest_rust(&metadata, "rustc 1.9999.0 (59807616e 2099-04-14)").unwrap();
        assert_eq!(
            workspace::oldest_rust(&metadata, &format!("rustc {other}.1-beta.2 (59807616e 2026-04-14)")),
            None
        );
        let machine =
            Machine { nextest: true, oldest_rust: Some(other.clone()), release_dir: PathBuf::default() };
        let steps = plan(&machine);
        let step = steps.iter().find(|step| step.name == "oldest Rust").unwrap();
        assert_eq!(step.repeat(), format!("rustup run --install {other} cargo check --locked --workspace"));
    }

    #[test]
    fn the_command_to_repeat_is_the_command_that_runs() {
        for step in steps(true) {
            let command = step.command(Path::new("xtask"));
            let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
            assert!(step.repeat().ends_with(&args.join(" ")), "{}", step.repeat());
            assert_eq!(command.get_current_dir(), Some(workspace::root().as_path()));
        }
        let steps = steps(true);
        let documentation = steps.iter().find(|step| step.name == "documentation").unwrap();
        assert_eq!(
            documentation.repeat(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps"
        );
    }

    #[test]
    fn without_nextest_the_same_tests_run_with_cargo() {
        let steps = steps(false);
        let tests = steps.iter().find(|step| step.name == "tests").unwrap();
        assert_eq!(
            tests.repeat(),
            "RELEASE_BIN_DIR=/t/release cargo test --locked --workspace --lib --bins --tests"
        );
    }
}
