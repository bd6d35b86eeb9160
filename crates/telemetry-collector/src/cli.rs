//! The subcommands, one file each: from arguments to a call into the library.

pub(crate) mod access;
pub(crate) mod api;
pub(crate) mod export;
pub(crate) mod ingest;
mod lines;
pub(crate) mod maintenance;
pub(crate) mod query;
pub(crate) mod seed;
pub(crate) mod store;
mod target;

use std::io::Write;
use std::process::ExitCode;

use telemetry_collector::ReadError;

/// Tells why a command that reads has failed: 2 for wrong use, 1 for everything else.
fn failed(error: &ReadError) -> ExitCode {
    // A reader that has seen enough, such as `head`.
    if matches!(error, ReadError::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(std::io::stderr(), "error: {error}");
    match error {
        ReadError::Asked(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
