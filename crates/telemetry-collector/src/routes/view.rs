//! `GET /api/v1/VIEW`: one handler for every view, see [`crate::answer::VIEWS`]; and what they can be filtered by.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::format::{Format, as_ndjson, table_as_csv};
use super::query::Params;
use crate::answer::range::show;
use crate::answer::{Answer, FILTERS, ViewSpec};
use crate::app::App;
use crate::store::question::{Filters, Key, Question, Subject, View};
use crate::store::{StoreError, day_of};

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

/// `GET /api/v1/filters`: the values that each filter can have.
pub(crate) async fn filters(State(app): State<App>, params: Params) -> Result<Response, ApiError> {
    let [] = params.take("filters", [])?;
    Ok(Json(app.read(values).await?).into_response())
}

fn values(view: &mut dyn View) -> Result<BTreeMap<&'static str, Vec<String>>, StoreError> {
    let mut all = BTreeMap::new();
    for filter in FILTERS {
        let values = match filter.key {
            // Sessions, tools and models have actions, too; those are no commands.
            Key::Action => commands(view)?,
            key => view.values(key)?.iter().map(ToString::to_string).collect(),
        };
        all.insert(filter.name, values);
    }
    Ok(all)
}

fn commands(view: &mut dyn View) -> Result<Vec<String>, StoreError> {
    let Some(range) = view.span()? else { return Ok(Vec::new()) };
    let question = Question::count(Subject::Command, range, &Filters::default()).by([Key::Action]);
    let mut names: Vec<String> =
        view.groups(&question)?.iter().map(|group| group.keys[0].text().to_owned()).collect();
    names.sort_unstable();
    Ok(names)
}
