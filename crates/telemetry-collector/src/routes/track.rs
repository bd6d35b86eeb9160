//! `POST /events/v1/track`: takes events.
//!
//! 200 whenever the envelope parses, and only after the commit is on disk, or where `--ack` says.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use uuid::Uuid;

use super::body;
use super::error::ApiError;
use crate::app::App;
use crate::catalogue::Answer;
use crate::ingest;
use crate::ingest::envelope::EnvelopeError;
use crate::ingest::queue::QueueError;

pub(crate) async fn track(State(app): State<App>, request: Request) -> Result<Json<Answer>, ApiError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body).await?;
    if app.is_ending() {
        return Err(ApiError::draining());
    }
    let parsed = ingest::parse(&body, &app.catalogues, app.now_ms(), Uuid::now_v7)?;
    // Waiting costs no more memory than it must.
    drop(body);
    let stored = app.take(parsed.batch).await?;
    Ok(Json(Answer { accepted: stored.accepted, duplicates: stored.duplicates, rejected: parsed.rejected }))
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full => Self::unavailable(
                "queue_full",
                "too many requests wait for the store",
                Duration::from_secs(1),
            ),
            QueueError::Closed => Self::unavailable(
                "store_unavailable",
                "the store cannot be used now",
                Duration::from_secs(10),
            ),
            QueueError::Store(error) => error.into(),
        }
    }
}

impl From<EnvelopeError> for ApiError {
    fn from(error: EnvelopeError) -> Self {
        let status = match error {
            EnvelopeError::BodyTooLarge | EnvelopeError::TooManyRecords(_) => StatusCode::PAYLOAD_TOO_LARGE,
            EnvelopeError::Json(_) | EnvelopeError::Envelope(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code(), error.to_string())
    }
}
