//! `/healthz`: the process answers. `/readyz`: events can be taken.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::app::App;

pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    if app.is_ending() {
        return Err(ApiError::draining());
    }
    app.check_ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
