//! `telemetry disable`: no. Nothing that telemetry kept stays, but the log of what was sent.

use agent_telemetry::Ended;

use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup, purge: bool) -> Outcome {
    let telemetry = startup.telemetry();
    let before = telemetry.status();
    let disabled = telemetry.disable(purge).map_err(|error| {
        super::not_done("telemetry is not off, because the choice could not be saved", &error)
    })?;
    let called = startup.called();
    let mut text = "Telemetry is off.\n".to_owned();
    if before.pending.events > 0 {
        text.push_str(&format!("Deleted {} that had not been sent.\n", super::events(before.pending.events)));
    }
    if let Some(id) = disabled.id {
        text.push_str(&format!(
            "Deleted the installation id {id}.\nIt is shown this once, for those who want what was stored under it erased.\n"
        ));
    }
    if before.log_bytes > 0 {
        text.push_str(if purge {
            "Deleted the log of what was sent.\n"
        } else {
            "The log of what was sent stays; `telemetry disable --purge` deletes it, too.\n"
        });
    }
    text.push_str(&format!("To turn it on again: {called} telemetry enable\n"));
    output::data(&text)?;
    if let Some(problem) = disabled.not_deleted {
        output::warning(format_args!(
            "what had not been sent could not be deleted, and never will be sent: {problem}"
        ));
        return super::not_reached();
    }
    Ok(Ended::SUCCESS)
}
