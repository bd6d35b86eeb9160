//! What an event is: a struct with a definition that users can read, and the record it becomes.
//!
//! A record is serialised exactly once, when it is recorded.
//! The journal keeps those bytes, the sender sends them, the local log shows them; nothing renders them again.

use crate::name::NamePolicy;
use crate::value::{EventId, Kind, ObjectWriter, Value as _};

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
    /// What it is needed for.
    pub why: &'static str,
    /// The version that first collects it.
    pub since: &'static str,
}

/// Appends one record as JSON without a line break.
///
/// `source` is the tool's name; `common` is what [`common_suffix`] made.
pub(crate) fn write_record<E: Event>(
    out: &mut Vec<u8>,
    event: &E,
    id: EventId,
    unix_ms: u64,
    source: &str,
    common: &[u8],
    names: &NamePolicy,
) {
    out.extend_from_slice(b"{\"event_id\":");
    id.write_json(out, names);
    out.extend_from_slice(b",\"event\":\"");
    out.extend_from_slice(E::DEF.name.as_bytes());
    out.extend_from_slice(b"\",\"event_timestamp\":");
    crate::value::Millis::new(unix_ms).write_json(out, names);
    out.extend_from_slice(b",\"source\":\"");
    out.extend_from_slice(source.as_bytes());
    out.extend_from_slice(b"\",\"properties\":{");
    let start = out.len();
    let mut object = ObjectWriter::new(out, names);
    if let Some(action) = E::DEF.action {
        object.word("action", action);
    }
    event.write(&mut object);
    if out.len() > start {
        out.push(b',');
    }
    out.extend_from_slice(common);
    out.extend_from_slice(b"}}");
}

/// The members that every record of a process ends with.
pub(crate) fn common_suffix<P: Properties>(common: &P, names: &NamePolicy) -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    common.write(&mut ObjectWriter::new(&mut out, names));
    out
}
