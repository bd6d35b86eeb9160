//! What a command line tried to do, by names alone: the command's path and the flags that were given.
//!
//! Read from what clap understood, and leniently from the bare words when it refused them: a refused command line is
//! recorded too, and what it says about telemetry (an env-file, another configuration folder) holds.
//! Reading too much into it is safe: an env-file can only say off, and names pass the catalogue before they are kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use crate::args::Global;

/// Commands that are not recorded: looking at telemetry is nobody's business, and shells and builds run the others.
pub(crate) const UNRECORDED: [&str; 3] = ["completion", "reference", "telemetry"];

/// A command line by its names.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The names of command and sub-command.
    path: Vec<String>,
    /// Set when a word stood where a command belongs and was none.
    unknown: bool,
    /// Long names of the flags that were given.
    flags: Vec<String>,
    /// Flags of every command, as far as they could be read.
    pub(crate) global: Global,
    /// Files named by `--env-from-file`.
    pub(crate) env_files: Vec<PathBuf>,
}

impl Attempt {
    /// Reads what clap understood.
    pub(crate) fn of_matches(command: &clap::Command, matches: &ArgMatches) -> Self {
        let mut attempt = Self::default();
        let (mut command, mut matches) = (command, matches);
        loop {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                // Flags of every command are known to each level of matches.
                let given = matches.try_contains_id(id).is_ok()
                    && matches.value_source(id) == Some(ValueSource::CommandLine);
                if let (true, Some(long)) = (given, argument.get_long()) {
                    attempt.flag(long);
                }
            }
            let Some((name, inner)) = matches.subcommand() else { return attempt };
            let Some(found) = command.find_subcommand(name) else { return attempt };
            attempt.path.push(name.to_owned());
            (command, matches) = (found, inner);
        }
    }

    /// Reads bare words, the program's name first.
    pub(crate) fn of(command: &clap::Command, arguments: &[OsString]) -> Self {
        let mut attempt = Self::default();
        // Nothing after a word that is no command: what follows is none either, but flags still count.
        let mut here = Some(command);
        let mut words = arguments.iter().skip(1);
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if text == "--" {
                break;
            }
            if let Some(flag) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                let (name, value) = match flag.split_once('=') {
                    Some((name, value)) => (name, Some(OsString::from(value))),
                    None => (flag, None),
                };
                let find = |command: &clap::Command| {
                    command.get_arguments().find(|argument| is_named(argument, name)).cloned()
                };
                let Some(argument) = here.and_then(find).or_else(|| find(command)) else { continue };
                let takes_value = argument.get_action().takes_values();
                let value = if takes_value { value.or_else(|| words.next().cloned()) } else { None };
                attempt.given(&argument, value);
            } else if let Some(found) = here.and_then(|here| here.find_subcommand(&*text)) {
                attempt.path.push(found.get_name().to_owned());
                here = Some(found);
            } else if here.is_some_and(clap::Command::has_subcommands) {
                attempt.unknown = true;
                here = None;
            }
        }
        attempt
    }

    fn given(&mut self, argument: &Arg, value: Option<OsString>) {
        let Some(long) = argument.get_long() else { return };
        self.flag(long);
        let value = value.map(PathBuf::from);
        match long {
            "debug" => self.global.debug = true,
            "config-dir" => self.global.config_dir = value,
            "data-dir" => self.global.data_dir = value,
            "log-file" => self.global.log_file = value,
            "env-from-file" => {
                let names = value.into_iter().flat_map(|value| split_at_commas(&value));
                self.env_files.extend(names);
            }
            _ => {}
        }
    }

    fn flag(&mut self, long: &str) {
        if !self.flags.iter().any(|known| known == long) {
            self.flags.push(long.to_owned());
        }
    }

    /// The command's path as it is recorded; `unknown` when there is no such command.
    pub(crate) fn path(&self) -> String {
        if self.unknown || self.path.is_empty() { "unknown".to_owned() } else { self.path.join(" ") }
    }

    /// The flags' long names.
    pub(crate) fn flags(&self) -> Vec<&str> {
        self.flags.iter().map(String::as_str).collect()
    }

    /// Whether it is recorded at all.
    pub(crate) fn is_recorded(&self) -> bool {
        self.path.first().is_none_or(|first| !UNRECORDED.contains(&first.as_str()))
    }

    /// Whether it is not answered with the notice: because it says no, or because nobody would read it.
    pub(crate) fn keeps_notice(&self) -> bool {
        let first = self.path.first().map(String::as_str);
        self.path == ["telemetry", "disable"] || matches!(first, Some("completion" | "reference"))
    }
}

/// The files of one flag. A name that is no UTF-8 is one file.
fn split_at_commas(value: &Path) -> Vec<PathBuf> {
    value.to_str().map_or_else(|| vec![value.to_owned()], |text| text.split(',').map(PathBuf::from).collect())
}

fn is_named(argument: &Arg, name: &str) -> bool {
    match name.strip_prefix('-') {
        Some(long) => argument.get_long() == Some(long),
        // `-am` cannot be told from `-a m` without reading values; the first letter is what counts.
        None => argument.get_short().is_some_and(|short| name.starts_with(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn attempt(text: &str) -> Attempt {
        let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        Attempt::of(&args::command(false), &words)
    }

    #[test]
    fn refused_lines_are_read_by_their_names() {
        let table = [
            ("x frobnicate", "unknown", ""),
            ("x frobnicate run", "unknown", ""),
            ("x", "unknown", ""),
            ("x run", "run", ""),
            ("x run --nonsense a.yaml --yolo", "run", "yolo"),
            ("x -d run --model", "run", "debug model"),
            ("x run --model telemetry a.yaml", "run", "model"),
            ("x version --yolo", "version", ""),
            ("x run a.yaml -- --yolo", "run", ""),
            ("x telemetry bogus", "unknown", ""),
        ];
        for (line, path, flags) in table {
            let attempt = attempt(line);
            assert_eq!(
                (attempt.path().as_str(), attempt.flags().join(" ").as_str()),
                (path, flags),
                "{line}"
            );
        }
    }

    #[test]
    fn refused_lines_still_say_where_and_off() {
        let attempt =
            attempt("x run --bogus --env-from-file=a.env --config-dir c --env-from-file b.env,c.env");
        assert_eq!(attempt.env_files, ["a.env", "b.env", "c.env"].map(PathBuf::from));
        assert_eq!(attempt.global.config_dir, Some(PathBuf::from("c")));
    }

    #[test]
    fn telemetry_commands_are_not_recorded() {
        for line in ["x telemetry", "x telemetry status --bogus", "x --debug telemetry bogus"] {
            assert!(!attempt(line).is_recorded(), "{line}");
        }
        assert!(attempt("x telemetry disable --bogus").keeps_notice());
        assert!(attempt("x completion --bogus").keeps_notice());
        assert!(attempt("x run telemetry").is_recorded());
    }

    #[test]
    fn both_ways_of_reading_agree() {
        for line in
            ["x run a.yaml --yolo hello --model m", "x --debug version", "x run -a root a.yaml --exec"]
        {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let (_, understood) = args::parse(&words, false).expect("a line that is understood");
            let lenient = attempt(line);
            assert_eq!(understood.path(), lenient.path(), "{line}");
            let sorted = |attempt: &Attempt| {
                let mut flags: Vec<String> = attempt.flags().into_iter().map(str::to_owned).collect();
                flags.sort();
                flags
            };
            assert_eq!(sorted(&understood), sorted(&lenient), "{line}");
        }
    }
}
