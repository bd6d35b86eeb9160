//! Proposals for words after `docker agent`, in the protocol of cobra that docker speaks with shells and plugins.
//!
//! A proposal a line, what it is after a tab, and at the end what the shell may do besides.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Command;

/// The shell completes file names.
const FILES: &str = ":0\n";
/// The shell adds nothing of its own.
const NOTHING_ELSE: &str = ":4\n";

/// Proposes how the last word may go on; the words before it are what was typed so far.
pub(super) fn propose(command: &Command, words: &[OsString]) -> String {
    let Some((last, before)) = words.split_last() else { return FILES.to_owned() };
    let mut here = command;
    let mut arguments = false;
    for word in before {
        match here.find_subcommand(word) {
            Some(inner) if !arguments => here = inner,
            // A flag, its value, or an argument: after an argument comes no command.
            _ => arguments |= !word.as_encoded_bytes().starts_with(b"-"),
        }
    }
    let typed = last.to_string_lossy();
    let mut out = String::new();
    let mut add = |name: &str, about: String| {
        if name.starts_with(&*typed) {
            let _ = writeln!(out, "{name}\t{}", about.lines().next().unwrap_or_default());
        }
    };
    if typed.starts_with('-') {
        let global = command.get_arguments().filter(|argument| argument.is_global_set());
        for argument in here.get_arguments().chain(global.filter(|_| !std::ptr::eq(here, command))) {
            if let Some(long) = argument.get_long() {
                add(&format!("--{long}"), argument.get_help().map(ToString::to_string).unwrap_or_default());
            }
        }
    } else if !arguments {
        for inner in here.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            add(inner.get_name(), inner.get_about().map(ToString::to_string).unwrap_or_default());
        }
    }
    let rest = if out.is_empty() { FILES } else { NOTHING_ELSE };
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn proposed(line: &str) -> Vec<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let answer = propose(&args::command(true), &words);
        answer.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn commands_and_flags_are_proposed_where_they_may_stand() {
        assert_eq!(proposed("ru"), ["run", ":4"]);
        assert_eq!(proposed("telemetry re"), ["reset-id", ":4"]);
        assert_eq!(proposed("-d telemetry re"), ["reset-id", ":4"]);
        assert_eq!(proposed("run --ye"), [":0"]);
        assert_eq!(proposed("run --yo"), ["--yolo", ":4"]);
        assert_eq!(proposed("run a.yaml --data"), ["--data-dir", ":4"]);
        assert_eq!(proposed("run "), [":0"], "an agent file");
        assert_eq!(proposed("run telemetry re"), [":0"], "a message");
        assert!(proposed("").contains(&"models".to_owned()));
        assert!(!proposed("").contains(&"reference".to_owned()));
    }
}
