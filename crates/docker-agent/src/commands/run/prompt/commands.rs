//! What can be said to the program instead of the agent: `/help` and the others.

use crate::output;

/// Where the words end and what they do begins.
const WORD_COLUMNS: usize = 14;

/// A command of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Cost,
    Model,
    Session,
    Telemetry,
    Clear,
    Exit,
}

/// All of them: the word, what it does.
const ALL: [(Command, &str, &str); 7] = [
    (Command::Help, "/help", "these commands"),
    (Command::Cost, "/cost", "tokens and cost so far"),
    (Command::Model, "/model", "which model answers; with a name, another one answers from now on"),
    (Command::Session, "/session", "this conversation: agent, tools, turns"),
    (Command::Telemetry, "/telemetry", "what is collected, and whether it is sent"),
    (Command::Clear, "/clear", "begin a new conversation"),
    (Command::Exit, "/exit", "leave; Ctrl-D and twice Ctrl-C do, too"),
];

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Nothing,
    Message(&'a str),
    /// A command, and what follows it.
    Command(Command, &'a str),
    /// A word that looks like a command and is none.
    Unknown(&'a str),
}

impl<'a> Said<'a> {
    /// Reads a line. A path at its beginning, `/etc/hosts is odd`, is no command.
    pub(super) fn read(line: &'a str) -> Self {
        let line = line.trim();
        let word = line.split_whitespace().next().unwrap_or_default();
        if line.is_empty() {
            return Self::Nothing;
        }
        if let Some((command, ..)) = ALL.iter().find(|(_, known, _)| *known == word) {
            return Self::Command(*command, line[word.len()..].trim());
        }
        let looks_like_one = word.strip_prefix('/').is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
        if looks_like_one && word == line { Self::Unknown(word) } else { Self::Message(line) }
    }
}

/// Each word, and what it does.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().map(|(_, word, what)| (*word, *what))
}

/// The words, for completion.
pub(super) fn words() -> Vec<String> {
    ALL.iter().map(|(_, word, _)| (*word).to_owned()).collect()
}

/// A line for each.
pub(super) fn help() -> String {
    let lines = ALL.iter().map(|(_, word, what)| {
        let what = output::fitted(what, WORD_COLUMNS);
        format!("  {word:<0$}{what}\n", WORD_COLUMNS - 2)
    });
    let keys = output::fitted("Tab completes commands and file names; Ctrl-C stops an answer.", 2);
    format!("{}  {keys}\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_unless_it_is_a_command() {
        let table = [
            ("", Said::Nothing),
            ("  ", Said::Nothing),
            (" hello ", Said::Message("hello")),
            ("/help", Said::Command(Command::Help, "")),
            ("/model  openai/gpt-4o ", Said::Command(Command::Model, "openai/gpt-4o")),
            (" /exit now", Said::Command(Command::Exit, "now")),
            ("/quit", Said::Unknown("/quit")),
            ("/etc/hosts is odd", Said::Message("/etc/hosts is odd")),
            ("/etc/hosts", Said::Message("/etc/hosts")),
            ("/tmp is full", Said::Message("/tmp is full")),
            ("/", Said::Message("/")),
        ];
        for (line, expected) in table {
            assert_eq!(Said::read(line), expected, "{line:?}");
        }
    }

    #[test]
    fn help_names_them_all() {
        let help = help();
        assert!(words().iter().all(|word| help.contains(word.as_str())));
        assert!(help.lines().all(|line| line.chars().count() < 80));
    }
}
