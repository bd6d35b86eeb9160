//! `GET /api/v1/catalogue`: what is collected and why, for anyone.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::ApiError;
use super::format::{Format, as_ndjson, table_as_csv};
use super::query::Params;
use crate::answer::dictionary;
use crate::app::App;

pub(crate) async fn show(State(app): State<App>, params: Params) -> Result<Response, ApiError> {
    let [format] = params.take("catalogue", ["format"])?;
    let catalogues = app.catalogues.all();
    Ok(match Format::parse(format.as_deref())? {
        Format::Json => Json(json!({ "catalogues": catalogues })).into_response(),
        Format::Csv => table_as_csv(&dictionary::table(catalogues), "catalogue"),
        Format::Ndjson => as_ndjson(dictionary::table(catalogues).lines(), "catalogue"),
    })
}
