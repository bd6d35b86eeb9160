//! The page's style, script and icon, compiled in; nothing is loaded from anywhere else.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/page.css"))
}

pub(crate) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../../assets/live.js"))
}

/// The page brings its icon as a `data:` URL.
pub(crate) async fn icon() -> impl IntoResponse {
    StatusCode::NO_CONTENT
}
