//! The command line as types: commands, flags, what help says about them.
//!
//! What is recorded of it is names only; see `attempt`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::attempt::Attempt;
use crate::plugin;

/// Run AI agents from an agent.yaml
#[derive(Debug, clap::Parser)]
#[command(name = "docker-agent", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Write a debug log, each telemetry event in it as it would be sent
    #[arg(short, long, global = true)]
    pub(crate) debug: bool,
    /// Where settings are [default: ~/.config/docker-agent]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Where state is kept [default: ~/.local/state/docker-agent]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the debug log goes, with --debug [default: docker-agent.debug.log where state is kept]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run an agent; the word `run` may be left out
    Run(RunArgs),
    /// Look at an agent file without running it
    Debug(DebugArgs),
    /// See what was said in earlier conversations
    Sessions {
        #[command(subcommand)]
        command: SessionsCommand,
    },
    /// Show the models with a known price whose keys are at hand, and what they cost
    Models(ModelsArgs),
    /// See and control what is collected
    Telemetry(TelemetryArgs),
    /// Let docker run this program as `docker agent`
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print a script that completes words in a shell
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Show the version
    Version,
    /// Print a page of the documentation
    #[command(hide = true)]
    Reference {
        #[command(subcommand)]
        page: ReferencePage,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    /// Show those without a key, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read variables from a file of NAME=value lines; several with commas, or several times
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) env_from_file: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ReferencePage {
    /// Commands, flags, exit codes
    Cli,
    /// Environment variables
    Environment,
    /// The lines of `run --json`
    Events,
    /// A manual page, or the names of all
    Man {
        /// Its name
        name: Option<String>,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SessionsCommand {
    /// List them, the newest first
    List {
        /// Print one JSON object a line, sub-agents' tasks included
        #[arg(long)]
        json: bool,
    },
    /// Show what was said in one
    Show {
        /// Its id or how that begins, or -1 for the newest, -2 for the one before it
        #[arg(value_name = "SESSION", allow_negative_numbers = true)]
        session: String,
        /// Print one JSON object a message
        #[arg(long)]
        json: bool,
    },
    /// Print one as a document, to be kept or shown to others
    Export {
        /// Its id or how that begins, or -1 for the newest, -2 for the one before it
        #[arg(value_name = "SESSION", allow_negative_numbers = true)]
        session: String,
        /// The kind of document
        #[arg(long, value_enum, value_name = "FORMAT", default_value = "markdown")]
        format: ExportFormat,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    Markdown,
    Json,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub(crate) enum PluginCommand {
    /// Link this program into docker's folder for plugins
    Install,
    /// Remove that link
    Uninstall,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The agent file
    #[arg(value_name = "AGENT.YAML")]
    pub(crate) agent_file: PathBuf,
    /// What to say, one turn each; `-` reads one message from stdin. Without any: a prompt on a terminal, else stdin
    #[arg(value_name = "MESSAGE")]
    pub(crate) messages: Vec<String>,
    /// Never prompt: neither for messages nor for confirmation
    #[arg(long)]
    pub(crate) exec: bool,
    /// Print one event per line as JSON; implies --exec
    #[arg(long)]
    pub(crate) json: bool,
    /// Run tools without asking; what the agent file denies stays denied
    #[arg(long)]
    pub(crate) yolo: bool,
    /// Show nothing of tool calls
    #[arg(long)]
    pub(crate) hide_tool_calls: bool,
    /// Which agent of the file [default: root, else the first]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Another model: a name from the file, or provider/model
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Load everything that a run needs, say so in one line, and ask no model
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Record the model's answers, to be played back with --fake; prompts are in the file
    #[arg(long, value_name = "FILE", conflicts_with = "fake")]
    pub(crate) record: Option<PathBuf>,
    /// Answer from a recording instead of a model; tools really run
    #[arg(long, value_name = "FILE")]
    pub(crate) fake: Option<PathBuf>,
    /// Let a recording speak as slowly as a model: so many milliseconds between its lines [default: 15]
    #[arg(long, value_name = "MS", requires = "fake", num_args = 0..=1, require_equals = true, default_missing_value = "15")]
    pub(crate) fake_stream: Option<u64>,
    /// Continue a conversation: its id or how that begins, or -1 for the newest, -2 for the one before it
    #[arg(long, value_name = "SESSION", allow_negative_numbers = true)]
    pub(crate) session: Option<String>,
    /// Where tools work [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) working_dir: Option<PathBuf>,
    /// Read variables from a file of NAME=value lines; several with commas, or several times
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) env_from_file: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DebugArgs {
    #[command(subcommand)]
    pub(crate) command: DebugCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum DebugCommand {
    /// Print what an agent file says, defaults filled in; starts no process, reads no key
    Config {
        /// The agent file
        #[arg(value_name = "AGENT.YAML")]
        agent_file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the tools that an agent would have; starts its MCP servers, reads no key, asks no model
    Toolsets(ToolsetsArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ToolsetsArgs {
    /// The agent file
    #[arg(value_name = "AGENT.YAML")]
    pub(crate) agent_file: PathBuf,
    /// Which agent of the file, with those that it passes work to [default: root, else the first]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Print JSON, with the schema of each tool's arguments
    #[arg(long)]
    pub(crate) json: bool,
    /// Where tools work [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) working_dir: Option<PathBuf>,
    /// Read variables from a file of NAME=value lines; several with commas, or several times
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) env_from_file: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TelemetryArgs {
    #[command(subcommand)]
    pub(crate) command: Option<TelemetryCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum TelemetryCommand {
    /// Show whether anything is sent, what decided that, and what waits
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Exit with 1 unless telemetry is on
        #[arg(long)]
        check: bool,
    },
    /// Say yes
    #[command(alias = "on")]
    Enable,
    /// Say no: delete the installation id and everything unsent
    #[command(alias = "off")]
    Disable {
        /// Delete the local log of what was sent, too
        #[arg(long)]
        purge: bool,
    },
    /// Show what was sent, byte for byte
    Log(LogArgs),
    /// Show your own numbers, from this machine's log: commands, tools, tokens, cost
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send now what may be sent
    Flush {
        /// How long to wait, in seconds
        #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
        timeout: Duration,
        /// Print JSON: how many events are left, and why
        #[arg(long)]
        json: bool,
    },
    /// Explain what is collected, and why
    Explain {
        /// An event (`tool`), one of several (`session.start`) or a property (`tool.duration_ms`)
        #[arg(value_name = "EVENT[.PROPERTY]")]
        what: Option<String>,
        /// Print the catalogue as JSON
        #[arg(long)]
        json: bool,
        /// Print the documentation's page
        #[arg(long, conflicts_with_all = ["json", "what"])]
        markdown: bool,
        /// Print a JSON Schema of the records
        #[arg(long, conflicts_with_all = ["json", "what", "markdown"])]
        schema: bool,
    },
    /// Show a sample of each event, with invented values
    Preview {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Get a new installation id; deletes everything unsent
    ResetId,
    /// Run a command with telemetry off and report what the kernel saw: files, sockets, look-ups
    ProveOff(ProveOffArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProveOffArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The command [default: `version` of this program]
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Only the last N requests; with --pending, the last N records
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Print the log's own lines, as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show what waits instead: each record as it would be sent
    #[arg(long)]
    pub(crate) pending: bool,
    /// Go on showing requests as they are made
    #[arg(long, conflicts_with = "pending")]
    pub(crate) follow: bool,
}

impl TelemetryArgs {
    pub(crate) fn is_disable(&self) -> bool {
        matches!(self.command, Some(TelemetryCommand::Disable { .. }))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    // A day is longer than anybody waits, and far from what a clock cannot add.
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("not between 0 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The whole command line, named as it was called.
pub(crate) fn command(as_plugin: bool) -> clap::Command {
    let command = Cli::command();
    if as_plugin { command.bin_name(plugin::CALLED).display_name(plugin::CALLED) } else { command }
}

/// The command line without what is not meant for people, for documents and completion.
pub(crate) fn visible_command() -> clap::Command {
    let command = command(false);
    let all: Vec<clap::Command> =
        command.get_subcommands().filter(|inner| !inner.is_hide_set()).cloned().collect();
    let arguments: Vec<clap::Arg> = command.get_arguments().cloned().collect();
    let about = command.get_about().cloned().unwrap_or_default();
    clap::Command::new("docker-agent").version(crate::VERSION).about(about).args(arguments).subcommands(all)
}

/// Reads the command line, and which names of it may be recorded.
pub(crate) fn parse(arguments: &[OsString], as_plugin: bool) -> Result<(Cli, Attempt), clap::Error> {
    let mut command = command(as_plugin);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, Attempt::of_matches(&command, &matches)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command(false).debug_assert();
        command(true).debug_assert();
    }

    /// Help as docker's users read it names no program that they did not type; folders and files keep their names.
    #[test]
    fn help_says_docker_agent_to_those_who_called_it_so() {
        fn walk(command: &clap::Command, pages: &mut Vec<String>) {
            pages.push(command.clone().render_long_help().to_string());
            command.get_subcommands().for_each(|inner| walk(inner, pages));
        }
        let mut command = command(true);
        command.build();
        let mut pages = Vec::new();
        walk(&command, &mut pages);
        assert!(pages.len() > 20 && pages[0].contains("Usage: docker agent "), "{}", pages[0]);
        for page in pages {
            let files = ["~/.config/docker-agent", "~/.local/state/docker-agent", "docker-agent.debug.log"];
            let text = files.iter().fold(page, |text, file| text.replace(file, "FILE"));
            assert!(!text.contains("docker-agent"), "{text}");
        }
    }

    fn run_args(line: &str) -> RunArgs {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match parse(&words, false) {
            Ok((Cli { command: Some(Command::Run(run)), .. }, _)) => run,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_count_wherever_they_stand() {
        let lines = [
            "x run --yolo --model m a.yaml hi there",
            "x run a.yaml --yolo --model m hi there",
            "x run a.yaml hi --yolo there --model m",
            "x run a.yaml hi there --model=m --yolo",
        ];
        for line in lines {
            let run = run_args(line);
            assert!(run.yolo, "{line}");
            assert_eq!(run.model.as_deref(), Some("m"), "{line}");
            assert_eq!(run.agent_file, PathBuf::from("a.yaml"), "{line}");
            assert_eq!(run.messages, ["hi", "there"], "{line}");
        }
    }

    #[test]
    fn flags_of_every_command_count_wherever_they_stand() {
        let lines = [
            "x --debug --config-dir c run a.yaml hi",
            "x -d run --config-dir c a.yaml hi",
            "x run a.yaml --config-dir=c hi -d",
            "x --config-dir c run a.yaml hi --debug",
        ];
        for line in lines {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let (cli, attempt) = parse(&words, false).expect(line);
            assert!(cli.global.debug, "{line}");
            assert_eq!(cli.global.config_dir, Some(PathBuf::from("c")), "{line}");
            let mut flags = attempt.flags();
            flags.sort_unstable();
            assert_eq!(flags, ["config-dir", "debug"], "{line}");
        }
    }

    #[test]
    fn two_dashes_end_flags() {
        let run = run_args("x run a.yaml -- --yolo -d --");
        assert!(!run.yolo);
        assert_eq!(run.messages, ["--yolo", "-d", "--"]);
        assert_eq!(run_args("x run a.yaml -").messages, ["-"]);
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "x", "-1", "NaN", "inf", "86401"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
