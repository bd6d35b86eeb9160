//! `GET /?from=&to=`: the page.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use super::error::ApiError;
use super::query::Params;
use crate::answer::Scope;
use crate::answer::range::Range;
use crate::answer::summary::Summary;
use crate::app::App;
use crate::page::{LIVE_ROWS, Page, Problem};
use crate::store;
use crate::store::question::Filters;

pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    params: Result<Params, ApiError>,
) -> Result<Html<String>, Response> {
    // Let in by the guard, so it is a loopback name.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let page = match params {
        Ok(params) => lay_out(&app, params, host).await,
        Err(error) => Err(error),
    };
    page.map(Html).map_err(problem)
}

async fn lay_out(app: &App, params: Params, host: &str) -> Result<String, ApiError> {
    // A form sends what was left empty, too.
    let [from, to] =
        params.take("the page", ["from", "to"])?.map(|date| date.filter(|date| !date.is_empty()));
    let now_ms = app.now_ms();
    let range = Range::parse(from.as_deref(), to.as_deref(), now_ms)?;
    let scope = Scope { range, filters: Filters::default() };
    let read = app.read(move |view| {
        Ok((Summary::ask(view, &scope)?, view.events(store::Page::Last { limit: LIVE_ROWS })?))
    });
    let (summary, newest) = read.await?;
    let page = Page::new(&summary, range, &newest, host, now_ms);
    page.render().map_err(|error| ApiError::internal(error.to_string()))
}

/// The refusal, to be read by a person.
fn problem(error: ApiError) -> Response {
    match (Problem { message: error.message() }).render() {
        Ok(page) => error.as_page(page),
        Err(_) => error.into_response(),
    }
}
