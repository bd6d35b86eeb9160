//! The only text that a user can influence: names of agents, tools and models.
//!
//! One constructor per kind, one policy:
//!
//! | the text | what is sent |
//! |---|---|
//! | a name that the program knows (its own tools, the models of the price list) | the name |
//! | not an identifier: other than `[A-Za-z0-9][A-Za-z0-9._:/@+-]*`, over 64 bytes, with `..` or `://` | `custom` |
//! | contains the login, the home folder's name or the host's name | `custom` |
//! | anything else, with `TELEMETRY_NAMES=hide` | `custom` |
//! | anything else | the name, as written |
//!
//! The first and the fourth row need to know the machine, so they are applied when the record is written
//! ([`NamePolicy`]); the second is applied when the name is made, so a [`Name`] never holds anything else.
//! There is no guessing beyond that.

use std::fmt;
use std::marker::PhantomData;

use crate::value::{Kind, Value, sealed, write_word};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// What stands for a name that is not sent.
pub const CUSTOM: &str = "custom";
/// What stands for a tool that a model asked for and nobody registered.
pub const UNKNOWN: &str = "unknown";

/// Marks names of agents.
#[derive(Debug, Clone, Copy)]
pub enum Agent {}
/// Marks names of tools.
#[derive(Debug, Clone, Copy)]
pub enum Tool {}
/// Marks names of models.
#[derive(Debug, Clone, Copy)]
pub enum Model {}

/// What a [`Name`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// An agent.
    Agent,
    /// A tool.
    Tool,
    /// A model.
    Model,
}

/// The kinds of names; sealed.
pub trait Named: sealed::Allowed {
    /// This kind as a value.
    const KIND: NameKind;
}

macro_rules! named {
    ($($marker:ident),*) => {$(
        impl sealed::Allowed for $marker {}
        impl Named for $marker {
            const KIND: NameKind = NameKind::$marker;
        }
    )*};
}
named!(Agent, Tool, Model);

/// The name of an agent, a tool or a model: an identifier of at most 64 bytes, or `custom`.
pub struct Name<K> {
    bytes: [u8; MAX_NAME_BYTES],
    len: u8,
    kind: PhantomData<fn() -> K>,
}

impl Name<Agent> {
    /// The name of an agent as its author wrote it.
    #[must_use]
    pub fn agent(text: &str) -> Self {
        Self::checked(text)
    }
}

impl Name<Tool> {
    /// The name of a *registered* tool.
    ///
    /// Never pass what a model asked for: it can put a prompt's words there. Use [`Name::unknown_tool`].
    #[must_use]
    pub fn tool(text: &str) -> Self {
        Self::checked(text)
    }

    /// A tool that a model asked for and nobody registered.
    #[must_use]
    pub fn unknown_tool() -> Self {
        Self::checked(UNKNOWN)
    }
}

impl Name<Model> {
    /// The name of a model as configured.
    #[must_use]
    pub fn model(text: &str) -> Self {
        Self::checked(text)
    }
}

impl<K> Name<K> {
    fn checked(text: &str) -> Self {
        let text = if is_identifier(text) { text } else { CUSTOM };
        let mut bytes = [0; MAX_NAME_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self { bytes, len: u8::try_from(text.len()).unwrap_or(0), kind: PhantomData }
    }

    /// The name as text: an identifier, before the policy of the machine.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or(CUSTOM)
    }
}

/// Whether a text is an identifier that may be a name.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b))
        && !text.contains("..")
        && !text.contains("://")
        && !has_drive(text)
}

/// `C:/…`: a Windows path.
fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic())
}

impl<K> Clone for Name<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Name<K> {}
impl<K> PartialEq for Name<K> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl<K> Eq for Name<K> {}
impl<K> fmt::Debug for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<K> sealed::Allowed for Name<K> {}
impl<K: Named> Value for Name<K> {
    const KIND: Kind = Kind::Name(K::KIND);

    fn write_json(&self, out: &mut Vec<u8>, names: &NamePolicy) {
        write_word(out, names.shown(K::KIND, self.as_str()));
    }
}

/// Names that a program ships with; they are sent as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownNames {
    /// Agents that come with the program.
    pub agents: &'static [&'static str],
    /// Built-in tools.
    pub tools: &'static [&'static str],
    /// Models of the price list.
    pub models: &'static [&'static str],
}

impl KnownNames {
    fn contains(&self, kind: NameKind, name: &str) -> bool {
        let list = match kind {
            NameKind::Agent => self.agents,
            NameKind::Tool => self.tools,
            NameKind::Model => self.models,
        };
        list.contains(&name) || name == CUSTOM || name == UNKNOWN
    }
}

/// The part of the policy that depends on the machine; see the [module](self).
#[derive(Debug, Clone, Default)]
pub struct NamePolicy {
    hide: bool,
    private: Vec<String>,
    known: KnownNames,
}

impl NamePolicy {
    /// A policy for a machine: words that no name may contain (login, home folder, host), in any case.
    #[must_use]
    pub fn new<'a>(known: KnownNames, private: impl IntoIterator<Item = &'a str>, hide: bool) -> Self {
        let private =
            private.into_iter().filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
        Self { hide, private, known }
    }

    fn shown<'a>(&self, kind: NameKind, name: &'a str) -> &'a str {
        if self.known.contains(kind, name) {
            name
        } else if self.hide || self.is_private(name) {
            CUSTOM
        } else {
            name
        }
    }

    fn is_private(&self, name: &str) -> bool {
        self.private.iter().any(|word| contains_ignoring_case(name.as_bytes(), word.as_bytes()))
    }
}

fn contains_ignoring_case(text: &[u8], lower: &[u8]) -> bool {
    text.len() >= lower.len() && text.windows(lower.len()).any(|part| part.eq_ignore_ascii_case(lower))
}
