//! The pages: `GET /`, `/commands`, `/tools`, `/tools/NAME` and so on, `/live`, `/collected`; and where none is.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::access::{Visitor, is_for_a_person};
use super::error::ApiError;
use super::query::Params;
use crate::app::App;
use crate::page::{Collected, LIVE_EVENTS, Live, PageSpec, Problem, Request, Sheet, TOOL};
use crate::store::Page;

type Given = Result<Params, ApiError>;

pub(crate) async fn view(
    app: App,
    visitor: Visitor,
    headers: HeaderMap,
    params: Given,
    spec: &'static PageSpec,
) -> Response {
    for_people(sheet(&app, visitor, &headers, params, spec, None).await)
}

/// `GET /tools/NAME`; a name may hold slashes.
pub(crate) async fn tool(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    params: Given,
) -> Response {
    for_people(sheet(&app, visitor, &headers, params, &TOOL, Some(name)).await)
}

pub(crate) async fn live(State(app): State<App>, visitor: Visitor, params: Given) -> Response {
    let page = async {
        let (now_ms, params) = (app.now_ms(), params?);
        let state = params.state("live", now_ms)?;
        let newest = app.read(|view| view.events(Page::Last { limit: LIVE_EVENTS })).await?;
        let mut page = Live::new(&newest, &state, now_ms);
        page.layout.can_log_out = visitor.can_log_out();
        rendered(&page)
    };
    for_people(page.await)
}

pub(crate) async fn collected(State(app): State<App>, visitor: Visitor, params: Given) -> Response {
    let state = params.and_then(|params| params.state("collected", app.now_ms()));
    for_people(state.and_then(|state| {
        let mut page = Collected::new(app.catalogues.all(), &state);
        page.layout.can_log_out = visitor.can_log_out();
        rendered(&page)
    }))
}

async fn sheet(
    app: &App,
    visitor: Visitor,
    headers: &HeaderMap,
    params: Given,
    spec: &'static PageSpec,
    tool: Option<String>,
) -> Result<Html<String>, ApiError> {
    // Let in by the guard, so it is one of our names.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if app.doors.may_be_tls(host) { "https" } else { "http" };
    let now_ms = app.now_ms();
    let state = params?.state(spec.view, now_ms)?;
    let request = Request { spec, state, tool, origin: format!("{scheme}://{host}"), now_ms };
    let asked = request.clone();
    let found = app.read(move |view| asked.ask(view)).await?;
    let mut page = Sheet::new(request, &found);
    page.layout.can_log_out = visitor.can_log_out();
    rendered(&page)
}

fn rendered(page: &impl Template) -> Result<Html<String>, ApiError> {
    page.render().map(Html).map_err(|error| ApiError::internal(error.to_string()))
}

/// A page, or the same refusal as for programs, to be read by a person.
fn for_people(page: Result<Html<String>, ApiError>) -> Response {
    let error = match page {
        Ok(page) => return page.into_response(),
        Err(error) => error,
    };
    let page = Problem::refused(error.message()).render();
    shown(error, page)
}

/// Any other path.
pub(crate) async fn nothing_here(headers: HeaderMap) -> Response {
    let error = ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
    nowhere(&headers, error, "Nothing is at this address. It may be mistyped, or that of another collector.")
}

/// A path that something is sent to, opened like a page, or the other way round.
pub(crate) async fn other_method(headers: HeaderMap) -> Response {
    let message = "this path takes another method";
    let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    nowhere(&headers, error, "Something is sent to this address; there is nothing to look at.")
}

/// A page for people, the usual refusal for programs.
fn nowhere(headers: &HeaderMap, error: ApiError, told: &str) -> Response {
    match is_for_a_person(headers) {
        true => shown(error, Problem::nothing_here(told).render()),
        false => error.into_response(),
    }
}

fn shown(error: ApiError, page: askama::Result<String>) -> Response {
    match page {
        Ok(page) => error.into_page(page),
        Err(_) => error.into_response(),
    }
}
