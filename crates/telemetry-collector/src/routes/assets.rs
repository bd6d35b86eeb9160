//! What pages load: style, scripts, icon.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::page::assets::Asset;

pub(crate) fn file(asset: &'static Asset) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, asset.content_type)], asset.text)
}

/// The page brings its icon as a `data:` URL.
pub(crate) async fn icon() -> impl IntoResponse {
    StatusCode::NO_CONTENT
}
