//! All routes, in one place.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::catalogue::TRACK_PATH;
use crate::routes::access::guard;
use crate::routes::error::ApiError;
use crate::routes::{assets, events, health, page, stream, summary, track};

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::show))
        .route("/assets/page.css", get(assets::style))
        .route("/assets/live.js", get(assets::script))
        .route("/favicon.ico", get(assets::icon))
        .route(TRACK_PATH, post(track::track))
        .route("/api/v1/summary", get(summary::summary))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/stream", get(stream::tail))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path takes another method",
            )
        })
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}
