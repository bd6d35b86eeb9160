//! The work, reported with posthog-rs: its blocking client, default options, `shutdown` before the end.
//!
//! Exits with 0 whatever the network does, and with 2 on wrong use. Only a wrong use is answered with text.

use std::process::ExitCode;

use posthog_rs::{Client, Error, Event};
use telemetry_peers::{Run, ToolCall};

/// Any text will do: without a key the client would be a disabled one.
const API_KEY: &str = "phc_yardstick";
/// Stands for the random id of an installation.
const INSTALLATION: &str = "59ff6689-2d4c-4f0e-9a53-0c1de2a7b864";

fn main() -> ExitCode {
    let Some(run) = Run::from_args(std::env::args().skip(1)) else {
        return usage();
    };
    match &run.endpoint {
        None => run.work_unobserved(),
        Some(endpoint) => {
            let client = posthog_rs::client((API_KEY, endpoint.as_str()));
            run.work(|call| capture(&client, &call));
            client.shutdown();
        }
    }
    ExitCode::SUCCESS
}

/// Hands one call to the client. Its values are plain, so making the event does not fail.
fn capture(client: &Client, call: &ToolCall) {
    if let Ok(event) = event(call) {
        client.capture(event);
    }
}

fn event(call: &ToolCall) -> Result<Event, Error> {
    let mut event = Event::new("tool", INSTALLATION);
    event.insert_prop("action", call.action)?;
    event.insert_prop("session_id", &call.session_id)?;
    event.insert_prop("agent_name", call.agent_name)?;
    event.insert_prop("tool_name", call.tool_name)?;
    event.insert_prop("tool_kind", call.tool_kind)?;
    event.insert_prop("duration_ms", call.duration_ms)?;
    event.insert_prop("outcome", call.outcome)?;
    event.insert_prop("is_success", call.is_success)?;
    if let Some(error) = call.error {
        event.insert_prop("error", error)?;
    }
    event.insert_prop("os", call.os)?;
    event.insert_prop("arch", call.arch)?;
    Ok(event)
}

#[expect(clippy::print_stderr, reason = "wrong use is answered on stderr")]
fn usage() -> ExitCode {
    eprintln!("usage: peer-posthog {}", Run::USAGE);
    ExitCode::from(2)
}
