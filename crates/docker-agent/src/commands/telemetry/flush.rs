//! `telemetry flush`: send now what may be sent, pause after failures or not.

use std::time::Duration;

use agent_telemetry::consent::State;
use agent_telemetry::{Ended, ErrorClass};

use crate::failure::Failure;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup, timeout: Duration, json: bool) -> Outcome {
    let telemetry = startup.telemetry();
    let flushed = telemetry.flush(timeout);
    if json {
        output::data(&format!("{}\n", serde_json::to_string(&flushed).unwrap_or_default()))?;
        return if flushed.left > 0 { super::not_reached() } else { Ok(Ended::SUCCESS) };
    }
    if flushed.left > 0 {
        let reason = flushed.reason.unwrap_or_else(|| "not sent".to_owned());
        let text = format!("{} left: {reason}", super::events(flushed.left));
        return Err(Failure::new(ErrorClass::Network, text));
    }
    output::data(match telemetry.decision().state {
        State::Off => "Telemetry is off; nothing waits.\n",
        _ => "Nothing waits.\n",
    })?;
    Ok(Ended::SUCCESS)
}
