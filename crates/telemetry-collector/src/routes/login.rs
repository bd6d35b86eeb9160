//! `GET /login`, `POST /login` and `POST /logout`: the way in for people, who show the admin's token once.
//!
//! The guard has checked that a form comes from a page of ours. A collector without a token has nothing to log in to
//! and sends everybody on.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::access::{Visitor, fetch_site, is_for_a_person};
use super::body;
use super::error::ApiError;
use super::query::Params;
use crate::access::{self, LocalPath, cookie};
use crate::api::LOGIN_PATH;
use crate::app::App;
use crate::page::LoginPage;

pub(crate) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let [next] = params.take("the login", ["next"])?;
    let next = LocalPath::or_front(next.as_deref().unwrap_or_default());
    if visitor.session.is_some() || !app.doors.want_a_token() {
        return Ok(Redirect::to(next.as_str()).into_response());
    }
    // A link on a page of another site comes without our cookie; from our own page, the browser sends it.
    let again = (fetch_site(&headers) == Some(b"cross-site")).then(|| next.after(LOGIN_PATH));
    Ok(Html(LoginPage::new(&next, again, None).html().map_err(ApiError::internal)?).into_response())
}

pub(crate) async fn log_in(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let form = Params::of_form(&body::read_form(&headers, body).await?);
    let [token, next] = form.take("the login", ["token", "next"])?;
    let next = LocalPath::or_front(next.as_deref().unwrap_or_default());
    if !app.doors.want_a_token() {
        return Ok(Redirect::to(next.as_str()).into_response());
    }
    // What is copied from a file often ends with a line break.
    let error = match app.doors.log_in(token.unwrap_or_default().trim(), app.now_ms()) {
        access::Login::Open(id) => {
            if let Some(earlier) = visitor.session {
                app.doors.sessions.end(earlier);
            }
            return with_cookie(&cookie::keep(&id, is_over_tls(&app, &headers)), &next);
        }
        access::Login::Wrong => {
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "this is not the admin's token")
        }
        access::Login::TooMany { seconds } => ApiError::too_many_requests(
            format!(
                "wrong tokens came too often; try again in {seconds} s \
                 (open sessions and Authorization: Bearer are not affected)"
            ),
            Duration::from_secs(seconds),
        ),
        access::Login::NoRandomness => return Err(ApiError::internal("the system gives no random bytes")),
    };
    if is_for_a_person(&headers) {
        let page = LoginPage::new(&next, None, Some(error.message())).html().map_err(ApiError::internal)?;
        Ok(error.into_page(page))
    } else {
        Err(error)
    }
}

pub(crate) async fn log_out(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(session) = visitor.session {
        app.doors.sessions.end(session);
    }
    with_cookie(&cookie::forget(is_over_tls(&app, &headers)), &LocalPath::or_front(LOGIN_PATH))
}

fn is_over_tls(app: &App, headers: &HeaderMap) -> bool {
    app.doors.is_over_tls(headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()))
}

fn with_cookie(cookie: &str, next: &LocalPath) -> Result<Response, ApiError> {
    let cookie = HeaderValue::from_str(cookie).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next.as_str())).into_response())
}
