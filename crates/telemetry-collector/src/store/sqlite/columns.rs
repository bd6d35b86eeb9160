//! Which property of an event lives in which column.
//!
//! One table drives writing and reading, so the two cannot disagree.
//! A value whose type does not fit its column (another tool's catalogue may use the same name differently) goes
//! to `extra` instead: nothing is converted and nothing is lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::codec::{self, Intern, Resolve};
use crate::catalogue::CheckedValue;
use crate::histogram::bucket_of;

/// How a property's value becomes an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A name, as its number in the dictionary of this kind.
    Name(&'static str),
    Bool,
    Number,
    NanoUsd,
    /// A session's uuid, as the session's number.
    Session,
}

struct Column {
    property: &'static str,
    name: &'static str,
    form: Form,
}

const fn column(property: &'static str, name: &'static str, form: Form) -> Column {
    Column { property, name, form }
}

const COUNT: usize = 26;

const COLUMNS: [Column; COUNT] = [
    column("session_id", "session", Form::Session),
    column("parent_session_id", "parent_session", Form::Session),
    column("agent_name", "agent", Form::Name("agent")),
    column("model_provider", "provider", Form::Name("provider")),
    column("model_name", "model", Form::Name("model")),
    column("tool_name", "tool", Form::Name("tool")),
    column("tool_kind", "tool_kind", Form::Name("tool_kind")),
    column("purpose", "purpose", Form::Name("purpose")),
    column("outcome", "outcome", Form::Name("outcome")),
    column("error", "error", Form::Name("error")),
    column("is_success", "is_success", Form::Bool),
    column("exit_code", "exit_code", Form::Number),
    column("duration_ms", "duration_ms", Form::Number),
    column("input_tokens", "input_tokens", Form::Number),
    column("output_tokens", "output_tokens", Form::Number),
    column("total_tokens", "total_tokens", Form::Number),
    column("cache_read_tokens", "cache_read_tokens", Form::Number),
    column("cache_write_tokens", "cache_write_tokens", Form::Number),
    column("reasoning_tokens", "reasoning_tokens", Form::Number),
    column("cost", "cost_nano", Form::NanoUsd),
    column("cost_known", "cost_known", Form::Bool),
    column("turns", "turns", Form::Number),
    column("tool_calls", "tool_calls", Form::Number),
    column("tool_errors", "tool_errors", Form::Number),
    column("error_count", "error_count", Form::Number),
    // Derived, see `Packed::duration_bucket`; no property has this name.
    column("", "duration_bucket", Form::Number),
];

const DURATION: usize = 12;
const BUCKET: usize = COUNT - 1;

/// What packing and unpacking need beside names: sessions.
pub(super) trait Sessions {
    fn session_number(&mut self, id: Uuid) -> rusqlite::Result<i64>;
}

pub(super) trait SessionIds {
    fn session_id(&mut self, number: i64) -> rusqlite::Result<Uuid>;
}

/// An event's properties as column values.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) ints: [Option<i64>; COUNT],
    pub(super) flags: Option<Vec<u8>>,
    pub(super) errors: Option<Vec<u8>>,
    pub(super) extra: Option<Vec<u8>>,
}

impl Packed {
    /// Packs all properties; those for which `elsewhere` is true are stored by the caller.
    pub(super) fn new(
        properties: &BTreeMap<String, CheckedValue>,
        elsewhere: impl Fn(&str, &CheckedValue) -> bool,
        ids: &mut (impl Intern + Sessions),
    ) -> rusqlite::Result<Self> {
        let mut packed = Self::default();
        let mut extra = Vec::new();
        for (property, value) in properties {
            if elsewhere(property, value) || packed.place(property, value, ids)? {
                continue;
            }
            codec::put_extra(&mut extra, property, value, ids)?;
        }
        if !extra.is_empty() {
            packed.extra = Some(extra);
        }
        packed.ints[BUCKET] =
            packed.ints[DURATION].and_then(|ms| u64::try_from(ms).ok()).map(|ms| i64::from(bucket_of(ms)));
        Ok(packed)
    }

    /// Puts a value into its column; `false` if it has none or does not fit.
    fn place(
        &mut self,
        property: &str,
        value: &CheckedValue,
        ids: &mut (impl Intern + Sessions),
    ) -> rusqlite::Result<bool> {
        match (property, value) {
            ("flags", CheckedValue::Set(items)) => {
                self.flags = Some(codec::set_blob(items, "flag", ids)?);
                return Ok(true);
            }
            ("errors", CheckedValue::Map(entries)) => {
                self.errors = Some(codec::map_blob(entries.iter(), "error", ids)?);
                return Ok(true);
            }
            _ => {}
        }
        let Some(index) = COLUMNS.iter().position(|column| column.property == property) else {
            return Ok(false);
        };
        self.ints[index] = match (COLUMNS[index].form, value) {
            (Form::Name(kind), CheckedValue::Closed(text) | CheckedValue::Name(text)) => {
                Some(ids.intern(kind, text)?)
            }
            (Form::Bool, CheckedValue::Bool(value)) => Some(i64::from(*value)),
            (Form::Number, CheckedValue::Number(value)) | (Form::NanoUsd, CheckedValue::NanoUsd(value)) => {
                i64::try_from(*value).ok()
            }
            (Form::Session, CheckedValue::Uuid(id)) => Some(ids.session_number(*id)?),
            _ => None,
        };
        Ok(self.ints[index].is_some())
    }

    /// The properties again, as they were sent.
    pub(super) fn unpack(
        &self,
        ids: &mut (impl Resolve + SessionIds),
        properties: &mut Map<String, Value>,
    ) -> rusqlite::Result<()> {
        for (column, value) in COLUMNS.iter().zip(self.ints) {
            let Some(value) = value.filter(|_| !column.property.is_empty()) else { continue };
            let value = match column.form {
                Form::Name(_) => ids.resolve(value)?.as_ref().into(),
                Form::Bool => (value != 0).into(),
                Form::Number => value.into(),
                Form::NanoUsd => codec::usd(value.unsigned_abs()),
                Form::Session => ids.session_id(value)?.to_string().into(),
            };
            properties.insert(column.property.to_owned(), value);
        }
        if let Some(blob) = &self.flags {
            properties.insert("flags".to_owned(), codec::set_value(blob, ids)?);
        }
        if let Some(blob) = &self.errors {
            properties.insert("errors".to_owned(), codec::map_value(blob, ids)?);
        }
        if let Some(blob) = &self.extra {
            codec::take_extra(blob, ids, properties)?;
        }
        Ok(())
    }

    /// Reads the columns of [`names`] from a row, starting at `first`.
    pub(super) fn from_row(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let mut packed = Self::default();
        for (index, value) in packed.ints.iter_mut().enumerate() {
            *value = row.get(first + index)?;
        }
        packed.flags = row.get(first + COUNT)?;
        packed.errors = row.get(first + COUNT + 1)?;
        packed.extra = row.get(first + COUNT + 2)?;
        Ok(packed)
    }
}

/// The names of the packed columns, in the order of [`Packed`].
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name).chain(["flags", "errors", "extra"])
}

/// Where the value of a column is in [`Packed::ints`].
pub(super) fn place_of(name: &str) -> usize {
    // A name that is none would read the first column: a test of the names that are asked for keeps that from happening.
    COLUMNS.iter().position(|column| column.name == name).unwrap_or_default()
}

/// The columns that hold names, with the kind of name.
pub(super) fn names_by_kind() -> impl Iterator<Item = (&'static str, &'static str)> {
    COLUMNS.iter().filter_map(|column| match column.form {
        Form::Name(kind) => Some((column.name, kind)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derived_column_stands_where_the_code_says() {
        assert_eq!(COLUMNS[DURATION].name, "duration_ms");
        assert_eq!(COLUMNS[BUCKET].name, "duration_bucket");
    }

    #[test]
    fn what_is_shipped_has_a_column() {
        use crate::store::shipment::{NAME_COLUMNS, NUMBER_COLUMNS};
        for name in NAME_COLUMNS.into_iter().chain(NUMBER_COLUMNS) {
            assert_eq!(COLUMNS[place_of(name)].name, name);
        }
    }
}
