//! `GET /api/v1/VIEW`: one handler for every view, see [`crate::answer::VIEWS`].

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::format::{Format, as_ndjson, table_as_csv};
use super::query::Params;
use crate::answer::range::show;
use crate::answer::{Answer, ViewSpec};
use crate::app::App;
use crate::store::day_of;

pub(crate) async fn answer(app: App, params: Params, spec: &'static ViewSpec) -> Result<Response, ApiError> {
    let now_ms = app.now_ms();
    let asked = params.asked(spec, now_ms)?;
    let (scope, compare) = (asked.scope.clone(), asked.compare);
    let tables = app.read(move |view| spec.answer(view, &scope, compare)).await?;
    let range = asked.scope.range;
    let file = format!("{}-{}-{}-{}", spec.name, asked.table, show(range.from), show(range.to));
    let table = tables.iter().find(|table| table.spec.name == asked.table);
    match (asked.format, table) {
        (Format::Json, _) => Ok(Json(Answer {
            range,
            previous: asked.compare.then(|| range.previous()),
            today: day_of(now_ms),
            filters: asked.shown_filters,
            tables,
        })
        .into_response()),
        (Format::Csv, Some(table)) => Ok(table_as_csv(table, &file)),
        (Format::Ndjson, Some(table)) => Ok(as_ndjson(table.lines(), &file)),
        (Format::Csv | Format::Ndjson, None) => {
            let only = spec.table(asked.table).map_or("", |table| table.only);
            Err(ApiError::bad_query(format!("{} has the table {} only {only}", spec.name, asked.table)))
        }
    }
}
