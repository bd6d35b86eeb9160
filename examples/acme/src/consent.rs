//! Step 4: what users can do about it. Every tool owes them these commands; they are not recorded themselves.

use std::io::{self, Write};

use agent_telemetry::{CatalogueDoc, Telemetry, catalogue};

use crate::CATALOGUE;
use crate::cli::TelemetryCommand;

/// Shows the notice if it is due, and remembers that it was shown. Until then nothing is sent.
///
/// Call it before the command runs, whatever the command is, and only when somebody can read stderr.
/// When the write fails the notice was not shown, and the next run tries again.
pub(crate) fn show_notice(telemetry: &Telemetry, stderr: &mut dyn Write) {
    if let Some(notice) = telemetry.notice()
        && write!(stderr, "{notice}").and_then(|()| stderr.flush()).is_ok()
    {
        // If it cannot be remembered, nothing is sent, and it is shown again.
        let _ = telemetry.notice_shown();
    }
}

/// Runs `acme telemetry …`.
pub(crate) fn run(
    telemetry: &Telemetry,
    command: &TelemetryCommand,
    stdout: &mut dyn Write,
) -> io::Result<()> {
    match command {
        TelemetryCommand::Status => status(telemetry, stdout),
        TelemetryCommand::Disable => {
            let disabled = telemetry.disable(false)?;
            writeln!(stdout, "telemetry is off")?;
            match disabled.id {
                Some(id) => writeln!(stdout, "ask for the erasure of what was sent with this id: {id}"),
                None => Ok(()),
            }
        }
        TelemetryCommand::Explain { json: true, .. } => {
            let document = serde_json::to_string_pretty(&document())?;
            writeln!(stdout, "{document}")
        }
        TelemetryCommand::Explain { what: Some(what), .. } => match catalogue::explain(&document(), what) {
            Some(text) => write!(stdout, "{text}"),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{what}` is not collected"))),
        },
        TelemetryCommand::Explain { what: None, .. } => {
            write!(stdout, "{}", catalogue::markdown(&document()))
        }
    }
}

fn document() -> CatalogueDoc {
    CATALOGUE.document("acme")
}

fn status(telemetry: &Telemetry, stdout: &mut dyn Write) -> io::Result<()> {
    let status = telemetry.status();
    writeln!(stdout, "telemetry is {}, because of: {}", status.state, status.decided_by)?;
    writeln!(stdout, "it goes to: {}", status.endpoint.as_deref().unwrap_or("nowhere"))?;
    writeln!(stdout, "events that wait: {}", status.pending.events)
}
