//! Lines for the person who runs the collector, on stderr.
//!
//! Never called with content of an event, an address or a header.

use std::io::Write;

/// Writes one line; a closed stderr is nobody's problem.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "telemetry-collector: {text}");
}
