//! From request bytes to a batch for the store: pure, time included.
//!
//! The envelope is read first; if it cannot be, the whole request is refused. From then on each record stands for
//! itself: one bad record never costs its neighbours. What is refused keeps only names, never content.

use serde_json::Value;
use uuid::Uuid;

use crate::catalogue::{
    Catalogues, CheckedValue, MAX_RECORD_BYTES, RejectCode, Rejected, Rejection, UNKNOWN, is_identifier,
    is_storable, printable_name,
};
use crate::store::{Batch, DAY_MS, NewEvent, Refused, UnixMs};

pub(crate) mod envelope;
pub(crate) mod go_client;
pub(crate) mod queue;

use envelope::{Envelope, EnvelopeError};
use go_client::Settled;

/// Duplicates are remembered at least this long; an older event might be one that we no longer know.
pub(crate) const MAX_AGE_DAYS: i64 = 45;
/// A clock that is wrong by less than this is still believed.
pub(crate) const MAX_AHEAD_MS: i64 = DAY_MS;
/// Above this difference between `sent_at` and arrival, a client's clock is flagged.
pub(crate) const CLOCK_OFF_MS: i64 = 10 * 60 * 1000;

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
    new_id: impl FnMut() -> Uuid,
) -> Result<Parsed, EnvelopeError> {
    let envelope = Envelope::read(body)?;
    // A record cannot be longer than all of them.
    let lengths = if body.len() > MAX_RECORD_BYTES { Lengths::Unknown } else { Lengths::Fit };
    Ok(check_all(&envelope, lengths, catalogues, now_ms, new_id))
}

/// What is known of the lengths of an envelope's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    Unknown,
    Fit,
}

/// Judges each record of an envelope by itself.
pub(crate) fn check_all(
    envelope: &Envelope,
    lengths: Lengths,
    catalogues: &Catalogues,
    now_ms: UnixMs,
    mut new_id: impl FnMut() -> Uuid,
) -> Parsed {
    let client = envelope.client.clone();
    let clock_off = client.as_ref().is_some_and(|client| {
        now_ms.abs_diff(i64::try_from(client.sent_at).unwrap_or(i64::MAX)) > CLOCK_OFF_MS.unsigned_abs()
    });
    let mut batch = Batch { received_ms: now_ms, client, ..Batch::default() };
    batch.events.reserve_exact(envelope.records.len());
    let mut rejected = Vec::new();
    for (index, record) in envelope.records.iter().enumerate() {
        match check(record, lengths, catalogues, now_ms) {
            Ok(settled) => batch.events.push(event(record, settled, clock_off, &mut new_id)),
            Err(rejection) => {
                let code = rejection.code.as_str();
                batch.refused.push(refused(record, code));
                rejected.push(Rejected { index, code: code.to_owned(), detail: rejection.detail });
            }
        }
    }
    Parsed { batch, rejected }
}

fn check(
    record: &Value,
    lengths: Lengths,
    catalogues: &Catalogues,
    now_ms: UnixMs,
) -> Result<Settled, Rejection> {
    if lengths == Lengths::Unknown && is_too_long(record) {
        return Err(Rejection::new(
            RejectCode::TooLarge,
            format!("record: more than {MAX_RECORD_BYTES} bytes"),
        ));
    }
    let settled = catalogues.check(record)?;
    let at = i64::try_from(settled.checked.timestamp_ms).unwrap_or(i64::MAX);
    if at < now_ms - MAX_AGE_DAYS * DAY_MS {
        return Err(Rejection::new(RejectCode::TooOld, "event_timestamp"));
    }
    if at > now_ms + MAX_AHEAD_MS {
        return Err(Rejection::new(RejectCode::InFuture, "event_timestamp"));
    }
    Ok(settled)
}

fn event(
    record: &Value,
    Settled { checked, unknown }: Settled,
    clock_off: bool,
    new_id: &mut impl FnMut() -> Uuid,
) -> NewEvent {
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
    let theirs = go_client::is_theirs(record);
    let name = |key: &String| match theirs {
        true => go_client::countable(key).to_owned(),
        false => printable_name(key),
    };
    Refused {
        code,
        properties: properties.map(|given| given.keys().map(name).collect()).unwrap_or_default(),
        version: version.filter(digit_first).unwrap_or(UNKNOWN).to_owned(),
    }
}

/// Whether the compact form, which is the one that clients send, is longer than a record may be.
fn is_too_long(record: &Value) -> bool {
    // Most are so short that there is nothing to measure.
    json_len_at_most(record) > MAX_RECORD_BYTES && json_len(record) > MAX_RECORD_BYTES
}

/// No compact form is longer than this.
fn json_len_at_most(value: &Value) -> usize {
    // An escaped byte takes six.
    let text = |text: &String| 6 * text.len() + 3;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().map(|item| json_len_at_most(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(key, value)| text(key) + json_len_at_most(value) + 1).sum::<usize>() + 2
        }
    }
}

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
