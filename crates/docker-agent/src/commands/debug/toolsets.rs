//! `docker-agent debug toolsets`: the tools that an agent would have, those of MCP servers included.
//!
//! Servers are the only ones who know their tools, so they are started, and ended again.

use std::fmt::Write as _;

use agent_runtime::{Choice, Conversation, Keys, Offered, Settings, Team, Transport, http};
use agent_telemetry::{Cx, Ended, ErrorClass};
use serde_json::json;

use crate::args::ToolsetsArgs;
use crate::commands::run::{self, signals::Signals};
use crate::failure::Failure;
use crate::startup::Startup;
use crate::wrapper::Outcome;
use crate::{agent_file, output};

/// Prints the tools of an agent and of those that it passes work to. Fails if there are some that cannot be had.
pub(super) fn run(args: &ToolsetsArgs, startup: &Startup, cx: &Cx) -> Outcome {
    let environment = startup.environment()?;
    let config = agent_file::read(&args.agent_file)?;
    let choice = Choice::default().keys(Keys::Unused);
    let choice = args.agent.iter().fold(choice, |choice, name| choice.agent(name));
    let team = Team::new(&config, &choice, &environment).map_err(|error| run::refused(&error))?;
    let folder = run::working_folder(args.working_dir.as_deref())?;
    // Nothing is asked over it.
    let transport = Transport::live(http::Options::new("docker-agent", &environment));
    let settings = Settings::new(folder.path());
    let conversation = Conversation::new(team, transport, settings, &environment, cx)
        .map_err(|error| run::cannot_work_in(folder.path(), &error))?;
    let offered = look(conversation)?;
    output::data(&if args.json { as_json(&offered) } else { as_text(&offered) })?;
    let warnings: Vec<&String> = offered.iter().flat_map(|offered| &offered.warnings).collect();
    for warning in &warnings {
        output::warning(output::harmless(warning));
    }
    if warnings.is_empty() {
        Ok(Ended::SUCCESS)
    } else {
        Err(Failure::quiet(Ended::failure(1, ErrorClass::ToolError)))
    }
}

/// Starts what has to be started, asks it, and ends it; Ctrl-C does, too.
fn look(mut conversation: Conversation) -> Result<Vec<Offered>, Failure> {
    run::event_loop()?.block_on(async {
        let mut signals = Signals::listen().map_err(run::cannot_listen)?;
        let caught = tokio::select! {
            biased;
            caught = signals.next() => Err(Failure::quiet(Ended::failure(caught.exit_code(), ErrorClass::Cancelled))),
            offered = conversation.offered() => Ok(offered),
        };
        conversation.close().await;
        caught
    })
}

fn as_json(offered: &[Offered]) -> String {
    let agents: Vec<serde_json::Value> = offered
        .iter()
        .map(|Offered { agent, tools, warnings, .. }| {
            let tools = tools.iter().map(|tool| {
                json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters})
            });
            json!({"agent": agent, "tools": tools.collect::<Vec<_>>(), "warnings": warnings})
        })
        .collect();
    format!("{:#}\n", json!({ "agents": agents }))
}

/// A line for each tool, with the beginning of what it does.
fn as_text(offered: &[Offered]) -> String {
    let mut out = String::new();
    for Offered { agent, tools, .. } in offered {
        let count = match tools.len() {
            1 => "1 tool".to_owned(),
            count => format!("{count} tools"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{agent}: {count}");
        let width = tools.iter().map(|tool| tool.name.chars().count()).max().unwrap_or_default();
        for tool in tools {
            let line = format!("  {:<width$}  {}", tool.name, first_sentence(&tool.description));
            let _ = writeln!(out, "{}", output::harmless(line.trim_end()));
        }
    }
    out
}

fn first_sentence(text: &str) -> &str {
    let line = text.trim().lines().next().unwrap_or_default();
    line.find(". ").map_or(line, |end| &line[..=end])
}
