//! Checks an arriving record against the catalogue: the same definitions that made it.
//!
//! A record is data from anywhere. What is not in the catalogue is named and dropped, or the record is refused with a
//! code; nothing that comes out of here can hold text that the catalogue does not allow.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::doc::{CatalogueDoc, FieldDoc, KindDoc};
use crate::name::is_identifier;
use crate::value::{MAX_SAFE, NANO};

/// A record that passed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// The client's id; records of older clients have none.
    pub event_id: Option<Uuid>,
    /// The event's name.
    pub event: String,
    /// What tells apart several events of one name.
    pub action: Option<String>,
    /// When it was recorded: Unix time in milliseconds by the client's clock.
    pub timestamp_ms: u64,
    /// The properties that the catalogue knows, those included that are absent because of what that means.
    pub properties: BTreeMap<String, CheckedValue>,
    /// How many properties, set elements and map keys were dropped because the catalogue does not know them.
    pub dropped: usize,
}

/// A property that passed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CheckedValue {
    /// One of the catalogue's words.
    Closed(String),
    /// A truth value.
    Bool(bool),
    /// A count, tokens, milliseconds or an exit code.
    Number(u64),
    /// Money.
    NanoUsd(u64),
    /// An id.
    Uuid(Uuid),
    /// A release number.
    Version(String),
    /// A language tag.
    Language(String),
    /// An identifier.
    Name(String),
    /// Some of the catalogue's words.
    Set(Vec<String>),
    /// Counts by the catalogue's words.
    Map(BTreeMap<String, u64>),
}

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectCode {
    /// `source` is not the catalogue's tool.
    UnknownSource,
    /// The catalogue has no such event.
    UnknownEvent,
    /// A required member or property is missing.
    MissingProperty,
    /// A member or property is of another type, or out of range.
    BadType,
    /// A name is not an identifier.
    BadName,
    /// Older than duplicates are remembered for.
    TooOld,
    /// From the future.
    InFuture,
    /// Longer than a record may be.
    TooLarge,
}

impl RejectCode {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::UnknownEvent => "unknown_event",
            Self::MissingProperty => "missing_property",
            Self::BadType => "bad_type",
            Self::BadName => "bad_name",
            Self::TooOld => "too_old",
            Self::InFuture => "in_future",
            Self::TooLarge => "too_large",
        }
    }
}

/// A refused record: why, and where. Never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// Why.
    pub code: RejectCode,
    /// The member or property at fault, by the catalogue's name for it.
    pub detail: String,
}

impl Rejection {
    /// A refusal.
    #[must_use]
    pub fn new(code: RejectCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Rejection {}

impl CatalogueDoc {
    /// Checks one element of `records`; times are the caller's to judge.
    ///
    /// # Errors
    ///
    /// The first reason to refuse it: source, event, then the properties in the catalogue's order.
    pub fn check(&self, record: &Value) -> Result<Checked, Rejection> {
        let bad = |detail: &str| Rejection::new(RejectCode::BadType, detail);
        let record = record.as_object().ok_or_else(|| bad("record"))?;
        if text(record, "source")? != self.source {
            return Err(Rejection::new(RejectCode::UnknownSource, "source"));
        }
        let name = text(record, "event")?;
        let given = match record.get("properties") {
            Some(value) => value.as_object().ok_or_else(|| bad("properties"))?,
            None => return Err(Rejection::new(RejectCode::MissingProperty, "properties")),
        };
        let action = given.get("action").and_then(Value::as_str);
        let definition = self
            .event(name, action)
            .ok_or_else(|| Rejection::new(RejectCode::UnknownEvent, "event and action"))?;
        let timestamp_ms = match record.get("event_timestamp") {
            Some(value) => {
                integer(value).filter(|ms| *ms <= MAX_SAFE).ok_or_else(|| bad("event_timestamp"))?
            }
            None => return Err(Rejection::new(RejectCode::MissingProperty, "event_timestamp")),
        };
        let event_id = match record.get("event_id") {
            Some(value) => Some(uuid(value).ok_or_else(|| bad("event_id"))?),
            None => None,
        };

        let mut checked = Checked {
            event_id,
            event: definition.event.clone(),
            action: definition.action.clone(),
            timestamp_ms,
            properties: BTreeMap::new(),
            dropped: 0,
        };
        let fields = || definition.fields.iter().chain(&self.common);
        for field in fields() {
            let meant = field.absent_value();
            match given.get(&field.name).or(meant.as_ref()) {
                Some(value) => {
                    let value = property(field, value, &mut checked.dropped)?;
                    checked.properties.insert(field.name.clone(), value);
                }
                None if field.required => {
                    return Err(Rejection::new(RejectCode::MissingProperty, field.name.clone()));
                }
                None => {}
            }
        }
        let own_action = definition.action.is_some();
        checked.dropped += given
            .keys()
            .filter(|key| !own_action || *key != "action")
            .filter(|key| !fields().any(|field| field.name == **key))
            .count();
        Ok(checked)
    }
}

fn text<'a>(record: &'a Map<String, Value>, key: &str) -> Result<&'a str, Rejection> {
    match record.get(key) {
        Some(value) => value.as_str().ok_or_else(|| Rejection::new(RejectCode::BadType, key)),
        None => Err(Rejection::new(RejectCode::MissingProperty, key)),
    }
}

fn property(field: &FieldDoc, value: &Value, dropped: &mut usize) -> Result<CheckedValue, Rejection> {
    let bad = || Rejection::new(RejectCode::BadType, field.name.clone());
    let string = || value.as_str().ok_or_else(bad);
    let number =
        |max: u64| integer(value).filter(|number| *number <= max).map(CheckedValue::Number).ok_or_else(bad);
    Ok(match &field.kind {
        KindDoc::Closed { values } => {
            let word = string()?;
            if values.iter().any(|known| known == word) {
                CheckedValue::Closed(word.to_owned())
            } else {
                return Err(bad());
            }
        }
        KindDoc::Bool => CheckedValue::Bool(value.as_bool().ok_or_else(bad)?),
        KindDoc::Count | KindDoc::Tokens | KindDoc::Millis => number(MAX_SAFE)?,
        KindDoc::ExitCode => number(255)?,
        KindDoc::Usd => CheckedValue::NanoUsd(nano_usd(value).ok_or_else(bad)?),
        KindDoc::Uuid => CheckedValue::Uuid(uuid(value).ok_or_else(bad)?),
        KindDoc::Version => {
            CheckedValue::Version(string().ok().filter(|text| is_version(text)).ok_or_else(bad)?.to_owned())
        }
        KindDoc::Language => {
            CheckedValue::Language(string().ok().filter(|text| is_language(text)).ok_or_else(bad)?.to_owned())
        }
        KindDoc::Name { .. } => {
            let name = string()?;
            if !is_identifier(name) {
                return Err(Rejection::new(RejectCode::BadName, field.name.clone()));
            }
            CheckedValue::Name(name.to_owned())
        }
        KindDoc::Set { values } => {
            let mut kept = Vec::new();
            for word in value.as_array().ok_or_else(bad)? {
                let word = word.as_str().ok_or_else(bad)?;
                if !values.iter().any(|known| known == word) {
                    *dropped += 1;
                } else if !kept.iter().any(|known| known == word) {
                    kept.push(word.to_owned());
                }
            }
            CheckedValue::Set(kept)
        }
        KindDoc::Map { keys } => {
            let mut kept = BTreeMap::new();
            for (key, count) in value.as_object().ok_or_else(bad)? {
                let count = integer(count).filter(|count| *count <= MAX_SAFE).ok_or_else(bad)?;
                if keys.contains(key) {
                    kept.insert(key.clone(), count);
                } else {
                    *dropped += 1;
                }
            }
            CheckedValue::Map(kept)
        }
    })
}

/// A non-negative whole number, however it is written: JSON does not tell `3` from `3.0`.
fn integer(value: &Value) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
    const LIMIT: f64 = MAX_SAFE as f64;
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..=LIMIT).contains(number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    value.as_u64().or_else(|| value.as_f64().filter(whole).map(|number| number as u64))
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str().filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok())
}

/// Dollars as nano-dollars; a double holds 9 decimals of any amount up to the limit closely enough to round back.
fn nano_usd(value: &Value) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 and 10^9 are exact")]
    let (limit, nano) = (MAX_SAFE as f64, NANO as f64);
    let scaled = (value.as_f64().filter(|dollars| *dollars >= 0.0)? * nano).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    (0.0..=limit).contains(&scaled).then_some(scaled as u64)
}

/// Three numbers and optionally `-alpha.N`, `-beta.N`, `-rc.N` or `-dev`; `dev` alone is what the Go client sends.
fn is_version(text: &str) -> bool {
    text == "dev"
        || (text.starts_with(|c: char| c.is_ascii_digit()) && crate::Version::parse(text).to_string() == text)
}

/// `de` or `de-DE`.
fn is_language(text: &str) -> bool {
    crate::LanguageTag::from_locale(text).to_string() == text
}
