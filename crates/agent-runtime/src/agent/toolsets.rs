//! From what a file says about tools to toolsets that can be added to an agent.

use std::collections::BTreeMap;

use crate::config::template::expand_value;
use crate::config::{McpSource, ScriptTool, ToolsetConfig, ToolsetKind};
use crate::environment::Environment;
use crate::tools::mcp::ServerSettings;
use crate::tools::script::Script;
use crate::tools::{Toolset, filesystem, shell, todo};

/// The toolset that an entry asks for; nothing for a type that does not run.
///
/// `shared` is the list of those who share one.
///
/// # Errors
///
/// What is wrong with a script.
pub(super) fn described(
    toolset: &ToolsetConfig,
    shared: &todo::List,
    environment: &Environment,
) -> Result<Option<Toolset>, String> {
    let variables = |env: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let lookup = |name: &str| environment.get(name).map(str::to_owned);
        env.iter().map(|(name, value)| (name.clone(), expand_value(value, lookup))).collect()
    };
    Ok(Some(match &toolset.kind {
        ToolsetKind::Filesystem { ignore_vcs, post_edit } => {
            let settings = filesystem::Settings::default().ignore_vcs(*ignore_vcs);
            Toolset::Filesystem(
                post_edit.iter().fold(settings, |settings, edit| settings.post_edit(&edit.path, &edit.cmd)),
            )
        }
        ToolsetKind::Shell { env } => Toolset::Shell(shell::Settings::default().env(variables(env))),
        ToolsetKind::Script { shell, env } => {
            let scripts = shell.iter().map(|tool| script(tool, variables(env), variables(&tool.env)));
            Toolset::Script(scripts.collect::<Result<_, _>>()?)
        }
        ToolsetKind::Think => Toolset::Think,
        ToolsetKind::Todo { shared: true } => Toolset::Todo(shared.clone()),
        ToolsetKind::Todo { shared: false } => Toolset::Todo(todo::List::new()),
        ToolsetKind::UserPrompt => Toolset::UserPrompt,
        ToolsetKind::Mcp(server) => match &server.source {
            McpSource::Command { command, args } => {
                let settings = ServerSettings::new(command, args).env(variables(&server.env));
                Toolset::Mcp(match &toolset.name {
                    Some(name) => settings.named(name),
                    None => settings,
                })
            }
            McpSource::Remote { .. } | McpSource::Catalog { .. } => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn script(
    tool: &ScriptTool,
    of_all: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
) -> Result<Script, String> {
    let script = Script {
        description: tool.description.clone(),
        args: tool.args.clone(),
        required: tool.required.clone(),
        env: of_all.into_iter().chain(own).collect(),
        working_dir: tool.working_dir.clone(),
        ..Script::new(&tool.name, &tool.cmd)
    };
    script.check().map(|()| script)
}
