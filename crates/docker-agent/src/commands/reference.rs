//! `docker-agent reference …`: pages of the documentation, made from what the program itself knows.
//!
//! Not meant for people, and not recorded: `cargo xtask docs` writes the pages into `docs/`.

mod cli;
mod events;
mod man;
mod variables;

use agent_telemetry::Ended;

use crate::args::ReferencePage;
use crate::output;
use crate::wrapper::Outcome;

/// Says at the top of a page where it comes from.
const GENERATED: &str = "<!-- Written by `cargo xtask docs`; change the program instead. -->";

/// Prints a page.
pub(crate) fn run(page: ReferencePage) -> Outcome {
    let text = match page {
        ReferencePage::Cli => cli::page(),
        ReferencePage::Environment => variables::page(),
        ReferencePage::Events => events::page(),
        ReferencePage::Man { name: None } => man::names(),
        ReferencePage::Man { name: Some(name) } => man::page(&name)?,
    };
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
