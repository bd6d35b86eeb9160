//! Small dictionary-coded blobs: sets, maps, and properties without a column of their own.
//!
//! Everything is LEB128 numbers. A set is name ids; a map is name id, count pairs; extra properties are
//! property id, tag, value triples. Nothing is ever cut: what goes in comes out.

use serde_json::{Map, Number, Value};
use uuid::Uuid;

use crate::catalogue::CheckedValue;

/// Turns a name of a kind into its id.
pub(super) trait Intern {
    fn intern(&mut self, kind: &'static str, name: &str) -> rusqlite::Result<i64>;
}

/// Turns an id back into its name.
pub(super) trait Resolve {
    fn resolve(&mut self, id: i64) -> rusqlite::Result<std::sync::Arc<str>>;
}

const TEXT: u64 = 0;
const BOOL: u64 = 1;
const NUMBER: u64 = 2;
const NANO_USD: u64 = 3;
const UUID: u64 = 4;
const SET: u64 = 5;
const MAP: u64 = 6;

pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads numbers until the blob ends.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self) -> rusqlite::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(broken)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken())
    }

    fn name(&mut self, names: &mut impl Resolve) -> rusqlite::Result<String> {
        let id = self.take()?;
        Ok(names.resolve(id as i64)?.to_string())
    }
}

fn broken() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, "a cut number".into())
}

pub(super) fn set_blob(
    items: &[String],
    kind: &'static str,
    names: &mut impl Intern,
) -> rusqlite::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(items.len() * 2);
    for item in items {
        put(&mut out, names.intern(kind, item)? as u64);
    }
    Ok(out)
}

pub(super) fn set_value(blob: &[u8], names: &mut impl Resolve) -> rusqlite::Result<Value> {
    let mut reader = Reader(blob);
    let mut items = Vec::new();
    while !reader.is_empty() {
        items.push(Value::String(reader.name(names)?));
    }
    Ok(Value::Array(items))
}

pub(super) fn map_blob<'a>(
    entries: impl Iterator<Item = (&'a String, &'a u64)>,
    kind: &'static str,
    names: &mut impl Intern,
) -> rusqlite::Result<Vec<u8>> {
    let mut out = Vec::new();
    for (key, count) in entries {
        put(&mut out, names.intern(kind, key)? as u64);
        put(&mut out, *count);
    }
    Ok(out)
}

pub(super) fn map_value(blob: &[u8], names: &mut impl Resolve) -> rusqlite::Result<Value> {
    let mut reader = Reader(blob);
    let mut map = Map::new();
    while !reader.is_empty() {
        let key = reader.name(names)?;
        map.insert(key, reader.take()?.into());
    }
    Ok(Value::Object(map))
}

/// Appends one property that has no column.
pub(super) fn put_extra(
    out: &mut Vec<u8>,
    property: &str,
    value: &CheckedValue,
    names: &mut impl Intern,
) -> rusqlite::Result<()> {
    put(out, names.intern("property", property)? as u64);
    match value {
        CheckedValue::Closed(text)
        | CheckedValue::Version(text)
        | CheckedValue::Language(text)
        | CheckedValue::Name(text) => {
            put(out, TEXT);
            put(out, names.intern("value", text)? as u64);
        }
        CheckedValue::Bool(value) => {
            put(out, BOOL);
            put(out, u64::from(*value));
        }
        CheckedValue::Number(value) => {
            put(out, NUMBER);
            put(out, *value);
        }
        CheckedValue::NanoUsd(value) => {
            put(out, NANO_USD);
            put(out, *value);
        }
        CheckedValue::Uuid(id) => {
            put(out, UUID);
            let (high, low) = id.as_u64_pair();
            put(out, high);
            put(out, low);
        }
        CheckedValue::Set(items) => {
            put(out, SET);
            put(out, items.len() as u64);
            for item in items {
                put(out, names.intern("value", item)? as u64);
            }
        }
        CheckedValue::Map(entries) => {
            put(out, MAP);
            put(out, entries.len() as u64);
            for (key, count) in entries {
                put(out, names.intern("value", key)? as u64);
                put(out, *count);
            }
        }
        // Taken out on arrival, see `catalogue::is_storable`.
        _ => {
            put(out, TEXT);
            put(out, names.intern("value", "unknown")? as u64);
        }
    }
    Ok(())
}

/// Reads what [`put_extra`] wrote, into `properties`.
pub(super) fn take_extra(
    blob: &[u8],
    names: &mut impl Resolve,
    properties: &mut Map<String, Value>,
) -> rusqlite::Result<()> {
    let mut reader = Reader(blob);
    while !reader.is_empty() {
        let property = reader.name(names)?;
        let value = match reader.take()? {
            TEXT => Value::String(reader.name(names)?),
            BOOL => Value::Bool(reader.take()? != 0),
            NUMBER => reader.take()?.into(),
            NANO_USD => usd(reader.take()?),
            UUID => Value::String(Uuid::from_u64_pair(reader.take()?, reader.take()?).to_string()),
            SET => {
                let count = reader.take()?;
                Value::Array(
                    (0..count).map(|_| reader.name(names).map(Value::String)).collect::<Result<_, _>>()?,
                )
            }
            MAP => {
                let mut map = Map::new();
                for _ in 0..reader.take()? {
                    let key = reader.name(names)?;
                    map.insert(key, reader.take()?.into());
                }
                Value::Object(map)
            }
            _ => return Err(broken()),
        };
        properties.insert(property, value);
    }
    Ok(())
}

/// Nano-dollars as the JSON number of dollars that the client sent.
pub(super) fn usd(nano: u64) -> Value {
    // The quotient of two exact numbers is the double nearest to the decimal, which is what a parser makes of it.
    Number::from_f64(nano as f64 / 1e9).map_or(Value::Null, Value::Number)
}

/// A checked value as it was sent.
pub(super) fn as_sent(value: &CheckedValue) -> Value {
    match value {
        CheckedValue::Closed(text)
        | CheckedValue::Version(text)
        | CheckedValue::Language(text)
        | CheckedValue::Name(text) => text.as_str().into(),
        CheckedValue::Bool(value) => (*value).into(),
        CheckedValue::Number(value) => (*value).into(),
        CheckedValue::NanoUsd(nano) => usd(*nano),
        CheckedValue::Uuid(id) => id.to_string().into(),
        CheckedValue::Set(items) => items.iter().map(String::as_str).collect(),
        CheckedValue::Map(entries) => entries.iter().map(|(key, count)| (key.clone(), *count)).collect(),
        _ => Value::Null,
    }
}
