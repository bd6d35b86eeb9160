//! What can go wrong between us and a model, as an enum that a program can act on and telemetry can count.

use std::fmt;
use std::time::Duration;

use agent_telemetry::ErrorClass;
use serde_json::Value;

/// Longest text of a provider that is shown, in characters.
const MAX_TEXT_CHARS: usize = 1_000;

/// A failed model call. The texts are for the user and are never part of telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderError {
    /// The key is missing, wrong or not allowed to do this.
    Auth(String),
    /// Too many requests, or no money left.
    RateLimited {
        /// What the provider said.
        text: String,
        /// When to come back, if the provider said.
        retry_after: Option<Duration>,
    },
    /// The conversation is longer than the model can read.
    ContextTooLong(String),
    /// The provider's fault.
    Server(String),
    /// The provider could not be reached, or the connection broke.
    Network(String),
    /// No answer in time.
    Timeout(String),
    /// The provider does not accept the request.
    InvalidRequest(String),
    /// No such model or address.
    NotFound(String),
    /// What came back is not what the protocol says.
    Protocol(String),
    /// The recording has no answer to this, or cannot be written.
    Recording(String),
}

/// What went wrong and, after a colon, why.
impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())?;
        self.why().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

impl std::error::Error for ProviderError {}

impl ProviderError {
    /// The class that is counted.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Auth(_) => ErrorClass::Auth,
            Self::RateLimited { .. } => ErrorClass::RateLimited,
            Self::ContextTooLong(_) => ErrorClass::ContextTooLong,
            Self::Server(_) => ErrorClass::Server,
            Self::Network(_) => ErrorClass::Network,
            Self::Timeout(_) => ErrorClass::Timeout,
            Self::InvalidRequest(_) => ErrorClass::InvalidArguments,
            Self::NotFound(_) => ErrorClass::NotFound,
            Self::Protocol(_) | Self::Recording(_) => ErrorClass::Protocol,
        }
    }

    /// What went wrong, in our words.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Self::Auth(_) => "the provider refused the key",
            Self::RateLimited { .. } => "the provider limits the rate",
            Self::ContextTooLong(_) => "the conversation is too long for the model",
            Self::Server(_) => "the provider failed",
            Self::Network(_) => "the connection to the model failed",
            Self::Timeout(_) => "the model did not answer in time",
            Self::InvalidRequest(_) => "the provider does not accept the request",
            Self::NotFound(_) => "the model was not found",
            Self::Protocol(text) | Self::Recording(text) => text,
        }
    }

    /// Why, in the words of the provider or the system, if there is more to say.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Auth(text)
            | Self::RateLimited { text, .. }
            | Self::ContextTooLong(text)
            | Self::Server(text)
            | Self::Network(text)
            | Self::Timeout(text)
            | Self::InvalidRequest(text)
            | Self::NotFound(text) => Some(text),
            Self::Protocol(_) | Self::Recording(_) => None,
        }
    }

    /// Tells whether the same model may well answer if it is asked again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Network(_) | Self::Timeout(_))
    }

    /// Tells whether another model may well answer what this one did not.
    ///
    /// A conversation that is too long has to be shortened, whoever reads it; a recording holds what it holds.
    #[must_use]
    pub fn is_of_this_model(&self) -> bool {
        !matches!(self, Self::ContextTooLong(_) | Self::Recording(_))
    }

    /// An event that should be JSON and is not.
    pub(super) fn rubbish() -> Self {
        Self::Protocol("the provider sent an event that is not JSON".to_owned())
    }

    /// Reads a refusal: the status and whatever body came with it.
    #[must_use]
    pub fn from_response(status: u16, retry_after: Option<Duration>, body: &str) -> Self {
        let error = serde_json::from_str::<Value>(body).ok();
        let said = error.as_ref().map(Said::from_json).unwrap_or_default();
        let text = match said.text {
            Some(text) => format!("{text} (status {status})"),
            None if body.trim().is_empty() => format!("status {status}"),
            None => format!("status {status}: {}", readable(body)),
        };
        Self::classify(status, &said.words, retry_after, shorten(&text))
    }

    /// A web page in the place of an answer: whoever is at this address is no model's server. `beginning` is what came.
    #[must_use]
    pub fn from_page(beginning: &str) -> Self {
        Self::NotFound(shorten(&format!("the address answers with a web page: {}", readable(beginning))))
    }

    /// Reads an error that arrives in the middle of a stream; its `code` may be a number or a word.
    #[must_use]
    pub fn from_stream(error: &Value) -> Self {
        let said = Said::from_json(error);
        let text = shorten(&said.text.unwrap_or_else(|| error.to_string()));
        Self::classify(said.status.unwrap_or(500), &said.words, None, text)
    }

    fn classify(status: u16, words: &str, retry_after: Option<Duration>, text: String) -> Self {
        let too_long = [
            "context_length",
            "exceed_context",
            "context length",
            "context size",
            "context window",
            "maximum context",
            "prompt is too long",
            "context limit",
            "too many tokens",
            "too large for model",
            "input is too long",
            "input length and `max_tokens` exceed",
            "request_too_large",
            "reduce the length of",
            "reduce your prompt",
            "tokens in the messages",
            "token limit exceeded",
            "exceeds the maximum number of tokens",
        ];
        if matches!(status, 400 | 413 | 422 | 500) && too_long.iter().any(|words_of| words.contains(words_of))
        {
            return Self::ContextTooLong(text);
        }
        match status {
            401 | 403 => Self::Auth(text),
            404 => Self::NotFound(text),
            408 | 504 | 524 => Self::Timeout(text),
            // No money left.
            402 => Self::RateLimited { text, retry_after: None },
            // Coming back will not help somebody who has used up their quota.
            429 if words.contains("insufficient_quota") => Self::RateLimited { text, retry_after: None },
            429 => Self::RateLimited { text, retry_after },
            400..=499 => Self::InvalidRequest(text),
            500..=599 => Self::Server(text),
            _ => Self::Protocol(text),
        }
    }

    /// Replaces every secret in the text, in case a provider repeats what it was sent.
    #[must_use]
    pub fn masked(self, mask: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Auth(text) => Self::Auth(mask(&text)),
            Self::RateLimited { text, retry_after } => Self::RateLimited { text: mask(&text), retry_after },
            Self::ContextTooLong(text) => Self::ContextTooLong(mask(&text)),
            Self::Server(text) => Self::Server(mask(&text)),
            Self::Network(text) => Self::Network(mask(&text)),
            Self::Timeout(text) => Self::Timeout(mask(&text)),
            Self::InvalidRequest(text) => Self::InvalidRequest(mask(&text)),
            Self::NotFound(text) => Self::NotFound(mask(&text)),
            Self::Protocol(text) => Self::Protocol(mask(&text)),
            Self::Recording(text) => Self::Recording(mask(&text)),
        }
    }
}

/// What an error object says; providers differ in where they say it.
#[derive(Default)]
struct Said {
    text: Option<String>,
    /// Type, code and text in lower case, for recognising what has no status of its own.
    words: String,
    status: Option<u16>,
}

impl Said {
    fn from_json(value: &Value) -> Self {
        // `[{"error": …}]` (Gemini's compatible face), `{"error": …}`, `{"error": "text"}`, `{"message": …}`.
        let value = value.get(0).unwrap_or(value);
        let value = value.get("error").unwrap_or(value);
        if let Value::String(text) = value {
            return Self { text: Some(text.clone()), words: text.to_lowercase(), status: None };
        }
        let text = value.get("message").or_else(|| value.get("detail")).map(|text| match text {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let word = |key: &str| match value.get(key) {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let (code, kind) = (word("code"), word("type"));
        let status = [&code, &word("status")]
            .into_iter()
            .find_map(|word| word.parse::<u16>().ok())
            .filter(|status| (400..600).contains(status));
        let words = format!("{kind} {code} {}", text.as_deref().unwrap_or_default()).to_lowercase();
        Self { text, words, status: status.or_else(|| status_of_words(&kind, &code)) }
    }
}

/// The status that a worded error would have had, had it come before the stream began.
fn status_of_words(kind: &str, code: &str) -> Option<u16> {
    let words = format!("{kind} {code}");
    let table = [
        ("rate_limit", 429),
        ("insufficient_quota", 429),
        ("context_length", 400),
        ("billing_error", 402),
        ("request_too_large", 413),
        ("authentication", 401),
        ("invalid_api_key", 401),
        ("permission", 403),
        ("not_found", 404),
        ("timeout", 504),
        ("invalid", 400),
        ("overloaded", 529),
        ("server_error", 500),
    ];
    table.iter().find(|(word, _)| words.contains(word)).map(|(_, status)| *status)
}

/// A body that is no JSON as a line: of a page, which gateways like to send, only what a reader would see.
fn readable(body: &str) -> String {
    let is_page = body.trim_start().starts_with('<');
    let text: String = if is_page {
        body.split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
            .collect::<Vec<_>>()
            .join(" ")
    } else {
        body.to_owned()
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
