//! The variables a run may see: env-files first, then the process environment, both handed in.
//!
//! Nothing here reads the process. What children get is decided here too: no model keys, no telemetry
//! credentials, nothing from env-files but an opt-out from telemetry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Variables that hold a credential of a provider that we know, whether or not an agent uses it.
const KNOWN_KEYS: &[&str] = &[
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "AWS_BEARER_TOKEN_BEDROCK",
    "MISTRAL_API_KEY",
    "XAI_API_KEY",
    "NEBIUS_API_KEY",
    "REQUESTY_API_KEY",
    "MINIMAX_API_KEY",
    "AZURE_API_KEY",
    "DOCKER_TOKEN",
    "TELEMETRY_API_KEY",
];

/// A lookup over env-files and the process environment.
#[derive(Clone, Default)]
pub struct Environment {
    files: Vec<BTreeMap<String, String>>,
    process: BTreeMap<String, String>,
}

/// A credential; its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A line of an env-file that is not `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected NAME=value")]
pub struct EnvFileError {
    /// The line, from 1.
    pub line: usize,
}

impl Secret {
    /// Wraps a credential.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the request header and for masking.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("files", &self.files.len())
            .field("process", &self.process.len())
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// An environment of the given process variables; those that are not UTF-8 should be left out.
    pub fn new(process: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { files: Vec::new(), process: process.into_iter().collect() }
    }

    /// Adds an env-file's variables; an earlier file beats a later one, and every file beats the process.
    #[must_use]
    pub fn with_file(mut self, variables: BTreeMap<String, String>) -> Self {
        self.files.push(variables);
        self
    }

    /// The value of a variable, if it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.files
            .iter()
            .filter_map(|file| file.get(name))
            .chain(self.process.get(name))
            .map(String::as_str)
            .find(|value| !value.is_empty())
    }

    /// The environment of a child process: the process's own variables without credentials of ours and of
    /// `keys`, and an opt-out from telemetry wherever it was said.
    #[must_use]
    pub fn for_children(&self, keys: &BTreeSet<String>) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> = self
            .process
            .iter()
            .filter(|(name, _)| !is_credential(name) && !keys.contains(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut said_off = |name: &str, on_words: &[&str]| {
            let off = self.files.iter().filter_map(|f| f.get(name)).find(|value| {
                let value = value.trim().to_ascii_lowercase();
                !value.is_empty() && !on_words.contains(&value.as_str())
            });
            if let Some(value) = off {
                variables.insert(name.to_owned(), value.clone());
            }
        };
        said_off("TELEMETRY_ENABLED", &["true", "1", "yes", "on"]);
        said_off("DO_NOT_TRACK", &["0", "false", "no", "off"]);
        variables
    }

    /// Every credential value known here: those of known providers and of `keys`. For masking recordings.
    #[must_use]
    pub fn secrets(&self, keys: &BTreeSet<String>) -> Vec<Secret> {
        let values: BTreeSet<&String> = self
            .files
            .iter()
            .chain([&self.process])
            .flatten()
            .filter(|(name, value)| !value.is_empty() && (is_credential(name) || keys.contains(*name)))
            .map(|(_, value)| value)
            .collect();
        values.into_iter().map(Secret::new).collect()
    }
}

fn is_credential(name: &str) -> bool {
    KNOWN_KEYS.contains(&name) || (name.starts_with("OTEL_") && name.ends_with("HEADERS"))
}

/// Parses an env-file: `NAME=value` lines, `#` comments, an optional `export`, one pair of quotes around a value.
///
/// # Errors
///
/// A line that is none of these, by its number; never by its content.
pub fn parse_env_file(text: &str) -> Result<BTreeMap<String, String>, EnvFileError> {
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or(EnvFileError { line: index + 1 })?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(EnvFileError { line: index + 1 });
        }
        let value = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(value);
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}
