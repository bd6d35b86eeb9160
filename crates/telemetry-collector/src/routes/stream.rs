//! `GET /api/v1/events/stream?after=`: events as they are stored (server-sent events).
//!
//! Each event is `event: record` with the row as its id and the same JSON as in `/api/v1/events`.
//! `after` or `Last-Event-ID` replays up to [`REPLAY`] stored rows first, so a reconnect misses nothing.
//! A reader that is too slow, or was away for longer, gets `event: gap` with the number it missed; it never makes ingest wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::error::ApiError;
use super::query::{Params, number};
use crate::app::App;
use crate::store::question::View;
use crate::store::sqlite::Snapshot;
use crate::store::{EventRow, Page, StoreError};

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
        ApiError::unavailable("too_many_tails", "too many live tails are open", Duration::from_secs(30))
    })?;
    // Subscribed before the replay is read, so that nothing falls between the two.
    let live = BroadcastStream::new(app.queue.tail());
    let (replay, seen) = match after {
        Some(row) => app.read(move |snapshot| missed_since(snapshot, row)).await?,
        None => (Vec::new(), 0),
    };
    let replay = stream::iter(replay);
    let live = live.filter_map(move |item| {
        let event = match item {
            Ok(event) if event.row <= seen => None,
            Ok(event) => Some(record(&event)),
            Err(BroadcastStreamRecvError::Lagged(missed)) => Some(gap(missed)),
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

/// What a reader that saw `row` last has missed, and the row after which the live events continue.
fn missed_since(snapshot: &mut Snapshot<'_>, row: i64) -> Result<(Vec<Event>, i64), StoreError> {
    let rows = snapshot.events(Page::After { row, limit: REPLAY })?;
    let last = snapshot.last_row()?;
    let mut events: Vec<Event> = rows.iter().map(record).collect();
    let replayed = rows.last().map_or(row, |event| event.row);
    if let Ok(missed @ 1..) = u64::try_from(last - replayed) {
        events.push(gap(missed));
    }
    Ok((events, last))
}

fn gap(missed: u64) -> Event {
    Event::default().event("gap").data(format!("{{\"missed\":{missed}}}"))
}

fn record(event: &EventRow) -> Event {
    let id = event.row.to_string();
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().event("record").id(id).data(data)
}
