//! `GET /openapi.json`.

use axum::Json;
use serde_json::Value;

pub(crate) async fn document() -> Json<Value> {
    Json(crate::api::openapi::document())
}
