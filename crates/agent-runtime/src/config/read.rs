//! Walks the tree of an agent file along the schema.
//!
//! What older versions wrote differently is read where it stands; which version a file names decides whether it may.

mod agents;
mod hooks;
mod mcp;
mod models;
mod rag;
mod references;
mod toolsets;

use super::error::Problem;
use super::fields::{Fields, Reading};
use super::support::Scope;
use super::{Config, Metadata, Permissions, ToolsetConfig};
use crate::yaml::Node;

/// The version of the schema that a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32);

impl Version {
    const NEWEST: Self = Self(7);

    /// Tells whether models name their provider in `type`, and agents have `think`, `todo` and `memory`.
    fn is_first(self) -> bool {
        self == Self(0)
    }

    /// Tells whether the file may still have keys that are gone since version 2.
    fn is_before_2(self) -> bool {
        self < Self(2)
    }
}

/// What parts of a file know about the whole while they are read.
struct Surroundings {
    version: Version,
    /// The entries of `mcps`.
    servers: Vec<(String, ToolsetConfig)>,
}

/// Reads the whole file.
pub(super) fn config(file_name: &str, root: &Node) -> Result<Config, Vec<Problem>> {
    let reading = Reading { file_name: file_name.to_owned(), ..Reading::default() };
    let config = Fields::read(&reading, "", root, Scope::File, |top| whole(top, file_name));
    if let Some(config) = &config {
        references::check(&reading, config);
        references::note_models(&reading, config);
    }
    let mut problems = reading.problems.into_inner();
    // Agents that could not be read, or stand below another word, are not missing.
    if problems.is_empty() && config.as_ref().is_some_and(|config| config.agents.is_empty()) {
        let text = "no agents: the file needs at least one below `agents`";
        problems.push(Problem::new(root.position, text));
    }
    match config {
        Some(config) if problems.is_empty() => Ok(Config { uses: reading.uses.into_inner(), ..config }),
        _ => Err(problems),
    }
}

fn whole(top: &Fields<'_>, file_name: &str) -> Config {
    let (written, version) = version(top);
    let metadata = top.inner("metadata", metadata).unwrap_or_default();
    if version.is_before_2() {
        top.gone("env", "set variables in the environment, or in a file given with --env-from-file");
        top.gone("workflow", "let an agent pass tasks on with sub_agents");
    }
    let providers = top.entries("providers", |name| Scope::Provider(name.to_owned()), models::provider);
    let models = top.entries(
        "models",
        |name| Scope::Model(name.to_owned()),
        |fields, name| models::model(fields, name, version),
    );
    let servers = top.entries("mcps", |name| Scope::Mcp(name.to_owned()), mcp::definition);
    let rag = top.entries("rag", |name| Scope::Rag(name.to_owned()), rag::entry);
    let surroundings = Surroundings { version, servers };
    let agents = top.entries(
        "agents",
        |name| Scope::Agent(name.to_owned()),
        |fields, name| agents::agent(fields, name, &surroundings),
    );
    Config {
        file_name: file_name.to_owned(),
        version: written,
        metadata,
        agents,
        models,
        providers,
        rag,
        permissions: top.inner("permissions", permissions).unwrap_or_default(),
        uses: Vec::new(),
    }
}

fn version(top: &Fields<'_>) -> (Option<String>, Version) {
    let Some(written) = top.text("version") else { return (None, Version::NEWEST) };
    let node = top.get("version").unwrap_or(top.node);
    match written.strip_prefix('v').unwrap_or(&written).parse() {
        Ok(number) if number <= Version::NEWEST.0 => return (Some(written), Version(number)),
        Ok(number) => {
            let text = format!("version {number} is newer than what this program reads, which is 0 to 7");
            let hint = "leave `version` out if the file uses nothing newer".to_owned();
            top.problem(top.about("version", node, text).hint(Some(hint)));
        }
        Err(_) => {
            let text = format!("`{written}` is not a version from 0 to 7");
            top.problem(top.about("version", node, text));
        }
    }
    (Some(written), Version::NEWEST)
}

fn metadata(fields: &Fields<'_>) -> Metadata {
    Metadata {
        author: fields.text("author"),
        license: fields.text("license"),
        description: fields.text("description"),
        readme: fields.text("readme"),
        version: fields.text("version"),
    }
}

fn permissions(fields: &Fields<'_>) -> Permissions {
    let list = |key: &'static str| {
        let patterns = fields.texts(key).unwrap_or_default().into_iter();
        let checked =
            patterns.filter_map(|(pattern, node)| {
                match crate::tools::permissions::Pattern::parse(&pattern) {
                    Ok(_) => Some(pattern),
                    Err(problem) => {
                        fields.problem(fields.about(key, node, format_args!("`{pattern}`: {problem}")));
                        None
                    }
                }
            });
        checked.collect()
    };
    Permissions { allow: list("allow"), ask: list("ask"), deny: list("deny") }
}
