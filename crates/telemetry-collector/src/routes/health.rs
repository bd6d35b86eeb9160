//! `/healthz`: the process answers. `/readyz`: events can be taken.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;

pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.check_ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
