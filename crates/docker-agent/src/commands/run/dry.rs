//! `run --dry-run`: everything that a run needs is loaded and checked, and no model is asked.

use agent_telemetry::Ended;

use super::{team, transport, working_folder};
use crate::args::RunArgs;
use crate::startup::Startup;
use crate::wrapper::Outcome;
use crate::{agent_file, output};

/// Loads everything, and says in one line what would run.
pub(super) fn run(args: &RunArgs, startup: &Startup) -> Outcome {
    let environment = startup.environment()?;
    let config = agent_file::read(&args.agent_file)?;
    let team = team(args, startup, &config, &environment)?;
    let agent = team.first();
    if args.fake.is_some() {
        // A recording is read, to see whether it can be; a file to record to is not made.
        transport(args, &team, &environment)?;
    }
    let folder = working_folder(args.working_dir.as_deref())?;
    let (name, model, tools) = (agent.name(), agent.model(), agent.tools().len());
    let folder = folder.path().display();
    let line = if args.json {
        let event = serde_json::json!({
            "type": "dry_run", "agent": name, "model": model, "is_priced": agent.is_priced(),
            "tools": tools, "working_dir": folder.to_string(),
        });
        format!("{event}\n")
    } else {
        let price = if agent.is_priced() { "priced" } else { "price unknown" };
        let tools = if tools == 1 { "1 tool".to_owned() } else { format!("{tools} tools") };
        format!("dry run: agent {name}, model {model} ({price}), {tools}, in {folder}\n")
    };
    output::data(&line)?;
    Ok(Ended::SUCCESS)
}
