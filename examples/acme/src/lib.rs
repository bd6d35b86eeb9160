//! A small command-line tool, not an agent, with honest telemetry: a tutorial for `agent-telemetry`.
//!
//! Read the modules in this order: [`events`] says what is collected, `cli` is an ordinary command line, `export`
//! records an event, `consent` is what users can do about it, [`run`] puts them together, and `main.rs` brings in the
//! process. The tests in `tests/it` show how to test each of these.

mod cli;
mod consent;
pub mod events;
mod export;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;

use agent_telemetry::{Ended, ErrorClass, Telemetry};
use clap::Parser as _;

use crate::cli::{Arguments, Command, TelemetryCommand};
pub use crate::events::CATALOGUE;

/// Where output goes.
pub struct Terminal<'a> {
    /// For data.
    pub stdout: &'a mut dyn Write,
    /// For people.
    pub stderr: &'a mut dyn Write,
    /// Whether anybody can see stderr; a notice that nobody can see was not shown.
    pub stderr_is_seen: bool,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("stderr_is_seen", &self.stderr_is_seen).finish_non_exhaustive()
    }
}

const FAILURE: u64 = 1;
const USAGE: u64 = 2;

/// Runs the tool; returns how it ended, which is what `main` returns.
pub fn run(
    telemetry: &Telemetry,
    arguments: impl IntoIterator<Item = OsString>,
    terminal: &mut Terminal<'_>,
) -> Ended {
    let parsed = Arguments::try_parse_from(arguments);
    // Everybody is told first, `--help` included; somebody who is just turning it off knows.
    let disabling =
        matches!(&parsed, Ok(Arguments { command: Command::Telemetry(TelemetryCommand::Disable) }));
    if terminal.stderr_is_seen && !disabling {
        consent::show_notice(telemetry, terminal.stderr);
    }
    match parsed {
        Ok(Arguments { command: Command::Telemetry(command) }) => {
            done(consent::run(telemetry, &command, terminal.stdout), terminal)
        }
        // The wrapper records how the command ended, how long it took, and a panic. Flags are names, never values.
        Ok(Arguments { command: Command::Export { format, rows } }) => {
            telemetry.command_with("export", &["format"], |cx| {
                done(export::run(cx, format, rows, terminal.stdout), terminal)
            })
        }
        // `--help` and `--version` are not recorded.
        Err(told) if !told.use_stderr() => done(write!(terminal.stdout, "{told}"), terminal),
        // Wrong use is: it shows what is hard to use. `unknown` is what every undeclared command becomes.
        Err(error) => telemetry.command("unknown", |_cx| {
            let _ = write!(terminal.stderr, "{error}");
            Ended::failure(USAGE, ErrorClass::Usage)
        }),
    }
}

fn done(result: std::io::Result<()>, terminal: &mut Terminal<'_>) -> Ended {
    match result {
        Ok(()) => Ended::SUCCESS,
        Err(error) => {
            // The text is for the person; telemetry gets one word out of twenty.
            let _ = writeln!(terminal.stderr, "acme: {error}");
            Ended::failure(FAILURE, ErrorClass::Io)
        }
    }
}
