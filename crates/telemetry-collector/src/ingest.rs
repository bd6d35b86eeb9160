//! From request bytes to a batch for the store: pure, time included.
//!
//! The envelope is read first; if it cannot be, the whole request is refused. From then on each record stands for
//! itself: one bad record never costs its neighbours. What is refused keeps only names, never content.

use serde_json::Value;
use uuid::Uuid;

use crate::catalogue::{
    Catalogues, Checked, CheckedValue, ClientCounters, MAX_BODY_BYTES, MAX_RECORD_BYTES, MAX_RECORDS,
    RejectCode, Rejected, Rejection, is_identifier, is_storable, printable_name, unknown_properties,
};
use crate::store::{Batch, DAY_MS, NewEvent, Refused, UnixMs};

pub(crate) mod queue;

/// Duplicates are remembered at least this long; an older event might be one that we no longer know.
pub(crate) const MAX_AGE_DAYS: i64 = 45;
/// A clock that is wrong by less than this is still believed.
pub(crate) const MAX_AHEAD_MS: i64 = DAY_MS;
/// Above this difference between `sent_at` and arrival, a client's clock is flagged.
pub(crate) const CLOCK_OFF_MS: i64 = 10 * 60 * 1000;

/// Why a whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    BodyTooLarge,
    /// The parser's words; they name a line and column, not content.
    Json(String),
    Envelope(&'static str),
    TooManyRecords(usize),
}

/// A request that was understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) batch: Batch,
    pub(crate) rejected: Vec<Rejected>,
}

/// Reads a request body.
///
/// `now_ms` is the arrival; `new_id` makes ids for records of clients that send none.
pub(crate) fn parse(
    body: &[u8],
    catalogues: &Catalogues,
    now_ms: UnixMs,
    mut new_id: impl FnMut() -> Uuid,
) -> Result<Parsed, EnvelopeError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(EnvelopeError::BodyTooLarge);
    }
    let mut envelope = match serde_json::from_slice(body) {
        Ok(Value::Object(envelope)) => envelope,
        Ok(_) => return Err(EnvelopeError::Envelope("the body must be an object with \"records\"")),
        Err(error) => return Err(EnvelopeError::Json(without_content(&error))),
    };
    let Some(Value::Array(records)) = envelope.remove("records") else {
        return Err(EnvelopeError::Envelope("\"records\" must be an array"));
    };
    match records.len() {
        0 => return Err(EnvelopeError::Envelope("\"records\" is empty")),
        1..=MAX_RECORDS => {}
        more => return Err(EnvelopeError::TooManyRecords(more)),
    }
    // A counter block of another form is a newer client's; its records are worth more than its counters.
    let client =
        envelope.remove("client").and_then(|value| serde_json::from_value::<ClientCounters>(value).ok());
    let clock_off = client.as_ref().is_some_and(|client| {
        now_ms.abs_diff(i64::try_from(client.sent_at).unwrap_or(i64::MAX)) > CLOCK_OFF_MS.unsigned_abs()
    });
    let mut parsed =
        Parsed { batch: Batch { received_ms: now_ms, client, ..Batch::default() }, rejected: Vec::new() };
    for (index, record) in records.iter().enumerate() {
        match check(record, catalogues, now_ms) {
            Ok(checked) => parsed.batch.events.push(event(record, checked, clock_off, &mut new_id)),
            Err(rejection) => {
                let code = rejection.code.as_str();
                parsed.batch.refused.push(refused(record, code));
                parsed.rejected.push(Rejected { index, code: code.to_owned(), detail: rejection.detail });
            }
        }
    }
    Ok(parsed)
}

fn check(record: &Value, catalogues: &Catalogues, now_ms: UnixMs) -> Result<Checked, Rejection> {
    if json_len(record) > MAX_RECORD_BYTES {
        return Err(Rejection::new(
            RejectCode::TooLarge,
            format!("record: more than {MAX_RECORD_BYTES} bytes"),
        ));
    }
    let checked = catalogues.check(record)?;
    let at = i64::try_from(checked.timestamp_ms).unwrap_or(i64::MAX);
    if at < now_ms - MAX_AGE_DAYS * DAY_MS {
        return Err(Rejection::new(RejectCode::TooOld, "event_timestamp"));
    }
    if at > now_ms + MAX_AHEAD_MS {
        return Err(Rejection::new(RejectCode::InFuture, "event_timestamp"));
    }
    Ok(checked)
}

fn event(record: &Value, checked: Checked, clock_off: bool, new_id: &mut impl FnMut() -> Uuid) -> NewEvent {
    let unknown = unknown_properties(record, &checked);
    let mut properties = checked.properties;
    let action = match (checked.action, properties.remove("action")) {
        (Some(action), _) | (None, Some(CheckedValue::Closed(action))) => Some(action),
        (None, Some(other)) => {
            properties.insert("action".to_owned(), other);
            None
        }
        (None, None) => None,
    };
    let before = properties.len();
    properties.retain(|_, value| is_storable(value));
    NewEvent {
        event_id: checked.event_id.unwrap_or_else(new_id),
        source: record.get("source").and_then(Value::as_str).unwrap_or_default().to_owned(),
        event: checked.event,
        action,
        timestamp_ms: checked.timestamp_ms,
        dropped: checked.dropped + (before - properties.len()),
        properties,
        unknown,
        clock_off,
    }
}

fn refused(record: &Value, code: &'static str) -> Refused {
    let properties = record.get("properties").and_then(Value::as_object);
    let version = properties.and_then(|given| given.get("version")).and_then(Value::as_str);
    let digit_first = |text: &&str| is_identifier(text) && text.starts_with(|c: char| c.is_ascii_digit());
    Refused {
        code,
        properties: properties
            .map(|given| given.keys().map(|key| printable_name(key)).collect())
            .unwrap_or_default(),
        version: version.filter(digit_first).unwrap_or("unknown").to_owned(),
    }
}

/// The length of the compact form, which is the one that clients send.
fn json_len(value: &Value) -> usize {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    match serde_json::to_writer(&mut length, value) {
        Ok(()) => length.0,
        Err(_) => usize::MAX,
    }
}

fn without_content(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        _ => "is not JSON",
    };
    format!("the body {what} at line {}, column {}", error.line(), error.column())
}
