//! `docker-agent debug`: looks at an agent file without running it.
//!
//! No key is read, no model is asked, and what may be a secret in the file is not printed.

mod toolsets;

use std::path::Path;

use agent_telemetry::{Cx, Ended, ErrorClass};

use crate::args::{DebugArgs, DebugCommand};
use crate::failure::Failure;
use crate::startup::Startup;
use crate::wrapper::Outcome;
use crate::{agent_file, output};

/// Does what was asked for.
pub(crate) fn run(args: &DebugArgs, startup: &Startup, cx: &Cx) -> Outcome {
    match &args.command {
        DebugCommand::Config { agent_file, json } => config(agent_file, *json),
        DebugCommand::Toolsets(args) => toolsets::run(args, startup, cx),
    }
}

/// Prints what a file says; starts nothing.
fn config(agent_file: &Path, json: bool) -> Outcome {
    let config = agent_file::read(agent_file)?;
    for feature in config.unsupported() {
        output::note(format_args!("not supported yet: {feature}"));
    }
    let text = if json {
        serde_json::to_string_pretty(&config).map(|json| json + "\n").map_err(|error| error.to_string())
    } else {
        config.to_yaml()
    };
    let text = text.map_err(|error| {
        Failure::new(ErrorClass::Other, format_args!("cannot write the configuration: {error}"))
    })?;
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}
