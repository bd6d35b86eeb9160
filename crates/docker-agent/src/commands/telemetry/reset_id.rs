//! `telemetry reset-id`: a new installation, as far as anybody can tell.

use agent_telemetry::Ended;

use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup) -> Outcome {
    let before = startup.telemetry().status();
    let old = startup
        .telemetry()
        .reset_id()
        .map_err(|error| super::not_done("the id could not be replaced", &error))?;
    let mut text = match old {
        Some(id) => format!("Deleted the installation id {id}; the next event makes a new one.\n"),
        None => "There was no installation id.\n".to_owned(),
    };
    if before.pending.events > 0 {
        text.push_str(&format!("Deleted {} that had not been sent.\n", super::events(before.pending.events)));
    }
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}
