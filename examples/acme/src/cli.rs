//! Step 2: the command line, as anywhere else.

use clap::{Parser, Subcommand};

use crate::events::Format;

/// Exports rows.
#[derive(Debug, Parser)]
#[command(name = "acme", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes ROWS rows to stdout.
    Export {
        /// The format to write.
        #[arg(long, value_enum)]
        format: Format,
        /// How many rows to write.
        rows: u64,
    },
    /// Shows and changes what is collected.
    #[command(subcommand)]
    Telemetry(TelemetryCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TelemetryCommand {
    /// Says whether anything is sent, and why.
    Status,
    /// Turns it off and deletes what was not sent.
    Disable,
    /// Explains what is collected.
    Explain {
        /// An event (`export`) or a property of one (`export.rows`).
        what: Option<String>,
        /// Prints the catalogue for `telemetry-collector serve --catalogue FILE`.
        #[arg(long)]
        json: bool,
    },
}
