//! Reads MCP servers: toolsets of type `mcp`, and the entries of `mcps` that they can refer to.

use super::toolsets;
use crate::config::error::{Problem, nearest};
use crate::config::fields::Fields;
use crate::config::support::Feature;
use crate::config::toolset::{McpServer, McpSource, Remote, RemoteTransport, ToolsetConfig, ToolsetKind};

/// The words of the schema for how a server on the network is spoken to.
const TRANSPORTS: &[(&str, RemoteTransport)] =
    &[("sse", RemoteTransport::Sse), ("streamable", RemoteTransport::Streamable)];

/// Where a server comes from, as it is written.
enum Source {
    Here(McpSource),
    /// An entry of `mcps`.
    Entry(String),
}

/// Reads one entry of `mcps`.
pub(super) fn definition(fields: &Fields<'_>, name: &str) -> (String, ToolsetConfig) {
    // It may be left out here, but it cannot say anything else.
    let _ = fields.word("type", &[("mcp", ())]);
    let toolset = toolsets::with_generic_keys(fields, |fields| ToolsetKind::Mcp(server(fields, &[]).0), true);
    (name.to_owned(), toolset)
}

/// Reads a toolset of type `mcp`; `None` beside it if it refers to no entry.
pub(super) fn toolset(fields: &Fields<'_>, entries: &[(String, ToolsetConfig)]) -> ToolsetConfig {
    let mut reference = None;
    let kind = |fields: &Fields<'_>| {
        let (server, entry) = server(fields, entries);
        reference = entry;
        ToolsetKind::Mcp(server)
    };
    let own = toolsets::with_generic_keys(fields, kind, true);
    let entry = entries.iter().find(|(name, _)| Some(name) == reference.as_ref());
    match entry {
        Some((name, entry)) => filled_in(own, name, entry),
        None => own,
    }
}

/// A toolset with what it does not say itself taken from an entry of `mcps`.
fn filled_in(own: ToolsetConfig, name: &str, entry: &ToolsetConfig) -> ToolsetConfig {
    let kind = match (own.kind, &entry.kind) {
        (ToolsetKind::Mcp(own), ToolsetKind::Mcp(entry)) => ToolsetKind::Mcp(McpServer {
            source: entry.source.clone(),
            env: entry.env.clone().into_iter().chain(own.env).collect(),
            version: own.version.or_else(|| entry.version.clone()),
            config: own.config.or_else(|| entry.config.clone()),
        }),
        (kind, _) => kind,
    };
    ToolsetConfig {
        kind,
        name: own.name.or_else(|| entry.name.clone()),
        tools: own.tools.or_else(|| entry.tools.clone()),
        instruction: own.instruction.or_else(|| entry.instruction.clone()),
        toon: own.toon.or_else(|| entry.toon.clone()),
        model: own.model.or_else(|| entry.model.clone()),
        defer: if own.defer == Default::default() { entry.defer.clone() } else { own.defer },
        reference: Some(name.to_owned()),
        position: own.position,
    }
}

/// Reads a server's own keys, and the name of the entry that it refers to.
fn server(fields: &Fields<'_>, entries: &[(String, ToolsetConfig)]) -> (McpServer, Option<String>) {
    let (source, entry) = match source(fields, entries) {
        Some(Source::Here(source)) => (source, None),
        Some(Source::Entry(name)) => (McpSource::Catalog { r#ref: name.clone() }, Some(name)),
        None => (McpSource::Catalog { r#ref: String::new() }, None),
    };
    let feature = match (&entry, &source) {
        // What the entry uses was noted there.
        (Some(_), _) => None,
        (None, McpSource::Command { .. }) => Some(Feature::McpCommand),
        (None, McpSource::Remote { .. }) => Some(Feature::McpRemote),
        (None, McpSource::Catalog { .. }) => Some(Feature::McpCatalog),
    };
    if let Some(feature) = feature {
        fields.uses_at(feature, None, fields.path.clone(), fields.node);
    }
    let version = fields.text("version");
    if !matches!(version.as_deref(), Some("false" | "off")) {
        fields.uses(Feature::AutoInstall, "version");
    }
    let server = McpServer { source, env: fields.variables("env"), version, config: fields.free("config") };
    (server, entry)
}

fn source(fields: &Fields<'_>, entries: &[(String, ToolsetConfig)]) -> Option<Source> {
    let command = fields.text("command").filter(|command| !command.is_empty());
    let args = fields.words("args");
    let remote = fields.inner("remote", remote);
    let reference = fields.text("ref").filter(|reference| !reference.is_empty());
    let given =
        [command.is_some(), remote.is_some(), reference.is_some()].iter().filter(|given| **given).count();
    if given != 1 {
        let what = if given == 0 { "one of" } else { "only one of" };
        let text = format!("{}: {what} `command`, `remote` and `ref` must be given", fields.path);
        fields.problem(Problem::new(fields.node.position, text));
        return None;
    }
    if let (None, Some(node)) = (&command, fields.get("args")) {
        fields.problem(fields.about("args", node, "there is no `command` that could have arguments"));
    }
    match (command, remote, reference) {
        (Some(command), ..) => Some(Source::Here(McpSource::Command { command, args })),
        (_, Some(remote), _) => Some(Source::Here(McpSource::Remote { remote })),
        (.., Some(reference)) if reference.starts_with("docker:") => {
            Some(Source::Here(McpSource::Catalog { r#ref: reference }))
        }
        (.., Some(name)) => {
            if entries.iter().any(|(known, _)| *known == name) {
                return Some(Source::Entry(name));
            }
            let node = fields.get("ref").unwrap_or(fields.node);
            let hint = nearest(&name, entries.iter().map(|(known, _)| known.as_str()))
                .unwrap_or_else(|| "a server of Docker's catalogue is written `docker:NAME`".to_owned());
            let problem = fields.about("ref", node, format_args!("no `{name}` below `mcps`"));
            fields.problem(problem.hint(Some(hint)));
            None
        }
        _ => None,
    }
}

fn remote(fields: &Fields<'_>) -> Remote {
    if fields.get("url").is_none() {
        fields.missing("`url`");
    }
    Remote {
        url: fields.url("url", true).unwrap_or_default(),
        transport_type: fields.word("transport_type", TRANSPORTS),
        headers: fields.texts_by_name("headers"),
    }
}
