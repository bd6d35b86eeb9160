//! The only place that writes to the terminal.
//!
//! stdout is for results, stderr for progress and trouble.
//! A reader that went away is no error here: what was to be checked has been checked.

use std::io::Write;

/// Writes a line of the result to stdout.
pub(crate) fn out(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// Writes a line for the person who watches to stderr.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
