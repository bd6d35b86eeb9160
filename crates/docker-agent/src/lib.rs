//! The command line of `docker-agent`: the only crate that touches terminal, home folder and environment.
//!
//! One command is one pass through [`main`]: the plugin's metadata probe, arguments, telemetry, the command.
//! Every command runs inside the telemetry wrapper, at one place, in `wrapper`; none can forget.
//! Everything that is printed goes through `output`: data to stdout, words for people to stderr.

mod agent_file;
mod args;
mod attempt;
mod catalogue;
mod commands;
mod debug_log;
mod env_files;
mod environment;
mod failure;
mod familiar;
mod output;
mod plugin;
mod startup;
mod wrapper;

use std::ffi::OsString;
use std::process::ExitCode;

use agent_telemetry::Ended;
use clap::error::ErrorKind;

use crate::args::{Cli, Command, DebugArgs, DebugCommand};
use crate::attempt::Attempt;
use crate::startup::{NoticeRule, Startup};

pub use crate::catalogue::CATALOGUE;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the program with this process's arguments and environment.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(answer) = plugin::probe(&arguments) {
        return match output::data(&answer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    output::say_little_on_panic();
    let as_plugin = std::env::var_os(plugin::VARIABLE).is_some_and(|value| !value.is_empty());
    let arguments = if as_plugin { plugin::own_arguments(arguments) } else { arguments };
    let arguments = familiar::with_run(arguments);
    ExitCode::from(run(&arguments, as_plugin))
}

fn run(arguments: &[OsString], as_plugin: bool) -> u8 {
    match args::parse(arguments, as_plugin) {
        // What shells and builds ask for begins nothing: no notice, no log, no telemetry.
        Ok((Cli { command: Some(Command::Completion { shell }), .. }, _)) => {
            wrapper::unrecorded(|| commands::completion::run(shell))
        }
        Ok((Cli { command: Some(Command::Reference { page }), .. }, _)) => {
            wrapper::unrecorded(|| commands::reference::run(page))
        }
        Ok((cli, attempt)) => {
            let startup = Startup::new(&cli.global, cli.env_files(), as_plugin);
            match cli.command {
                None | Some(Command::Completion { .. } | Command::Reference { .. }) => help(&startup),
                Some(Command::Telemetry(telemetry)) => {
                    let rule = if telemetry.is_disable() { NoticeRule::Keep } else { NoticeRule::Show };
                    startup.begin(rule);
                    wrapper::unrecorded(|| commands::telemetry::run(&telemetry, &startup))
                }
                Some(Command::Version) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |_cx| commands::version::run())
                }
                Some(Command::Sessions { command }) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |_cx| {
                        commands::sessions::run(&command, &startup)
                    })
                }
                Some(Command::Debug(debug)) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |cx| {
                        commands::debug::run(&debug, &startup, cx)
                    })
                }
                Some(Command::Models(models)) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |_cx| {
                        commands::models::run(&models, &startup)
                    })
                }
                Some(Command::Plugin { command }) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |_cx| commands::plugin::run(command))
                }
                Some(Command::Run(run)) => {
                    startup.begin(NoticeRule::Show);
                    wrapper::recorded(startup.telemetry(), &attempt, |cx| {
                        commands::run::run(&run, &startup, cx)
                    })
                }
            }
        }
        Err(error) => {
            // What was asked for is read again, leniently: a refused command line can still say off.
            let attempt = Attempt::of(&args::command(as_plugin), arguments);
            let startup = Startup::new(&attempt.global, &attempt.env_files, as_plugin);
            let helps = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let rule = if attempt.keeps_notice() { NoticeRule::Keep } else { NoticeRule::Show };
            startup.begin(rule);
            let text = error.render().ansi().to_string();
            if helps {
                wrapper::unrecorded(|| shown(&text))
            } else {
                wrapper::refused(startup.telemetry(), &attempt, &text, familiar::hint(&error))
            }
        }
    }
}

fn help(startup: &Startup) -> u8 {
    startup.begin(NoticeRule::Show);
    let text = args::command(startup.as_plugin()).render_help().ansi().to_string();
    wrapper::unrecorded(|| shown(&text))
}

fn shown(text: &str) -> wrapper::Outcome {
    output::styled_data(text)?;
    Ok(Ended::SUCCESS)
}

impl Cli {
    fn env_files(&self) -> &[std::path::PathBuf] {
        match &self.command {
            Some(Command::Run(run)) => &run.env_from_file,
            Some(Command::Models(models)) => &models.env_from_file,
            Some(Command::Debug(DebugArgs { command: DebugCommand::Toolsets(toolsets) })) => {
                &toolsets.env_from_file
            }
            _ => &[],
        }
    }
}
