//! The one form in which a request is refused: `{"error":{"code","message","request_id"}}`.
//!
//! `code` is for programs and stable; `message` is for people. It holds nothing of an inner error's text, and of a
//! request at most the name of a query parameter. What went wrong inside goes to stderr with the same request id.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::answer::range::BadRange;
use crate::api::REFUSALS;
use crate::report;
use crate::store::StoreError;

/// A refused request.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
    close: bool,
    cause: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        debug_assert!(is_told_of(status, code), "{status} {code} is not in the description of the interface");
        Self { status, code, message: message.into(), retry_after: None, close: false, cause: None }
    }

    pub(crate) fn bad_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", message)
    }

    /// A filter that a view has no numbers for; `because` ends the sentence.
    pub(crate) fn unservable(view: &str, filter: &str, because: &str) -> Self {
        let message = format!("{view} cannot be filtered by {filter}: {because}");
        Self::new(StatusCode::BAD_REQUEST, "unservable_filter", message)
    }

    /// 503, worth another try after a pause.
    pub(crate) fn unavailable(code: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    /// 429: the client itself should do less.
    pub(crate) fn too_many_requests(message: impl Into<String>, retry_after: Duration) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    /// The collector is about to end.
    pub(crate) fn draining() -> Self {
        Self::unavailable("draining", "the collector is stopping", Duration::from_secs(5)).closing()
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the collector failed to answer")
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same refusal as for programs, to be read by a person.
    pub(crate) fn into_page(self, page: String) -> Response {
        let (mut parts, _) = self.into_response().into_parts();
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        let mut response = Html(page).into_response();
        *response.status_mut() = parts.status;
        response.headers_mut().extend(parts.headers);
        response
    }

    /// Ends the connection after the answer: the rest of the request was not read.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

fn is_told_of(status: StatusCode, code: &str) -> bool {
    let told = REFUSALS.iter().find(|(told, ..)| *told == status.as_u16());
    told.is_some_and(|(_, codes, _)| codes.split(", ").any(|told| told.trim_matches('`') == code))
}

impl From<BadRange> for ApiError {
    fn from(error: BadRange) -> Self {
        Self::bad_query(error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskLow { .. } => Self::unavailable(
                "disk_low",
                "the collector's disk is nearly full; nothing is taken until there is room",
                Duration::from_secs(60),
            ),
            StoreError::SpoolFull { .. } => Self::unavailable(
                "spool_full",
                "the events that wait to be shipped leave no room for more",
                Duration::from_secs(60),
            ),
            StoreError::NotShipped => Self::unavailable(
                "not_stored_yet",
                "the events are on their way to the store; sent again, they count once",
                Duration::from_secs(10),
            ),
            StoreError::TooSlow { seconds } => Self::unavailable(
                "too_slow",
                format!("the answer took longer than {seconds} s; ask for a shorter range"),
                Duration::from_secs(10),
            ),
            StoreError::Failed(cause) => Self {
                cause: Some(cause),
                ..Self::unavailable(
                    "store_unavailable",
                    "the store cannot be used now",
                    Duration::from_secs(10),
                )
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = Uuid::now_v7();
        if let Some(cause) = &self.cause {
            report::line(&format!("request {request_id}: {cause}"));
        }
        let body =
            json!({ "error": { "code": self.code, "message": self.message, "request_id": request_id } });
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(pause) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
