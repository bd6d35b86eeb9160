//! A variant's data is text with a detour.

use agent_telemetry::Closed;

#[derive(Closed)]
enum Format {
    Csv,
    Other(String),
}

fn main() {}
