//! The forms in which an answer can be had: JSON, or one of its tables as CSV or NDJSON.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use crate::answer::csv::{self, Field};
use crate::answer::datum::Datum;
use crate::answer::table::Table;

pub(crate) const CSV: &str = "text/csv; charset=utf-8; header=present";
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// The value of `format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Ndjson,
}

impl Format {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("ndjson") => Ok(Self::Ndjson),
            Some(_) => Err(ApiError::bad_query("format must be json, csv or ndjson")),
        }
    }
}

/// A table as CSV, with a line of headings.
pub(super) fn table_as_csv(table: &Table, file: &str) -> Response {
    let mut text = String::new();
    let headings = table.headings();
    csv::line(&mut text, headings.iter().map(|heading| Field::Text(heading)));
    for row in table.flat() {
        let texts: Vec<(bool, String)> =
            row.iter().map(|datum| (matches!(datum, Datum::Text(_)), datum.text())).collect();
        csv::line(&mut text, texts.iter().map(|(is_text, text)| field(*is_text, text)));
    }
    download(text, CSV, &format!("{file}.csv"))
}

fn field(is_text: bool, text: &str) -> Field<'_> {
    if is_text { Field::Text(text) } else { Field::Number(text) }
}

/// Values as NDJSON, a line each.
pub(super) fn as_ndjson<T: Serialize>(rows: impl IntoIterator<Item = T>, file: &str) -> Response {
    let mut text = String::new();
    for row in rows {
        // Only maps with text keys and numbers get here.
        text.push_str(&serde_json::to_string(&row).unwrap_or_default());
        text.push('\n');
    }
    download(text, NDJSON, &format!("{file}.ndjson"))
}

/// A file to be kept; `name` is ours and holds nothing of a request.
pub(super) fn download(text: String, content_type: &'static str, name: &str) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], text).into_response();
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
