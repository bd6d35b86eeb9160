//! Toolsets as data: what an agent file asks for, ready to become tools.

use std::sync::Arc;

use super::script::Script;
use super::think::{self, Think};
use super::toolbox::Toolbox;
use super::user_prompt::{self, UserPrompt};
use super::{filesystem, mcp, shell, todo};

/// One toolset of an agent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Toolset {
    /// Files and folders.
    Filesystem(filesystem::Settings),
    /// Commands and background jobs.
    Shell(shell::Settings),
    /// Commands that the agent file names.
    Script(Vec<Script>),
    /// A place to think aloud.
    Think,
    /// Things to do; agents that are given clones of one list share it.
    Todo(todo::List),
    /// Questions to the user.
    UserPrompt,
    /// The tools of an MCP server.
    Mcp(mcp::ServerSettings),
}

impl Toolset {
    /// Adds the tools that `only` names, or all; starts nothing.
    pub(crate) fn add_to(self, toolbox: &mut Toolbox, only: Option<&[String]>) {
        let wanted = |name: &str| only.is_none_or(|names| names.iter().any(|wanted| wanted == name));
        match self {
            Self::Filesystem(settings) => filesystem::add_to(toolbox, wanted, &settings),
            Self::Shell(settings) => shell::add_to(toolbox, wanted, settings),
            Self::Script(scripts) => {
                for script in scripts.into_iter().filter(|script| wanted(&script.name)) {
                    toolbox.add(Arc::new(script));
                }
            }
            Self::Think if wanted(think::NAME) => toolbox.add(Arc::new(Think)),
            Self::Todo(list) => todo::add_to(toolbox, wanted, &list),
            Self::UserPrompt if wanted(user_prompt::NAME) => toolbox.add(Arc::new(UserPrompt)),
            Self::Think | Self::UserPrompt => {}
            Self::Mcp(settings) => {
                toolbox.add_source(Arc::new(mcp::Server::new(settings, only.map(<[String]>::to_vec))));
            }
        }
    }
}
