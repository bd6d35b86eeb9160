//! Takes typed values out of a mapping, each complaint naming the place.

use super::error::{ConfigError, nearest};
use crate::yaml::{Entry, Node, Value};

/// One mapping of the file, with the dotted path that leads to it.
pub(super) struct Fields<'a> {
    pub(super) file: &'a str,
    pub(super) path: String,
    pub(super) node: &'a Node,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Opens a mapping; an empty value counts as an empty mapping.
    pub(super) fn open(file: &'a str, path: impl Into<String>, node: &'a Node) -> Result<Self, ConfigError> {
        let path = path.into();
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                let what = if path.is_empty() { "the file" } else { &path };
                let text = format!("{what}: expected a mapping, found {}", other.kind());
                return Err(ConfigError::new(file, node.position, text));
            }
        };
        Ok(Self { file, path, node, entries })
    }

    /// Refuses keys that are not in `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            None => Ok(()),
            Some(entry) => {
                let place = if self.path.is_empty() { String::new() } else { format!(" in {}", self.path) };
                let text = format!("unknown key `{}`{place}", entry.key);
                let hint = nearest(&entry.key, known.iter().copied())
                    .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
                Err(ConfigError::new(self.file, entry.key_position, text).with_hint(Some(hint)))
            }
        }
    }

    /// The entries in file order.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The value of a key; one that is empty counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.value.value != Value::Null).then_some(&entry.value)
    }

    /// The dotted path of a key of this mapping.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A complaint about a key's value.
    pub(super) fn complain(&self, key: &str, node: &Node, text: impl std::fmt::Display) -> ConfigError {
        ConfigError::new(self.file, node.position, format!("{}: {text}", self.path_of(key)))
    }

    fn expected(&self, key: &str, node: &Node, what: &str) -> ConfigError {
        self.complain(key, node, format_args!("expected {what}, found {}", node.value.kind()))
    }

    /// Text; a number is taken as written where it cannot be mistaken.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.value {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Integer(number) => Ok(Some(number.to_string())),
            _ => Err(self.expected(key, node, "text")),
        }
    }

    /// A boolean.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match node.value {
            Value::Bool(value) => Ok(Some(value)),
            _ => Err(self.expected(key, node, "true or false")),
        }
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match node.value {
            Value::Integer(value) => Ok(Some(value as f64)),
            Value::Float(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.expected(key, node, "a number")),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match node.value {
            Value::Integer(value) => match u64::try_from(value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.complain(key, node, format_args!("expected 0 or more, found {value}"))),
            },
            _ => Err(self.expected(key, node, "a whole number")),
        }
    }

    /// A list of nodes.
    pub(super) fn list(&self, key: &str) -> Result<&'a [Node], ConfigError> {
        let Some(node) = self.get(key) else { return Ok(&[]) };
        node.as_list().ok_or_else(|| self.expected(key, node, "a list"))
    }

    /// A list of texts; absent when the key is.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<(String, &'a Node)>>, ConfigError> {
        if self.get(key).is_none() {
            return Ok(None);
        }
        let texts = self.list(key)?.iter().map(|item| match item.as_text() {
            Some(text) => Ok((text.to_owned(), item)),
            None => Err(self.expected(key, item, "a list of texts")),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }
}
