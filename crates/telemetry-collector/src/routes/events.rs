//! `GET /api/v1/events?limit=&after=`: events as they were sent, oldest first.
//!
//! Without `after` the newest `limit` ones; with it the next `limit` ones after that row.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::error::ApiError;
use super::query::{Params, number};
use crate::app::App;
use crate::store::question::View;
use crate::store::{EventRow, Page};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

#[derive(Serialize)]
pub(crate) struct Events {
    events: Vec<EventRow>,
    /// What to pass as `after` for those that follow.
    last: i64,
}

pub(crate) async fn list(State(app): State<App>, params: Params) -> Result<Json<Events>, ApiError> {
    let [limit, after] = params.take(["limit", "after"])?;
    let limit = number("limit", limit.as_deref(), 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT) as u32;
    let page = match number("after", after.as_deref(), 0..=i64::MAX)? {
        Some(row) => Page::After { row, limit },
        None => Page::Last { limit },
    };
    let events = app.read(move |snapshot| snapshot.events(page)).await?;
    let last = match (events.last(), page) {
        (Some(event), _) => event.row,
        (None, Page::After { row, .. }) => row,
        (None, Page::Last { .. }) => 0,
    };
    Ok(Json(Events { events, last }))
}
