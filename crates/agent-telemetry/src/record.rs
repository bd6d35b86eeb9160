//! The record that an event becomes.
//!
//! A record is serialised exactly once, when it is recorded.
//! The journal keeps those bytes, the sender sends them, the local log shows them; nothing renders them again.

use crate::event::{Event, Properties};
use crate::name::NamePolicy;
use crate::value::{EventId, Millis, ObjectWriter, Value as _};

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
    Millis::new(unix_ms).write_json(out, names);
    out.extend_from_slice(b",\"source\":\"");
    out.extend_from_slice(source.as_bytes());
    out.extend_from_slice(b"\",\"properties\":{");
    let start = out.len();
    let mut object = ObjectWriter::new(out, names, E::FIELDS);
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
    common.write(&mut ObjectWriter::new(&mut out, names, P::FIELDS));
    out
}
