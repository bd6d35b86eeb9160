//! `GET /api/v1/events?limit=&after=&format=`: events as they were sent, oldest first.
//!
//! Without `after` the newest `limit` ones; with it the next `limit` ones after that row.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use super::format::{CSV, Format, as_ndjson, download};
use super::query::{Params, number};
use crate::app::App;
use crate::export::events_as_csv;
use crate::store::{EventRow, Page};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

#[derive(Serialize)]
pub(crate) struct Events {
    events: Vec<EventRow>,
    /// What to pass as `after` for those that follow.
    last: i64,
}

pub(crate) async fn list(State(app): State<App>, params: Params) -> Result<Response, ApiError> {
    let [limit, after, format] = params.take("events", ["limit", "after", "format"])?;
    let format = Format::parse(format.as_deref())?;
    let limit = number("limit", limit.as_deref(), 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT) as u32;
    let page = match number("after", after.as_deref(), 0..=i64::MAX)? {
        Some(row) => Page::After { row, limit },
        None => Page::Last { limit },
    };
    let events = app.read(move |view| view.events(page)).await?;
    let last = match (events.last(), page) {
        (Some(event), _) => event.row,
        (None, Page::After { row, .. }) => row,
        (None, Page::Last { .. }) => 0,
    };
    Ok(match format {
        Format::Json => Json(Events { events, last }).into_response(),
        Format::Csv => download(events_as_csv(&events), CSV, "events.csv"),
        Format::Ndjson => as_ndjson(&events, "events"),
    })
}
