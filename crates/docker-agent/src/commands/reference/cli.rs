//! `docs/cli.md`: every command with its arguments and flags, exit codes, and what a conversation understands.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::{GENERATED, cell};
use crate::args;
use crate::commands::run::prompt_commands;
use crate::startup::NAME;

/// What programs may rely on.
const EXIT_CODES: [(&str, &str); 7] = [
    ("0", "done"),
    ("1", "it failed, or the state that was asked for is not reached; stderr says why"),
    ("2", "wrong use: an unknown command or flag, a missing argument"),
    ("101", "a defect of the program; stderr says where, and nothing of what you did"),
    ("129", "the terminal went away while an agent ran (SIGHUP)"),
    ("130", "interrupted: Ctrl-C, or the docker client that called us is gone"),
    ("143", "terminated while an agent ran (SIGTERM)"),
];

pub(super) fn page() -> String {
    let mut command = args::visible_command().disable_help_subcommand(true);
    command.build();
    let mut out = format!(
        "# Command line\n\n{GENERATED}\n\n\
         `{NAME}` works by itself and, after `{NAME} plugin install`, as `docker agent`.\n\
         Data goes to stdout, words for people to stderr.\n\
         Colours are for terminals, and `NO_COLOR` is obeyed; see [environment.md](environment.md).\n\n\
         ## Exit codes\n\n| code | meaning |\n|---|---|\n"
    );
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(out, "| {code} | {meaning} |");
    }
    out.push_str(
        "\nA failure is a line `error:` on stderr, a line `cause:` for each thing that led to it, and a line `hint:` where \
         something can be done about it.\n\
         A reader that went away, as in `… | head`, is no failure.\nTelemetry never changes an exit code.\n\n",
    );
    out.push_str("## Flags of every command\n\n");
    table(&mut out, command.get_arguments().filter(|argument| argument.is_global_set()));
    for inner in command.get_subcommands() {
        describe(&mut out, inner, 2);
        if inner.get_name() == "run" {
            conversation(&mut out);
        }
    }
    out
}

fn describe(out: &mut String, command: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_default();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "\n{} `{name}`\n\n{about}.", "#".repeat(level));
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !is_standard(argument))
        .collect();
    let visible: Vec<&Command> = command.get_subcommands().filter(|inner| !inner.is_hide_set()).collect();
    if visible.is_empty() {
        let usage = command.clone().render_usage().to_string();
        let _ = writeln!(out, "\n```\n{}\n```", usage.trim_start_matches("Usage: "));
    }
    if !arguments.is_empty() {
        out.push('\n');
        table(out, arguments.into_iter());
    }
    for inner in visible {
        describe(out, inner, level + 1);
    }
}

fn is_standard(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

fn table<'a>(out: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    out.push_str("| argument | meaning |\n|---|---|\n");
    for argument in arguments {
        let takes_value = argument.get_action().takes_values();
        let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let value = value.filter(|_| takes_value).unwrap_or_default();
        let name = match (argument.get_short(), argument.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long} {value}"),
            (None, Some(long)) => format!("--{long} {value}"),
            _ => value,
        };
        let what = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let choices: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|_| takes_value)
            .map(|choice| format!("`{}`", choice.get_name()))
            .collect();
        let choices = if choices.is_empty() { String::new() } else { format!(": {}", choices.join(", ")) };
        let _ = writeln!(out, "| `{}` | {}{choices} |", name.trim(), cell(&what));
    }
}

fn conversation(out: &mut String) {
    out.push_str(
        "\n### At a terminal\n\n\
         Without a message there is a prompt, with history and completion of file names, of the agent file's commands, \
         and of these:\n\n\
         | command | does |\n|---|---|\n",
    );
    for (word, what) in prompt_commands() {
        let _ = writeln!(out, "| `{word}` | {} |", cell(what));
    }
    out.push_str(
        "\nA tool that changes something asks first: `y` runs it, `a` runs it and all that follow, `n` or Escape does \
         not.\n\
         A tool that has a question asks it, one line for each thing that it wants to know.\n\
         A change of a file is shown line by line: before you say yes, or after it was made if you were not asked.\n\
         Ctrl-C stops the answer; where nothing is going on, the second one leaves.\n\
         What you type is kept in the state folder's `history`, readable for you only; a line that begins with a space \
         is not.\n\
         A run in the background (`… &`) goes on by itself; when it has to ask, it stops until `fg` brings it to the \
         front.\n\n\
         ### Without one\n\n\
         stdout is what the agent says, and nothing else; tool calls go to stderr.\n\
         Nobody can be asked then, so tools that change something are denied, unless `--yolo` or the agent file allows \
         them.\n\
         With `--json` stdout is one event a line; see [events.md](events.md).\n",
    );
}
