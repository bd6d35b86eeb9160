//! Step 3: a command that records something of its own.

use std::io::{self, Write};

use agent_telemetry::{Count, Cx};

use crate::events::{Export, Format};

/// Writes `rows` rows and records that it did.
pub(crate) fn run(cx: &Cx, format: Format, rows: u64, stdout: &mut dyn Write) -> io::Result<()> {
    for row in 0..rows {
        match format {
            Format::Csv => writeln!(stdout, "{row},{}", row * row)?,
            Format::Json => writeln!(stdout, "{{\"row\":{row},\"square\":{}}}", row * row)?,
        }
    }
    // The closure is not even called when telemetry is off. When the call returns, the event is in the journal; it
    // never fails and never waits for the network. The receipt can say what became of it; nobody has to ask.
    let _ = cx.record(|| Export { format, rows: Count::new(rows) });
    Ok(())
}
