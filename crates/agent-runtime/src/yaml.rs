//! Reads YAML into a small tree that knows where everything stands, and writes it.
//!
//! The only module that names the YAML crate.
//! Input is budgeted (size, depth, nodes, aliases), so that a hostile file costs an error and nothing else.
//! Duplicate keys are errors. Schemas are the business of those who walk the tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A place in a file, both counted from 1; 0 when unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

/// One node of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Position,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping, in file order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_position: Position,
    pub(crate) value: Node,
}

/// Why a text is not the YAML we take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// How much input is accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the whole text.
    pub(crate) bytes: usize,
    /// Nodes after aliases were expanded.
    pub(crate) nodes: usize,
}

/// Levels of lists and mappings. The parser recurses and takes up to 40 KB of stack for a level in a debug build,
/// which leaves a third of a thread's usual 2 MiB; agent files with large JSON schemas have half as many levels.
const MAX_DEPTH: usize = 32;

impl Value {
    /// Names the kind, for error texts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The value below `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    /// The text of a text node.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer of an integer node.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// The value without its places, for what a schema leaves open.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(Self::to_json).collect(),
            Value::Map(map) => map.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }

    /// The elements of a list node.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// Parses one YAML document.
pub(crate) fn parse(text: &str, limits: Limits) -> Result<Node, SyntaxError> {
    if text.len() > limits.bytes {
        let text =
            format!("the file has {} bytes, more than the {} that are accepted", text.len(), limits.bytes);
        return Err(SyntaxError { text, position: Position::default() });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: limits.nodes,
            max_events: limits.nodes.saturating_mul(3),
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1,
            max_total_scalar_bytes: limits.bytes.saturating_mul(2),
            max_merge_keys: 1_000,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options) {
        Ok(spanned) => Ok(node(spanned)),
        Err(error) => {
            let position = error.location().map(position).unwrap_or_default();
            let text = worded(error.without_snippet());
            Err(SyntaxError { text, position })
        }
    }
}

/// Says what is wrong in our words, where the crate speaks of its options.
fn worded(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;

    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is there twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is there twice".to_owned(),
        Error::NonFiniteFloat { value, .. } => format!("`{value}` is no number that can be used here"),
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "the file has several documents, one is expected".to_owned()
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("the file is deeper than {MAX_DEPTH} levels")
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "the file has more values than are accepted, aliases expanded".to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an anchor stands inside of itself".to_owned(),
        Error::AliasError { error, .. } => worded(error.without_snippet()),
        other => {
            // The crate appends its own "at line L, column C"; the position is kept beside the text here.
            let text = other.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            text.strip_prefix("error: ").unwrap_or(text).to_owned()
        }
    }
}

/// Writes a value as one YAML document.
pub(crate) fn write(value: &impl serde::Serialize) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

fn position(location: serde_saphyr::Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

fn node(spanned: Spanned<Tree>) -> Node {
    let value = match spanned.value {
        Tree::Scalar(value) => value,
        Tree::List(list) => Value::List(list.into_iter().map(node).collect()),
        Tree::Map(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| Entry {
                    key: key.value.0,
                    key_position: position(key.referenced),
                    value: node(value),
                })
                .collect(),
        ),
    };
    Node { value, position: position(spanned.referenced) }
}

/// The tree as the YAML crate hands it over.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<Key>, Spanned<Tree>)>),
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Key)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Bool(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Integer(v)))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(i64::try_from(v).map_or(Value::Float(v as f64), Value::Integer)))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Float(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Text(v.to_owned())))
    }

    fn visit_string<E>(self, v: String) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Text(v)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
