//! `GET /api/v1/events/stream?after=`: events as they are stored (server-sent events).
//!
//! Each event is `event: record` with the row as its id and the same JSON as in `/api/v1/events`.
//! `after` or `Last-Event-ID` replays up to [`REPLAY`] stored rows first, so a reconnect misses nothing.
//! A reader that is too slow gets `event: gap` with the number it missed; it never makes ingest wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::query::{Params, number};
use crate::app::App;
use crate::error::ApiError;
use crate::store::{EventRow, Page};

const REPLAY: u32 = 1000;
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(crate) async fn tail(
    State(app): State<App>,
    headers: HeaderMap,
    params: Params,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let [after] = params.take(["after"])?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let after = number("after", resumed.or(after).as_deref(), 0..=i64::MAX)?;
    let permit = Arc::clone(&app.tails).try_acquire_owned().map_err(|_| {
        let message = "too many live tails are open";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_tails", message)
    })?;
    // Subscribed before the replay is read, so that nothing falls between the two.
    let live = BroadcastStream::new(app.queue.tail());
    let replay = match after {
        Some(row) => app.read(move |snapshot| snapshot.events(Page::After { row, limit: REPLAY })).await?,
        None => Vec::new(),
    };
    let seen = replay.last().map_or(0, |event| event.row);
    let replay = stream::iter(replay).map(|event| record(&event));
    let live = live.filter_map(move |item| {
        let event = match item {
            Ok(event) if event.row <= seen => None,
            Ok(event) => Some(record(&event)),
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                Some(Event::default().event("gap").data(format!("{{\"missed\":{missed}}}")))
            }
        };
        std::future::ready(event)
    });
    let mut ending = app.ending.clone();
    let end = async move {
        let _ = ending.wait_for(|ending| *ending).await;
    };
    let events = replay.chain(live).take_until(Box::pin(end)).map(move |event| {
        let _permit = &permit;
        Ok(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn record(event: &EventRow) -> Event {
    let id = event.row.to_string();
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().event("record").id(id).data(data)
}
