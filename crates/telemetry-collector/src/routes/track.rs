//! `POST /events/v1/track`: takes events.
//!
//! 200 whenever the envelope parses, and only after the commit is on disk.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::BytesMut;
use futures_util::StreamExt;
use uuid::Uuid;

use super::error::ApiError;
use crate::app::App;
use crate::catalogue::{Answer, MAX_BODY_BYTES};
use crate::ingest;
use crate::ingest::envelope::EnvelopeError;
use crate::ingest::queue::QueueError;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// A body that is too large is read on up to here, so that its sender is still there for the answer.
const READ_ON_BYTES: usize = 1 << 20;

pub(crate) async fn track(State(app): State<App>, request: Request) -> Result<Json<Answer>, ApiError> {
    check_media_type(request.headers())?;
    let body = tokio::time::timeout(BODY_WAIT, read_body(request.into_body())).await.map_err(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", "the body took more than 10 s").closing()
    })??;
    if app.is_ending() {
        return Err(ApiError::draining());
    }
    let parsed = ingest::parse(&body, &app.catalogues, app.now_ms(), Uuid::now_v7).map_err(refusal)?;
    let stored = app.queue.store(parsed.batch).await.map_err(|error| match error {
        QueueError::Full => ApiError::unavailable(
            "queue_full",
            "too many requests wait for the store",
            Duration::from_secs(1),
        ),
        QueueError::Closed => ApiError::unavailable(
            "store_unavailable",
            "the store cannot be used now",
            Duration::from_secs(10),
        ),
        QueueError::Store(error) => error.into(),
    })?;
    Ok(Json(Answer { accepted: stored.accepted, duplicates: stored.duplicates, rejected: parsed.rejected }))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let unsupported =
        |message: &str| ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(unsupported("the content type must be application/json"));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(unsupported("compressed bodies are not supported")),
        _ => Ok(()),
    }
}

async fn read_body(body: Body) -> Result<BytesMut, ApiError> {
    if body.size_hint().lower() > READ_ON_BYTES as u64 {
        return Err(too_large().closing());
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "bad_body", "the body could not be read to its end")
                .closing()
        })?;
        length += chunk.len();
        if length > READ_ON_BYTES {
            return Err(too_large().closing());
        }
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > MAX_BODY_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> ApiError {
    refusal(EnvelopeError::BodyTooLarge)
}

fn refusal(error: EnvelopeError) -> ApiError {
    let status = match error {
        EnvelopeError::BodyTooLarge | EnvelopeError::TooManyRecords(_) => StatusCode::PAYLOAD_TOO_LARGE,
        EnvelopeError::Json(_) | EnvelopeError::Envelope(_) => StatusCode::BAD_REQUEST,
    };
    ApiError::new(status, error.code(), error.to_string())
}
