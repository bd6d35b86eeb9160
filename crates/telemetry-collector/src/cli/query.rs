//! `telemetry-collector query`: SQL by maintainers.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use telemetry_collector::{QueryFormat, QueryLimits, ReadError, query};

use super::failed;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Ndjson,
}

#[derive(Debug, Args)]
#[command(after_help = "`telemetry-collector api sql` tells what can be asked about: \
    the views events, installs, arrivals and losses.")]
pub(crate) struct Query {
    /// One SELECT in SQLite's SQL.
    sql: String,
    /// Folder of a collector's data; the collector may be running.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
    data: PathBuf,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Stops after this many rows, and exits with 1.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_rows: usize,
    /// Gives up after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl Query {
    pub(crate) fn run(&self) -> ExitCode {
        let format = match self.format {
            Format::Table => QueryFormat::Table,
            Format::Csv => QueryFormat::Csv,
            Format::Json => QueryFormat::Json,
            Format::Ndjson => QueryFormat::Ndjson,
        };
        let limits = QueryLimits::new(self.max_rows, Duration::from_secs(self.timeout));
        let answer = match query(&self.data, &self.sql, limits) {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        if let Err(error) = answer.write(format, &mut BufWriter::new(std::io::stdout().lock())) {
            return failed(&ReadError::Write(error));
        }
        match answer.stopped {
            None => ExitCode::SUCCESS,
            Some(stopped) => {
                let _ = writeln!(std::io::stderr(), "error: {stopped}");
                ExitCode::FAILURE
            }
        }
    }
}
