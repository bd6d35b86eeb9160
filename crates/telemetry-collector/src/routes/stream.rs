//! `GET /api/v1/events/stream?after=`: events as they are stored (server-sent events).
//!
//! With a store that collectors share, these are the events that this one takes, and the rows are its own.
//! Each event is `event: record` with the row as its id and the same JSON as in `/api/v1/events`.
//! `after` or `Last-Event-ID` replays up to [`REPLAY`] stored rows first, so a reconnect misses nothing.
//! A browser's tail ends with its session: with the first event that it may not see any more.
//! A reader that is too slow, or was away for longer, gets `event: gap` with the number it missed.
//! It never makes ingest wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use tokio_stream::wrappers::BroadcastStream;

use super::access::Visitor;
use super::error::ApiError;
use super::query::{Params, number};
use crate::app::App;
use crate::store::question::View;
use crate::store::{EventRow, Page, StoreError};

const REPLAY: u32 = 1000;
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(crate) async fn tail(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    params: Params,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let [after] = params.take("stream", ["after"])?;
    let resumed = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("not a number"));
    // Browsers forget the last id by sending an empty one.
    let after = match resumed.filter(|id| !id.is_empty()) {
        Some(resumed) => number("Last-Event-ID", Some(resumed), 0..=i64::MAX)?,
        None => number("after", after.as_deref(), 0..=i64::MAX)?,
    };
    let permit = Arc::clone(&app.tails).try_acquire_owned().map_err(|_| {
        ApiError::unavailable("too_many_tails", "too many live tails are open", Duration::from_secs(30))
    })?;
    // Subscribed before the replay is read, so that nothing falls between the two.
    let live = BroadcastStream::new(app.queue.tail());
    let (replay, mut last) = match after {
        Some(row) => app.read_own(move |view| missed_since(view, row)).await?,
        None => (Vec::new(), None),
    };
    let live = live
        .filter_map(|item| std::future::ready(item.ok()))
        .flat_map(move |event| stream::iter(next_after(&mut last, &event)));
    let mut ending = app.ending.clone();
    let end = async move {
        let _ = ending.wait_for(|ending| *ending).await;
    };
    let is_let_in = move |_: &Event| {
        let is_open = |session| app.doors.sessions.is_open(session, app.now_ms());
        std::future::ready(visitor.session.is_none_or(is_open))
    };
    let events =
        stream::iter(replay).chain(live).take_until(Box::pin(end)).take_while(is_let_in).map(move |event| {
            let _permit = &permit;
            Ok(event)
        });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// What a reader that saw `row` last has missed, and the row after which the live events continue.
fn missed_since(view: &mut dyn View, row: i64) -> Result<(Vec<Event>, Option<i64>), StoreError> {
    let rows = view.events(Page::After { row, limit: REPLAY })?;
    let last = view.last_row()?;
    let mut events: Vec<Event> = rows.iter().map(record).collect();
    let replayed = rows.last().map_or(row, |event| event.row);
    if let Ok(missed @ 1..) = u64::try_from(last - replayed) {
        events.push(gap(missed));
    }
    Ok((events, Some(last)))
}

/// A stored event for a reader that has seen everything up to `last`: nothing if it was replayed, and after a gap if
/// the reader was too slow for those in between.
fn next_after(last: &mut Option<i64>, event: &EventRow) -> Vec<Event> {
    let Some(missed) = missed_before(*last, event.row) else { return Vec::new() };
    *last = Some(event.row);
    let gap = (missed > 0).then(|| gap(missed));
    gap.into_iter().chain([record(event)]).collect()
}

/// How many rows a reader that has seen everything up to `last` has missed when it gets `row`; `None` when it has seen
/// that one, too.
///
/// Rows are given out without holes, so they tell how many are missing. The channel's own count would not do: it
/// includes rows that were replayed.
fn missed_before(last: Option<i64>, row: i64) -> Option<u64> {
    match last {
        None => Some(0),
        Some(last) => u64::try_from(row.saturating_sub(last).saturating_sub(1)).ok(),
    }
}

fn gap(missed: u64) -> Event {
    Event::default().event("gap").data(format!("{{\"missed\":{missed}}}"))
}

fn record(event: &EventRow) -> Event {
    let id = event.row.to_string();
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().event("record").id(id).data(data)
}

#[cfg(test)]
mod tests {
    use super::missed_before;

    #[test]
    fn a_row_is_news_once_and_tells_what_is_missing_before_it() {
        assert_eq!(missed_before(None, 7), Some(0));
        assert_eq!(missed_before(Some(6), 7), Some(0));
        assert_eq!(missed_before(Some(3), 7), Some(3));
        assert_eq!(missed_before(Some(7), 7), None);
        assert_eq!(missed_before(Some(9), 7), None);
    }
}
