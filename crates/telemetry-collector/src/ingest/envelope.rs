//! What surrounds records in a request: read first, and if it cannot be read, the whole request is refused.

use serde_json::{Map, Value};

use crate::catalogue::{ClientCounters, MAX_BODY_BYTES, MAX_RECORDS};

/// Why a whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    BodyTooLarge,
    /// The parser's words; they name a line and column, not content.
    Json(String),
    Envelope(&'static str),
    TooManyRecords(usize),
}

impl EnvelopeError {
    /// The stable code of the answer.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge => "body_too_large",
            Self::Json(_) => "bad_json",
            Self::Envelope(_) => "bad_envelope",
            Self::TooManyRecords(_) => "too_many_records",
        }
    }
}

impl std::fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BodyTooLarge => write!(f, "a body may have {MAX_BODY_BYTES} bytes"),
            Self::Json(message) => f.write_str(message),
            Self::Envelope(message) => f.write_str(message),
            Self::TooManyRecords(count) => write!(f, "{count} records; a request may have {MAX_RECORDS}"),
        }
    }
}

/// What a request carries, records still unchecked.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// 1 to [`MAX_RECORDS`].
    pub(crate) records: Vec<Value>,
    pub(crate) client: Option<ClientCounters>,
}

impl Envelope {
    /// Reads a request's body.
    ///
    /// The parser stops at 128 levels of nesting, so depth costs neither stack nor time.
    pub(crate) fn read(body: &[u8]) -> Result<Self, EnvelopeError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(EnvelopeError::BodyTooLarge);
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(envelope)) => Self::of(envelope),
            Ok(_) => Err(EnvelopeError::Envelope("the body must be an object with \"records\"")),
            Err(error) => Err(EnvelopeError::Json(without_content("the body", &error))),
        }
    }

    /// Takes an object apart.
    pub(crate) fn of(mut envelope: Map<String, Value>) -> Result<Self, EnvelopeError> {
        let Some(Value::Array(records)) = envelope.remove("records") else {
            return Err(EnvelopeError::Envelope("\"records\" must be an array"));
        };
        match records.len() {
            0 => return Err(EnvelopeError::Envelope("\"records\" is empty")),
            1..=MAX_RECORDS => {}
            more => return Err(EnvelopeError::TooManyRecords(more)),
        }
        // A counter block of another form is a newer client's; its records are worth more than its counters.
        let client = envelope.remove("client").and_then(|value| serde_json::from_value(value).ok());
        Ok(Self { records, client })
    }
}

/// What the parser says of `what`, which it does not quote.
pub(super) fn without_content(what: &str, error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        _ => "is not JSON",
    };
    format!("{what} {problem} at line {}, column {}", error.line(), error.column())
}
