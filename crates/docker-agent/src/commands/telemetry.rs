//! `docker-agent telemetry …`: see and control what is collected. None of it is recorded.
//!
//! Exit codes: 0 done, 1 the state that was asked for is not reached, 2 wrong use.

mod disable;
mod enable;
mod explain;
mod flush;
mod log;
mod page;
mod prove_off;
mod reset_id;
mod stats;
mod status;
mod time;

use agent_telemetry::catalogue;
use agent_telemetry::{Ended, ErrorClass};

use crate::args::{self, TelemetryArgs, TelemetryCommand};
use crate::failure::Failure;
use crate::output;
use crate::startup::{NAME, Startup};
use crate::wrapper::Outcome;

/// Runs one of them.
pub(crate) fn run(args: &TelemetryArgs, startup: &Startup) -> Outcome {
    let Some(command) = &args.command else { return help(startup) };
    match command {
        TelemetryCommand::Status { json, check } => status::run(startup, *json, *check),
        TelemetryCommand::Enable => enable::run(startup),
        TelemetryCommand::Disable { purge } => disable::run(startup, *purge),
        TelemetryCommand::Log(args) => log::run(args, startup),
        TelemetryCommand::Stats { json } => stats::run(startup, *json),
        TelemetryCommand::ProveOff(args) => prove_off::run(args),
        TelemetryCommand::Flush { timeout, json } => flush::run(startup, *timeout, *json),
        TelemetryCommand::Explain { markdown: true, .. } => explain::page(),
        TelemetryCommand::Explain { schema: true, .. } => explain::schema(),
        TelemetryCommand::Explain { what, json, .. } => explain::run(what.as_deref(), *json),
        TelemetryCommand::Preview { json } => preview(*json),
        TelemetryCommand::ResetId => reset_id::run(startup),
    }
}

/// Shows the status, for somebody in a conversation.
pub(crate) fn show_status(startup: &Startup) -> Outcome {
    status::run(startup, false, false)
}

fn help(startup: &Startup) -> Outcome {
    let mut command = args::command(startup.as_plugin());
    command.build();
    if let Some(telemetry) = command.find_subcommand_mut("telemetry") {
        output::styled_data(&telemetry.render_help().ansi().to_string())?;
    }
    Ok(Ended::SUCCESS)
}

/// A line for each event, or all in one array.
fn preview(json: bool) -> Outcome {
    let samples = catalogue::preview(&crate::CATALOGUE.document(NAME));
    let text = if json {
        format!("{}\n", serde_json::to_string_pretty(&samples).unwrap_or_default())
    } else {
        samples.iter().map(|sample| format!("{sample}\n")).collect()
    };
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}

/// The state that was asked for is not reached; why was said.
fn not_reached() -> Outcome {
    Err(Failure::quiet(Ended::failure(1, ErrorClass::Other)))
}

/// Something that could not be saved or deleted.
fn not_done(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(ErrorClass::Io, what)
        .because(error)
        .hint("TELEMETRY_ENABLED=false in the environment turns telemetry off without a file")
}

/// `1 event`, `2 events`.
fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}
