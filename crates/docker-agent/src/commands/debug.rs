//! `docker-agent debug`: looks at an agent file without running it.
//!
//! Nothing is started, no key is read, and what may be a secret in the file is not printed.

use agent_telemetry::{Ended, ErrorClass};

use crate::args::{DebugArgs, DebugCommand};
use crate::failure::Failure;
use crate::wrapper::Outcome;
use crate::{agent_file, output};

/// Does what was asked for.
pub(crate) fn run(args: &DebugArgs) -> Outcome {
    let DebugCommand::Config { agent_file, json } = &args.command;
    let config = agent_file::read(agent_file)?;
    for feature in config.unsupported() {
        output::note(format_args!("not supported yet: {feature}"));
    }
    let text = if *json {
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
