//! Everything this program may record: the shared events, and the names of its commands, flags, tools and models.
//!
//! The lists are compared with the command line, the tools and the price list by tests, so that they cannot drift.

use agent_telemetry::catalogue;
use agent_telemetry::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};

catalogue! {
    /// What docker-agent collects.
    pub static CATALOGUE = {
        events: [CommandEnded, SessionStarted, SessionEnded, ToolCalled, TokensUsed],
        commands: [
            "debug config", "debug toolsets", "models", "plugin install", "plugin uninstall", "run", "sessions export",
            "sessions list", "sessions show", "version",
        ],
        flags: [
            "agent", "all", "config-dir", "data-dir", "debug", "dry-run", "env-from-file", "exec", "fake", "fake-stream",
            "format", "hide-tool-calls", "json", "log-file", "model", "record", "session", "working-dir", "yolo",
        ],
        agents: ["root"],
        tools: [
            "read_file", "read_multiple_files", "list_directory", "directory_tree", "search_files_content",
            "write_file", "edit_file", "create_directory", "remove_directory", "shell", "run_background_job",
            "list_background_jobs", "view_background_job", "stop_background_job", "think", "create_todo",
            "create_todos", "update_todos", "list_todos", "user_prompt", "transfer_task", "handoff",
        ],
        models: [
            "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest", "claude-3-7-sonnet-20250219",
            "claude-3-7-sonnet-latest", "claude-fable-5", "claude-fable-5-1", "claude-haiku-4-5",
            "claude-haiku-4-5-20251001", "claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-1-20250805",
            "claude-opus-4-20250514", "claude-opus-4-5", "claude-opus-4-5-20251101", "claude-opus-4-6",
            "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-sonnet-4-0",
            "claude-sonnet-4-20250514", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-sonnet-4-6",
            "claude-sonnet-5", "claude-sonnet-5-5", "codestral-2501", "codestral-2508", "codestral-latest",
            "gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4-turbo-2024-04-09", "gpt-4.1", "gpt-4.1-2025-04-14",
            "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "gpt-4o",
            "gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20", "gpt-4o-mini", "gpt-4o-mini-2024-07-18",
            "gpt-5", "gpt-5-2025-08-07", "gpt-5-codex", "gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-nano",
            "gpt-5-nano-2025-08-07", "gpt-5.1", "gpt-5.1-codex", "gpt-5.2", "gpt-5.2-codex", "gpt-5.3-codex",
            "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5", "grok-3", "grok-3-mini", "grok-4", "grok-4-0709",
            "grok-4-fast-non-reasoning", "grok-4-fast-reasoning", "grok-code-fast-1", "ministral-3b-2410",
            "ministral-8b-2410", "mistral-large-2411", "mistral-medium-2505", "mistral-medium-2508",
            "mistral-small-2503", "mistral-small-2506", "mistral-small-latest", "o1", "o1-2024-12-17", "o3",
            "o3-2025-04-16", "o3-mini", "o3-mini-2025-01-31", "o4-mini", "o4-mini-2025-04-16", "open-mistral-nemo",
            "pixtral-large-2411",
        ],
    };
}

#[cfg(test)]
mod tests {
    use super::CATALOGUE;
    use crate::args;
    use crate::attempt::UNRECORDED;
    use std::collections::BTreeSet;

    fn walk(command: &clap::Command, path: &str, paths: &mut BTreeSet<String>, flags: &mut BTreeSet<String>) {
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        flags.extend(longs.filter(|long| !matches!(*long, "help" | "version")).map(str::to_owned));
        for inner in command.get_subcommands().filter(|inner| !UNRECORDED.contains(&inner.get_name())) {
            let path = format!("{path} {}", inner.get_name()).trim().to_owned();
            walk(inner, &path, paths, flags);
            if !inner.has_subcommands() {
                paths.insert(path);
            }
        }
    }

    fn set(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn commands_and_flags_are_those_of_the_command_line() {
        let (mut paths, mut flags) = (BTreeSet::new(), BTreeSet::new());
        walk(&args::command(false), "", &mut paths, &mut flags);
        assert_eq!(set(CATALOGUE.commands), paths);
        assert_eq!(set(CATALOGUE.flags), flags);
    }

    #[test]
    fn models_are_those_of_the_price_list() {
        let prices = include_str!("../../agent-runtime/src/prices/catalogue.json");
        let prices: serde_json::Value = serde_json::from_str(prices).expect("JSON");
        let providers = prices.as_object().expect("providers").values();
        let models = providers.flat_map(|provider| provider["models"].as_object().expect("models").keys());
        let models: BTreeSet<String> = models.cloned().collect();
        assert_eq!(set(CATALOGUE.known.models), models);
    }

    #[test]
    fn tools_are_those_of_an_agent_that_has_them_all() {
        let types = ["filesystem", "shell", "think", "todo", "user_prompt"];
        let toolsets = types.map(|kind| format!("{{type: {kind}}}")).join(", ");
        let file = format!("agents: {{root: {{model: openai/gpt-4o, toolsets: [{toolsets}]}}}}");
        let config = agent_runtime::config::from_yaml("agent.yaml", &file).expect("an agent file");
        let choice = agent_runtime::Choice::default().keys(agent_runtime::Keys::Unused);
        let agent = agent_runtime::Agent::new(&config, &choice, &agent_runtime::Environment::default());
        let mut tools = set(&agent.expect("an agent").tools());
        tools.extend(agent_runtime::DELEGATION_TOOLS.map(str::to_owned));
        assert_eq!(set(CATALOGUE.known.tools), tools);
    }
}
