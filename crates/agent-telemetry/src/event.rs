//! What an event is: a struct with a definition that users can read.

use crate::value::{Kind, ObjectWriter};

/// The longest record, in bytes; a longer one is dropped and counted as `too_big`.
pub const MAX_RECORD_BYTES: usize = 4_096;

/// A group of properties: their descriptors and how they are written.
pub trait Properties {
    /// The properties in wire order.
    const FIELDS: &'static [FieldDef];

    /// Writes the present properties.
    fn write(&self, out: &mut ObjectWriter<'_>);
}

/// Something that happened; derive it with `#[derive(Event)]`.
pub trait Event: Properties {
    /// The definition that the catalogue, the docs and the collector's validation come from.
    const DEF: EventDef;
}

/// The definition of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventDef {
    /// The event's name on the wire.
    pub name: &'static str,
    /// What tells apart several events of one name.
    pub action: Option<&'static str>,
    /// What happened, in a line.
    pub about: &'static str,
    /// Why it is collected.
    pub why: &'static str,
    /// The version that first collects it.
    pub since: &'static str,
    /// When somebody must decide whether it is still needed (YYYY-MM-DD).
    pub review: &'static str,
    /// Its own properties.
    pub fields: &'static [FieldDef],
}

/// The definition of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDef {
    /// The property's name on the wire.
    pub name: &'static str,
    /// What it can be.
    pub kind: Kind,
    /// False when it may be absent.
    pub required: bool,
    /// The number that is not written, and that an absent property therefore means; 0 for no counts.
    pub absent_means: Option<u64>,
    /// What it is needed for.
    pub why: &'static str,
    /// The version that first collects it.
    pub since: &'static str,
}
