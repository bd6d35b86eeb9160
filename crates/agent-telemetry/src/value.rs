//! What a property of an event may be.
//!
//! Privacy is decided here and nowhere else: [`Value`] is sealed, and none of its types can hold text that was not
//! fixed when the program was compiled, except [`Name`](crate::Name), whose policy has a page of its own.
//! There is deliberately no implementation for strings, paths, floats, errors or JSON.

mod closed;
mod env;
mod ids;
mod numbers;

pub use closed::{Closed, Map, Set};
pub(crate) use closed::{words_of, write_set, write_word};
pub use env::{Arch, Caller, LanguageTag, Os, Version};
pub use ids::{EventId, InstallId, SessionId};
pub use numbers::{Count, ExitCode, Millis, NanoUsd, Tokens};
pub(crate) use numbers::{MAX_SAFE, NANO};

use crate::event::FieldDef;
use crate::name::{NameKind, NamePolicy};

pub(crate) mod sealed {
    /// Keeps [`Value`](super::Value) closed: a type from elsewhere cannot become a property.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a property of a telemetry event",
        label = "this type could carry private data",
        note = "use a closed enum (`#[derive(Closed)]`), `bool`, `Count`, `Tokens`, `Millis`, `NanoUsd`, `ExitCode`, \
                an id, `Version`, `LanguageTag`, `Name<_>`, `Set<_>` or `Map<_>`"
    )]
    pub trait Allowed {}
}

/// A type that a property of an event may have.
///
/// Sealed: closed enums, `bool`, numbers with units, ids, [`Version`], [`LanguageTag`], [`Name`](crate::Name),
/// [`Set`], [`Map`], and `Option` of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a property of a telemetry event",
    label = "this type could carry private data",
    note = "use a closed enum (`#[derive(Closed)]`), `bool`, `Count`, `Tokens`, `Millis`, `NanoUsd`, `ExitCode`, an id, \
            `Version`, `LanguageTag`, `Name<_>`, `Set<_>` or `Map<_>`"
)]
pub trait Value: sealed::Allowed {
    /// What the property can be, for the catalogue and the collector's check.
    const KIND: Kind;
    /// False when the property may be absent.
    const REQUIRED: bool = true;

    /// True when there is nothing to write.
    fn is_absent(&self) -> bool {
        false
    }

    /// The value as a number, where it is one; for a map of counts their sum.
    fn number(&self) -> Option<u64> {
        None
    }

    /// Appends the value as JSON.
    fn write_json(&self, out: &mut Vec<u8>, names: &NamePolicy);

    /// Appends the value as a member of an object; what the derives call.
    #[doc(hidden)]
    fn write_member(&self, name: &'static str, out: &mut ObjectWriter<'_>)
    where
        Self: Sized,
    {
        out.field(name, self);
    }
}

/// The kind of a property, as the catalogue describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One of fixed words.
    Closed(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A count, 0 to 2^53.
    Count,
    /// A number of tokens, 0 to 2^53.
    Tokens,
    /// Milliseconds, 0 to 2^53.
    Millis,
    /// US dollars with at most 9 decimals.
    Usd,
    /// A process exit code, 0 to 255.
    ExitCode,
    /// A random UUID.
    Uuid,
    /// A release number such as `1.2.3-rc.1`.
    Version,
    /// A language and region such as `de-DE`.
    Language,
    /// An identifier of at most 64 bytes.
    Name(NameKind),
    /// An array of fixed words.
    Set(&'static [&'static str]),
    /// An object from fixed words to counts.
    Map(&'static [&'static str]),
    /// One of the command paths that the catalogue lists.
    Command,
    /// An array of flag names that the catalogue lists.
    Flags,
}

impl Kind {
    /// For the derives: a number that is not written; fails to compile for a kind that is none.
    #[doc(hidden)]
    #[must_use]
    pub const fn left_out(self, number: u64) -> Option<u64> {
        match self {
            Self::Count | Self::Tokens | Self::Millis => Some(number),
            Self::Map(_) if number == 0 => Some(number),
            _ => panic!("`absent` is for counts, tokens and milliseconds, and 0 for a map of counts"),
        }
    }
}

impl sealed::Allowed for bool {}
impl Value for bool {
    const KIND: Kind = Kind::Bool;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl<V: Value> sealed::Allowed for Option<V> {}
impl<V: Value> Value for Option<V> {
    const KIND: Kind = V::KIND;
    const REQUIRED: bool = false;

    fn is_absent(&self) -> bool {
        self.as_ref().is_none_or(Value::is_absent)
    }

    fn write_json(&self, out: &mut Vec<u8>, names: &NamePolicy) {
        if let Some(value) = self {
            value.write_json(out, names);
        }
    }
}

/// Writes the members of a JSON object whose keys are declared ones.
#[derive(Debug)]
pub struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    names: &'a NamePolicy,
    first: bool,
    /// The declared properties that were not asked for yet.
    left: &'static [FieldDef],
}

impl ObjectWriter<'_> {
    /// Appends one member, or nothing when the value is absent.
    ///
    /// Members are written in the order of their declaration; a name that is not declared, or not after the one
    /// before it, is left out. So even a hand-written [`Properties`](crate::Properties) cannot put words into keys.
    pub fn field<V: Value>(&mut self, name: &'static str, value: &V) {
        let kind = std::mem::discriminant(&V::KIND);
        let declared = |field: &FieldDef| field.name == name && std::mem::discriminant(&field.kind) == kind;
        let Some(at) = self.left.iter().position(declared) else { return };
        let left_out = self.left[at].absent_means;
        self.left = &self.left[at + 1..];
        if value.is_absent() || (left_out.is_some() && left_out == value.number()) {
            return;
        }
        self.key(name);
        value.write_json(self.out, self.names);
    }

    fn key(&mut self, name: &'static str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        write_word(self.out, name);
        self.out.push(b':');
    }
}

#[cfg(feature = "client")]
impl<'a> ObjectWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, names: &'a NamePolicy, fields: &'static [FieldDef]) -> Self {
        Self { out, names, first: true, left: fields }
    }

    pub(crate) fn word(&mut self, name: &'static str, word: &'static str) {
        self.key(name);
        write_word(self.out, word);
    }
}
