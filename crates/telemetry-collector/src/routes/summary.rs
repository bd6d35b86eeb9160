//! `GET /api/v1/summary?from=&to=`.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::query::Params;
use crate::answer::range::Range;
use crate::answer::summary::{Fold, Summary, Words};
use crate::app::App;
use crate::store::StoreError;
use crate::store::sqlite::Snapshot;

pub(crate) async fn summary(State(app): State<App>, params: Params) -> Result<Json<Summary>, ApiError> {
    let [from, to] = params.take(["from", "to"])?;
    let range = Range::parse(from.as_deref(), to.as_deref(), app.now_ms())?;
    Ok(Json(app.read(move |snapshot| summarise(snapshot, range)).await?))
}

/// Folds one snapshot.
pub(super) fn summarise(snapshot: &mut Snapshot<'_>, range: Range) -> Result<Summary, StoreError> {
    let words = Words::find(|kind, word| snapshot.find(kind, word))?;
    let mut fold = Fold::new(range, words);
    snapshot.scan(range.from, range.to, |facts| fold.add(facts))?;
    let ingest = snapshot.ingest_counts(range.from, range.to)?;
    fold.finish(ingest, |id| snapshot.name(id))
}
