//! `cargo xtask docs`: the files that come from definitions in the programs, written or compared.
//!
//! They are what the programs themselves say, so that what we publish, what users are told, what the collector accepts
//! and what it answers cannot differ.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::process::Interrupt;
use crate::{process, terminal, workspace};

/// Which program writes a file.
#[derive(Debug, Clone, Copy)]
enum Writer {
    Agent,
    Collector,
}

/// Files by their path in the workspace, with the program and the arguments that make it write them to stdout.
const GENERATED: [(&str, Writer, &[&str]); 7] = [
    ("docs/telemetry.md", Writer::Agent, &["telemetry", "explain", "--markdown"]),
    ("docs/cli.md", Writer::Agent, &["reference", "cli"]),
    ("docs/environment.md", Writer::Agent, &["reference", "environment"]),
    ("docs/events.md", Writer::Agent, &["reference", "events"]),
    (
        "crates/telemetry-collector/catalogue/docker-agent.json",
        Writer::Agent,
        &["telemetry", "explain", "--json"],
    ),
    ("docs/http-api.md", Writer::Collector, &["api", "markdown"]),
    ("docs/collector-sql.md", Writer::Collector, &["api", "sql"]),
];

/// What lists the names of the manual pages, and writes one of them.
const MANUAL: [&str; 2] = ["reference", "man"];

/// Writes the files; with `check` compares instead and fails if one differs.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let programs = workspace::build_binaries(&Interrupt::default())?;
    let home = tempfile::tempdir().context("cannot make a temporary home folder")?;
    let program = |writer| match writer {
        Writer::Agent => &programs.docker_agent,
        Writer::Collector => &programs.telemetry_collector,
    };
    let ask = |writer, args: &[&str]| process::stdout(&mut explain(program(writer), home.path(), args));
    let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<String>>();
    let mut files: Vec<(String, Writer, Vec<String>)> =
        GENERATED.iter().map(|(path, writer, args)| ((*path).to_owned(), *writer, owned(args))).collect();
    for name in ask(Writer::Agent, &MANUAL)?.lines() {
        let args = [&MANUAL[..], &[name]].concat();
        files.push((format!("docs/man/{name}.1"), Writer::Agent, owned(&args)));
    }
    let mut stale = Vec::new();
    for (path, writer, args) in files {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let expected = ask(writer, &args)?;
        if expected.is_empty() {
            bail!("{} {} wrote nothing", program(writer).display(), args.join(" "));
        }
        let file = workspace::root().join(&path);
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        if found == expected {
            continue;
        }
        if check {
            terminal::out(&format!("{path}: {}", first_difference(&found, &expected)));
            stale.push(path);
        } else {
            write(&file, &expected).with_context(|| format!("cannot write {path}"))?;
            terminal::out(&format!("{path}: written"));
        }
    }
    if !stale.is_empty() {
        bail!("not up to date: {}; run `cargo xtask docs` and commit the result", stale.join(", "));
    }
    Ok(())
}

/// Returns the command, free of everything in this environment that could change what it writes.
fn explain(program: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear().env("HOME", home).env("TELEMETRY_ENABLED", "false").current_dir(home);
    command
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

/// Says where two texts part, for people who wonder what has changed.
fn first_difference(found: &str, expected: &str) -> String {
    if found.is_empty() {
        return "is missing".to_owned();
    }
    let pairs = found.split('\n').zip(expected.split('\n'));
    match pairs.enumerate().find(|(_, (found, expected))| found != expected) {
        Some((index, (found, expected))) => {
            format!("line {} is\n  {found}\nand should be\n  {expected}", index + 1)
        }
        None => format!("has {} lines and should have {}", found.lines().count(), expected.lines().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), "line 2 is\n  b\nand should be\n  c");
        assert_eq!(first_difference("", "a"), "is missing");
        assert_eq!(first_difference("a", "a\nb"), "has 1 lines and should have 2");
    }

    #[test]
    fn the_program_is_asked_with_telemetry_off_and_an_empty_home() {
        let command = explain(Path::new("docker-agent"), Path::new("/h"), &["telemetry", "explain"]);
        let env: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.is_some())).collect();
        assert_eq!(env, [("HOME".into(), true), ("TELEMETRY_ENABLED".into(), true)]);
    }
}
