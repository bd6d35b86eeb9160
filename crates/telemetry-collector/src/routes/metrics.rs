//! `GET /metrics`: the collector's own state; and the counting of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::{App, Shared, Vitals};
use crate::metrics::{Exposition, MEDIA_TYPE, Requests};

/// Counts a request by its route and the status of its answer.
pub(crate) async fn count(
    State(requests): State<Arc<Requests>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    requests.count(path.as_ref().map(MatchedPath::as_str), response.status().as_u16());
    response
}

pub(crate) async fn show(State(app): State<App>) -> impl IntoResponse {
    let mut text = Exposition::default();
    text.metric("build_info", "gauge", "The version of the collector.").sample(
        "build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    let started = app.started_ms() as f64 / 1e3;
    text.single("start_time_seconds", "gauge", "When the collector started, in Unix seconds.", started);
    text.requests(&app.requests);
    text.commits(app.queue.commits());
    text.single("queue_requests", "gauge", "Requests that wait for the writer.", app.queue.depth());
    text.single("live_tails", "gauge", "Live tails that are open.", app.open_tails());
    if let Some(shared) = &app.shared {
        of_shipping(&mut text, &app, shared).await;
    }
    let vitals = app.vitals().await;
    text.single("store_up", "gauge", "1 when the store can be read.", u8::from(vitals.is_ok()));
    // A scrape must not fail because the store does: that is what it is to tell.
    if let Ok(vitals) = vitals {
        of_store(&mut text, &vitals);
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], text.finish())
}

async fn of_shipping(text: &mut Exposition, app: &App, shared: &Shared) {
    let Shared { progress, settings } = shared;
    let count = |counter: &AtomicU64| counter.load(Relaxed);
    for (name, kind, help, value) in [
        ("ship_up", "gauge", "1 when the last attempt to ship succeeded.", u64::from(progress.is_up())),
        (
            "shipped_batches_total",
            "counter",
            "Batches that arrived in the store, since the start.",
            count(&progress.batches),
        ),
        (
            "shipped_events_total",
            "counter",
            "Events that arrived in the store, since the start.",
            count(&progress.events),
        ),
        (
            "ship_failures_total",
            "counter",
            "Attempts that failed, since the start.",
            count(&progress.failures),
        ),
        (
            "ship_repeated_events_total",
            "counter",
            "Events that were shipped again after a failure; the store drops those that it had.",
            count(&progress.repeated),
        ),
        (
            "store_unmerged_duplicates",
            "gauge",
            "Rows of yesterday and today that repeat another one and wait to be merged; answers do not count them.",
            count(&progress.unmerged),
        ),
        (
            "summed_days_total",
            "counter",
            "Days that this collector added up, since the start.",
            count(&progress.summed_days),
        ),
        ("spool_max_bytes", "gauge", "Bytes from which on nothing is taken.", settings.spool_max),
    ] {
        text.single(name, kind, help, value);
    }
    let unsummed_days = count(&progress.unsummed_days);
    if unsummed_days != u64::MAX {
        let help = "Days that were touched since they were added up; answers read their events. Missing when unknown.";
        text.single("store_unsummed_days", "gauge", help, unsummed_days);
    }
    let lag = progress.lag().as_secs_f64();
    text.single("ship_lag_seconds", "gauge", "How long the oldest event in the spool has been waiting.", lag);
    if let Ok(waiting) = app.waiting(shared).await {
        text.single("spool_events", "gauge", "Events that wait to be shipped.", waiting.events);
        text.single("spool_bytes", "gauge", "Bytes of the spool that are in use.", waiting.bytes);
    }
}

fn of_store(text: &mut Exposition, vitals: &Vitals) {
    let name = "records_total";
    text.metric(name, "counter", "Records that arrived, by fate and code, as counted in the store.");
    for ((fate, code), n) in &vitals.arrivals {
        text.sample(name, &[("fate", fate), ("code", code)], n);
    }
    let store = &vitals.store;
    text.single("last_row", "gauge", "The row of the newest event.", vitals.last_row);
    text.single("database_bytes", "gauge", "Size of the database without its log.", store.database_bytes);
    text.single("wal_bytes", "gauge", "Size of the write-ahead log.", store.wal_bytes);
    text.single("disk_free_bytes", "gauge", "Free space on the disk of the data folder.", store.free_bytes);
}
