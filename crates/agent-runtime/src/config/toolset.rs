//! What a file says about tools: one entry of an agent's `toolsets`, or of `mcps`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::agent::ModelRef;
use super::written;
use crate::yaml::Position;

/// One entry of an agent's `toolsets`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToolsetConfig {
    /// Which tools.
    #[serde(flatten)]
    pub kind: ToolsetKind,
    /// Put before the names of the tools of an MCP server, as in `name_tool`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tools to offer; absent means all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Tools whose results are rewritten to a shorter notation: a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toon: Option<String>,
    /// The model that reads the results of these tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Tools that are offered only when the model looks for them.
    #[serde(skip_serializing_if = "Defer::is_no")]
    pub defer: Defer,
    /// The entry of `mcps` that this was filled in from.
    #[serde(skip)]
    pub reference: Option<String>,
    /// Where the toolset stands in the file.
    #[serde(skip)]
    pub position: Position,
}

/// A toolset's `type` with the keys of that type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolsetKind {
    /// Files and folders.
    Filesystem {
        /// Leave what version control ignores out of trees and searches.
        ignore_vcs: bool,
        /// Commands that run after a file was changed.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        post_edit: Vec<PostEdit>,
    },
    /// Commands.
    Shell {
        /// Variables set for every command; `$NAME` and `${env.NAME}` not yet replaced.
        #[serde(serialize_with = "written::variables")]
        env: BTreeMap<String, String>,
    },
    /// Commands with a name, a tool each.
    Script {
        /// The tools.
        #[serde(serialize_with = "written::by_name")]
        shell: Vec<ScriptTool>,
        /// Variables set for every one; `$NAME` and `${env.NAME}` not yet replaced.
        #[serde(serialize_with = "written::variables")]
        env: BTreeMap<String, String>,
    },
    /// A place to think in.
    Think,
    /// A list of things to do.
    Todo {
        /// One list for all agents of the file.
        shared: bool,
    },
    /// Tasks with dependencies, in a file.
    Tasks {
        /// The file.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// What is to be remembered between conversations.
    Memory {
        /// The database.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Pages of the web.
    Fetch {
        /// How long a page may take, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<u64>,
    },
    /// One HTTP request as a tool.
    Api {
        /// The request.
        api_config: ApiTool,
    },
    /// A tool per operation of an OpenAPI description.
    Openapi {
        /// Where the description is.
        #[serde(serialize_with = "written::required_url")]
        url: String,
        /// Headers of every request.
        #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// The tools of a server that speaks the Model Context Protocol.
    Mcp(McpServer),
    /// An agent elsewhere.
    A2a {
        /// Where it is.
        #[serde(serialize_with = "written::required_url")]
        url: String,
        /// Headers of every request.
        #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// A language server.
    Lsp {
        /// The program.
        command: String,
        /// Its arguments.
        #[serde(serialize_with = "written::arguments", skip_serializing_if = "Vec::is_empty")]
        args: Vec<String>,
        /// Its variables; `$NAME` and `${env.NAME}` not yet replaced.
        #[serde(serialize_with = "written::variables", skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
        /// Endings of the files that it knows.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        file_types: Vec<String>,
        /// What to install if the program is not there.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Questions to the user.
    UserPrompt,
    /// Lets the model choose another model.
    ModelPicker {
        /// The choice.
        models: Vec<ModelRef>,
    },
    /// Sub-agents that work beside the conversation.
    BackgroundAgents,
}

/// A command that runs after a file was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PostEdit {
    /// Which files, as a glob.
    pub path: String,
    /// The command, for a shell.
    pub cmd: String,
}

/// A command as a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScriptTool {
    /// The tool's name.
    #[serde(skip)]
    pub name: String,
    /// The command, for a shell; arguments are variables.
    pub cmd: String,
    /// What the model reads about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Arguments: name to JSON schema.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Arguments that must be given; absent in the file means all.
    pub required: Vec<String>,
    /// Variables set for the command; `$NAME` and `${env.NAME}` not yet replaced.
    #[serde(serialize_with = "written::variables", skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where it runs; absent means the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
}

/// One HTTP request as a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ApiTool {
    /// The tool's name.
    pub name: String,
    /// What the model reads about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instruction: String,
    /// The URL, with places for arguments.
    #[serde(serialize_with = "written::required_url")]
    pub endpoint: String,
    /// Which kind of request.
    pub method: Method,
    /// Headers of the request.
    #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Arguments: name to JSON schema.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Arguments that must be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// A JSON schema of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

/// The kinds of request of an `api` tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words speak for themselves")]
pub enum Method {
    #[default]
    Get,
    Post,
}

/// A server that speaks the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct McpServer {
    /// How it is reached.
    #[serde(flatten)]
    pub source: McpSource,
    /// Variables of its process; `$NAME` and `${env.NAME}` not yet replaced.
    #[serde(serialize_with = "written::variables", skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What to install if the program is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Settings of a server from Docker's catalogue.
    #[serde(serialize_with = "written::settings", skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}

/// How an MCP server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum McpSource {
    /// A program that is started, and spoken to through its stdin and stdout.
    Command {
        /// The program.
        command: String,
        /// Its arguments.
        #[serde(serialize_with = "written::arguments", skip_serializing_if = "Vec::is_empty")]
        args: Vec<String>,
    },
    /// A server on the network.
    Remote {
        /// Where and how.
        remote: Remote,
    },
    /// A server of Docker's catalogue, as in `docker:name`.
    Catalog {
        /// The reference.
        r#ref: String,
    },
}

/// An MCP server on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Remote {
    /// Where it is.
    #[serde(serialize_with = "written::required_url")]
    pub url: String,
    /// How it is spoken to; absent means that it is found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_type: Option<RemoteTransport>,
    /// Headers of every request.
    #[serde(serialize_with = "written::headers", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// How an MCP server on the network is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RemoteTransport {
    /// Server-sent events.
    Sse,
    /// Streamable HTTP.
    Streamable,
}

/// Tools that are offered only when the model looks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Defer {
    /// None.
    #[default]
    No,
    /// All of the toolset.
    All,
    /// These.
    Tools(Vec<String>),
}

impl Defer {
    fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl Serialize for Defer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::All => serializer.serialize_bool(true),
            Self::Tools(names) => names.serialize(serializer),
        }
    }
}

impl written::Named for ScriptTool {
    fn name(&self) -> &str {
        &self.name
    }
}
