//! `telemetry-collector export`: all events as they were sent.

use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use telemetry_collector::{ExportFormat, export_folder};

use super::failed;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Folder of a collector's data; the collector may be running.
    #[arg(long, value_name = "FOLDER", default_value = "./telemetry-data")]
    data: PathBuf,
    /// NDJSON has a record a line, as it was sent; CSV has the properties as JSON.
    #[arg(long, value_enum)]
    format: Format,
    /// The first UTC day, for instance 2026-11-01.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last UTC day, included.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
}

impl Export {
    pub(crate) fn run(&self) -> ExitCode {
        let format = match self.format {
            Format::Csv => ExportFormat::Csv,
            Format::Ndjson => ExportFormat::Ndjson,
        };
        let mut out = BufWriter::new(std::io::stdout().lock());
        match export_folder(&self.data, format, self.from.as_deref(), self.to.as_deref(), &mut out) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        }
    }
}
