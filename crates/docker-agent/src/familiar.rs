//! What people know from the Go program and type here: a file without `run`, and flags and commands that we do not have.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags of every command that take a value in the next word.
const WITH_VALUE: [&str; 3] = ["--config-dir", "--data-dir", "--log-file"];

/// Flags that we do not have, and what to do instead.
const FLAGS: [(&str, &str); 13] = [
    ("--attach", "name the file in the message; an agent with the filesystem tools can read it"),
    ("--cache-dir", "nothing is cached; --data-dir is where state is kept"),
    ("--code-mode-tools", "not supported: tools are called one by one"),
    ("--exit-after-response", "that is `--exec`"),
    ("--hide-tool-results", "results are not shown, only how they went; --hide-tool-calls hides that, too"),
    ("--models-gateway", "give the model a `base_url` in the agent file"),
    ("--otel", "not supported: telemetry has its own events, see `telemetry explain`"),
    ("--prompt-file", "pipe it in: `run agent.yaml - < FILE`"),
    ("--remote", "not supported: agents run here"),
    ("--sandbox", "not supported: run the whole program in a container instead"),
    ("--session-db", "sessions are below --data-dir"),
    ("--template", "not supported, as --sandbox is not"),
    ("-o", "not supported: telemetry has its own events, see `telemetry explain`"),
];

/// Commands that we do not have, and what to do instead.
const COMMANDS: [(&str, &str); 10] = [
    ("alias", "not supported: a shell's alias does the same"),
    ("auth", "not supported: keys are variables; `models` shows which are set"),
    ("build", "not supported: agents are files"),
    ("catalog", "not supported: agents are files"),
    ("eval", "not supported: `run --json` with --record and --fake can be compared"),
    ("exec", "that is `run --exec`"),
    ("new", "not supported: begin with a file of the examples"),
    ("serve", "not supported: agents run on the command line"),
    ("share", "not supported: agents are files"),
    ("title", "not supported: a conversation is listed by how it begins"),
];

/// A command line that begins with an agent file, as one that runs it.
pub(crate) fn with_run(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let mut words = arguments.iter().enumerate().skip(1);
    let first = loop {
        let Some((at, word)) = words.next() else { return arguments };
        if !word.as_encoded_bytes().starts_with(b"-") {
            break at;
        }
        if WITH_VALUE.iter().any(|flag| word == flag) {
            words.next();
        }
    };
    if is_agent_file(&arguments[first]) {
        arguments.insert(first, OsString::from("run"));
    }
    arguments
}

fn is_agent_file(word: &OsStr) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// What to do instead of what was refused, if we know it.
pub(crate) fn hint(error: &clap::Error) -> Option<&'static str> {
    let (kind, table): (_, &[(&str, &str)]) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, &FLAGS),
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, &COMMANDS),
        _ => return None,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else { return None };
    let name = word.split('=').next().unwrap_or_default();
    table.iter().find(|(known, _)| *known == name).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_file_is_run() {
        let table = [
            ("x a.yaml", "x run a.yaml"),
            ("x a.yml hello", "x run a.yml hello"),
            ("x -d --config-dir c.yaml dir/a.yaml --yolo", "x -d --config-dir c.yaml run dir/a.yaml --yolo"),
            ("x --data-dir=d a.yaml", "x --data-dir=d run a.yaml"),
            ("x run a.yaml", "x run a.yaml"),
            ("x version", "x version"),
            ("x frobnicate a.yaml", "x frobnicate a.yaml"),
            ("x --config-dir a.yaml", "x --config-dir a.yaml"),
            ("x .yaml", "x .yaml"),
            ("x", "x"),
        ];
        for (given, expected) in table {
            assert_eq!(with_run(words(given)), words(expected), "{given}");
        }
    }

    #[test]
    fn what_we_lack_has_a_hint_and_what_we_have_has_none() {
        for (flag, _) in FLAGS {
            let error = args::parse(&words(&format!("x run a.yaml {flag}")), false).expect_err(flag);
            assert!(hint(&error).is_some(), "{flag}");
        }
        for (command, _) in COMMANDS {
            let error = args::parse(&words(&format!("x {command}")), false).expect_err(command);
            assert!(hint(&error).is_some(), "{command}");
        }
        for line in ["x run a.yaml --frobnicate", "x frobnicate", "x run"] {
            let error = args::parse(&words(line), false).expect_err(line);
            assert_eq!(hint(&error), None, "{line}");
        }
    }
}
