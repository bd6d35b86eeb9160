//! Which tool calls run unasked, which are asked about, which never run.
//!
//! Patterns are `tool` or `tool:argument=glob:argument=glob`, with `*` and `?`, in any case.
//! A star at the end matches everything that follows. Order: deny beats all, also `--yolo`; then what the user
//! approved for the whole session, then `allow`, then `ask`, then "it only reads, inside the working folder".
//! Patterns err to the safe side: to deny or ask, one match anywhere is enough and paths match in any spelling;
//! to allow, every element has to match, paths by where they really lead, and a command only if it has no shell
//! operators beyond those in the pattern.

#[cfg(test)]
mod naive;

use serde_json::Value;

use super::Access;
use super::folder::WorkingFolder;
use crate::config::Permissions;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    tool: String,
    arguments: Vec<(String, String)>,
}

/// The three lists, ready to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    allow: Vec<Pattern>,
    ask: Vec<Pattern>,
    deny: Vec<Pattern>,
}

/// What is to happen with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Run it.
    Allow,
    /// Ask first.
    Ask,
    /// Never run it; the pattern that says so.
    Deny(String),
}

/// What the user said about all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    /// Nothing: each call on its own.
    #[default]
    Each,
    /// Everything that is not denied may run.
    All,
}

/// A call as it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Value,
    pub(crate) access: &'a Access,
    pub(crate) folder: &'a WorkingFolder,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// It names no tool, or uses notation that would silently not match.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(['[', '\\']) {
            return Err("character classes and escapes are not supported, use * and ?");
        }
        // A colon starts a new argument only where `name=` follows: values may contain colons.
        let mut parts: Vec<String> = Vec::new();
        for piece in text.trim().split(':') {
            let name = piece.split_once('=').map(|(name, _)| name);
            let starts = name.is_some_and(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            });
            match parts.last_mut() {
                Some(last) if parts_count_is_argument(&last.clone()) && !starts => {
                    last.push(':');
                    last.push_str(piece);
                }
                Some(_) if !starts => return Err("expected tool:argument=value"),
                _ => parts.push(piece.to_owned()),
            }
        }
        let mut parts = parts.into_iter();
        let tool = parts.next().unwrap_or_default().trim().to_owned();
        if tool.is_empty() || tool.contains('=') {
            return Err("it names no tool");
        }
        let arguments = parts.filter_map(|part| {
            let (name, glob) = part.split_once('=')?;
            Some((name.to_owned(), glob.to_owned()))
        });
        let arguments: Vec<(String, String)> = arguments.collect();
        if arguments.iter().any(|(name, glob)| is_path(name) && glob.starts_with('~')) {
            return Err("~ is not expanded, write the whole path");
        }
        Ok(Self { text: text.to_owned(), tool, arguments })
    }

    /// For deny and ask: true if anything in the call matches.
    fn touches(&self, call: Call<'_>) -> bool {
        matches(&self.tool, call.tool, Stars::Wide)
            && self.arguments.iter().all(|(name, glob)| {
                let values = argument(call.arguments, name);
                let globs = glob_spellings(name, glob, call.folder);
                values.iter().any(|value| {
                    let texts = spellings(name, value, call.folder);
                    texts.iter().any(|text| globs.iter().any(|glob| matches(glob, text, Stars::Wide)))
                })
            })
    }

    /// For allow: true only if everything in the call matches.
    fn covers(&self, call: Call<'_>) -> bool {
        matches(&self.tool, call.tool, Stars::Narrow)
            && self.arguments.iter().all(|(name, glob)| {
                let values = argument(call.arguments, name);
                !values.is_empty()
                    && values.iter().all(|value| {
                        if is_path(name) {
                            let globs = glob_spellings(name, glob, call.folder);
                            let texts = real_spellings(value, call.folder);
                            return texts
                                .iter()
                                .any(|text| globs.iter().any(|glob| matches(glob, text, Stars::Narrow)));
                        }
                        let operators = [';', '&', '|', '`', '$', '(', ')', '<', '>', '\n'];
                        let surprising = name == "cmd"
                            && operators.iter().any(|c| value.contains(*c) && !glob.contains(*c));
                        !surprising && matches(glob, value, Stars::Narrow)
                    })
            })
    }
}

fn parts_count_is_argument(part: &str) -> bool {
    part.contains('=')
}

impl Rules {
    /// The rules of a file whose patterns were checked when it was read; one that is wrong is left out.
    #[must_use]
    pub fn new(permissions: &Permissions) -> Self {
        let list =
            |patterns: &[String]| patterns.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
        Self { allow: list(&permissions.allow), ask: list(&permissions.ask), deny: list(&permissions.deny) }
    }

    pub(crate) fn decide(&self, call: Call<'_>, approval: Approval) -> Decision {
        if let Some(pattern) = self.deny.iter().find(|pattern| pattern.touches(call)) {
            return Decision::Deny(pattern.text.clone());
        }
        if approval == Approval::All || self.allow.iter().any(|pattern| pattern.covers(call)) {
            return Decision::Allow;
        }
        if self.ask.iter().any(|pattern| pattern.touches(call)) {
            return Decision::Ask;
        }
        match call.access {
            Access::Reads(paths) if paths.iter().all(|path| call.folder.contains(path)) => Decision::Allow,
            _ => Decision::Ask,
        }
    }
}

fn is_path(name: &str) -> bool {
    matches!(name, "path" | "paths" | "cwd")
}

/// The values of an argument as texts; the elements of a list count one by one.
fn argument(arguments: &Value, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match arguments.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(value) => vec![text(value)],
    }
}

/// A pattern for paths as written, and with the folder before its first star by where that really leads.
fn glob_spellings(name: &str, glob: &str, folder: &WorkingFolder) -> Vec<String> {
    let mut all = vec![glob.to_owned()];
    if is_path(name) {
        let fixed = glob.find(['*', '?']).unwrap_or(glob.len());
        let start = if fixed == glob.len() {
            glob.len()
        } else {
            glob[..fixed].rfind('/').map_or(0, |slash| slash + 1)
        };
        let (prefix, rest) = glob.split_at(start);
        if let Some(real) = folder.real(if prefix.is_empty() { "." } else { prefix }) {
            let real = real.display().to_string();
            let slash = if rest.is_empty() || real.ends_with('/') { "" } else { "/" };
            all.push(format!("{real}{slash}{rest}"));
        }
    }
    all
}

fn spellings(name: &str, value: &str, folder: &WorkingFolder) -> Vec<String> {
    let mut all = vec![value.to_owned(), value.trim().to_owned()];
    if is_path(name) {
        all.extend(real_spellings(value, folder));
        all.push(folder.join(value).display().to_string());
    }
    all
}

fn real_spellings(value: &str, folder: &WorkingFolder) -> Vec<String> {
    let Some(real) = folder.real(value) else { return Vec::new() };
    vec![folder.display(&real), real.display().to_string()]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stars {
    /// A star matches anything.
    Wide,
    /// A star matches anything but a slash, unless it is the last character.
    Narrow,
}

/// Matches a glob against a whole text, in any case.
fn matches(glob: &str, text: &str, stars: Stars) -> bool {
    let glob: Vec<char> = glob.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    // `reached[i]` says whether the glob so far matches the first `i` characters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for (position, symbol) in glob.iter().enumerate() {
        let mut next = vec![false; text.len() + 1];
        match symbol {
            '*' => {
                let crosses = stars == Stars::Wide || position + 1 == glob.len();
                let mut open = false;
                for i in 0..=text.len() {
                    open = reached[i] || (open && i > 0 && (crosses || text[i - 1] != '/'));
                    next[i] = open;
                }
            }
            symbol => {
                for i in 0..text.len() {
                    next[i + 1] = reached[i] && (*symbol == '?' || *symbol == text[i]);
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

/// Matches a glob of a search's `excludePatterns`.
pub(crate) fn glob_matches(glob: &str, text: &str) -> bool {
    matches(glob, text, Stars::Wide)
}
