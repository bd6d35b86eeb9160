//! What an agent is told before anything is said.

use std::path::{Path, PathBuf};

use super::Settings;
use crate::agent::Agent;
use crate::tools::{Context, capped};

/// Most of one prompt file that is shown, in bytes.
const MAX_PROMPT_FILE_BYTES: usize = 50_000;

/// What agents know about each other.
pub(super) struct Brief {
    name: String,
    description: String,
}

impl Brief {
    pub(super) fn of(agent: &Agent) -> Self {
        Self { name: agent.name.clone(), description: agent.description().trim().to_owned() }
    }
}

/// The system prompt of an agent: colleagues, instruction, tools, date, place, files; what is empty is left out.
pub(super) fn system(agent: &Agent, briefs: &[Brief], settings: &Settings, context: &Context) -> String {
    let config = &agent.config;
    let mut parts = vec![
        colleagues(
            "You can give tasks to these agents with the tool `transfer_task`; each works alone, knows only what \
             you write, and answers you:",
            &config.sub_agents,
            briefs,
        ),
        colleagues(
            "You can pass the conversation on to these agents with the tool `handoff`; they then answer the user \
             in your place:",
            &config.handoffs,
            briefs,
        ),
        config.instruction.trim().to_owned(),
    ];
    parts.extend(config.toolsets.iter().filter_map(|set| set.instruction.as_deref()).map(trimmed));
    if let (true, Some(today)) = (config.add_date, &settings.today) {
        parts.push(format!("Today's date: {today}"));
    }
    if config.add_environment_info {
        parts.push(format!(
            "Working folder: {}\nOperating system: {}\nArchitecture: {}",
            context.folder.path().display(),
            std::env::consts::OS,
            std::env::consts::ARCH
        ));
    }
    let files = config.add_prompt_files.iter().filter_map(|name| {
        let path = find(name, context.folder.path(), settings.home.as_deref())?;
        let text = std::fs::read_to_string(path).ok()?;
        Some(format!("Contents of {name}:\n\n{}", capped(text.trim().to_owned(), MAX_PROMPT_FILE_BYTES)))
    });
    parts.extend(files);
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// The prompt files of an agent that cannot be read.
pub(super) fn missing_files<'a>(agent: &'a Agent, settings: &Settings, context: &Context) -> Vec<&'a str> {
    let is_missing = |name: &&String| {
        find(name, context.folder.path(), settings.home.as_deref())
            .is_none_or(|path| std::fs::read_to_string(path).is_err())
    };
    agent.config.add_prompt_files.iter().filter(is_missing).map(String::as_str).collect()
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

fn colleagues(introduction: &str, names: &[String], briefs: &[Brief]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let lines = names.iter().map(|name| {
        let brief = briefs.iter().find(|brief| brief.name == *name);
        match brief.map(|brief| brief.description.as_str()).unwrap_or_default() {
            "" => format!("- {name}"),
            description => format!("- {name}: {description}"),
        }
    });
    std::iter::once(introduction.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// A file with this name in a folder or one above it, or in the home folder.
fn find(name: &str, folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    folder.ancestors().chain(home).map(|folder| folder.join(name)).find(|path| path.is_file())
}
