//! The subcommands that are not `serve`, one file each: arguments in, exit code out.

pub(crate) mod api;
pub(crate) mod export;
pub(crate) mod maintenance;
pub(crate) mod query;

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
