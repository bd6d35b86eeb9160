//! Who is let in, and what browsers are told about our answers.
//!
//! A page from elsewhere can make a browser send requests here. Two checks keep it out: the request must be addressed
//! to a name that only this collector has (a rebound DNS name is not one), and if it names an origin, that must be this
//! server itself. There are no CORS headers, so nothing can be read across origins either. What changes something for a
//! browser must even say that it comes from a page of ours.
//! Then ingest may need a key, and everything else but [`PUBLIC`] the admin's token, or the session of a browser that
//! has shown it. A session is good for reading and nothing else.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::error::ApiError;
use crate::access::{Doors, LocalPath, SessionKey, Shown, cookie};
use crate::api::{ASSETS_FOLDER, COLLECTED_PATH, LOGIN_PATH, LOGOUT_PATH};
use crate::app::App;
use crate::catalogue::TRACK_PATH;

/// What anybody may see: that the collector lives, what it takes, and the way in; and [`ASSETS_FOLDER`].
const PUBLIC: [&str; 6] =
    ["/healthz", "/readyz", "/api/v1/catalogue", COLLECTED_PATH, LOGIN_PATH, LOGOUT_PATH];
/// How long somebody who showed a wrong secret waits for the answer.
const WRONG_WAIT: Duration = Duration::from_millis(500);

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, browsers would not tell us that our own forms are ours.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
/// Clients that send events show nothing to anybody.
const INGEST_HEADERS: [(HeaderName, &str); 2] =
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")];

/// Who sent a request, as far as the page needs to know.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visitor {
    /// The session that the browser is in.
    pub(crate) session: Option<SessionKey>,
}

impl Visitor {
    /// Whether there is anything to leave.
    pub(crate) fn can_log_out(self) -> bool {
        self.session.is_some()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// Lets in who may come in, and sets the security headers.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let headers: &[_] = if request.uri().path() == TRACK_PATH { &INGEST_HEADERS } else { &HEADERS };
    let mut response = match admit(&app, &request) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(Refusal::LogIn(next)) => Redirect::to(&next.after(LOGIN_PATH)).into_response(),
        Err(Refusal::Error { error, is_guess }) => {
            refuse(&app, error, is_guess).await.closing().into_response()
        }
    };
    for (name, value) in headers {
        response.headers_mut().entry(name.clone()).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn admit(app: &App, request: &Request) -> Result<Visitor, Refusal> {
    check_host_and_origin(&app.doors, request)?;
    let headers = request.headers();
    let shown = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let path = request.uri().path();
    if path == TRACK_PATH {
        let (judged, key) = app.doors.ingest(shown(HeaderName::from_static("x-api-key")));
        settle(judged, "a key is needed as x-api-key")?;
        app.doors.take(key, app.now_ms()).map_err(too_many)?;
        return Ok(Visitor::default());
    }
    if request.method() == Method::POST && [LOGIN_PATH, LOGOUT_PATH].contains(&path) {
        check_comes_from_our_page(headers)?;
    }
    let visitor = Visitor { session: session(app, headers) };
    if PUBLIC.contains(&path) || path.starts_with(ASSETS_FOLDER) {
        return Ok(visitor);
    }
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match app.doors.admin(shown(header::AUTHORIZATION)) {
        Shown::Missing if only_reads && visitor.session.is_some() => Ok(visitor),
        Shown::Missing if only_reads && is_for_a_person(headers) => {
            let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
            Err(Refusal::LogIn(LocalPath::or_front(wanted)))
        }
        judged => {
            settle(judged, "the admin's token is needed as Authorization: Bearer")?;
            Ok(visitor)
        }
    }
}

fn session(app: &App, headers: &HeaderMap) -> Option<SessionKey> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(cookie::ids).find_map(|id| app.doors.sessions.using(id, app.now_ms()))
}

/// Whether a page is asked for; programs ask for JSON or for anything.
pub(crate) fn is_for_a_person(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
    accepted
        .flat_map(|accepted| accepted.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html"))
}

/// Where a browser says that a request comes from; older ones, and plain HTTP, say nothing.
pub(crate) fn fetch_site(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("sec-fetch-site").map(HeaderValue::as_bytes)
}

/// A browser always says where a form comes from; that an origin is ours was checked before.
fn check_comes_from_our_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_ours = match fetch_site(headers) {
        Some(site) if site != b"none" => site == b"same-origin",
        _ => headers.contains_key(header::ORIGIN),
    };
    if is_ours { Ok(()) } else { Err(foreign_origin("only the collector's own pages may send this")) }
}

fn settle(judged: Shown, needed: &'static str) -> Result<(), Refusal> {
    let unauthorized = || ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", needed);
    match judged {
        Shown::Right => Ok(()),
        Shown::Missing => Err(unauthorized().into()),
        Shown::Wrong => Err(Refusal::Error { error: unauthorized(), is_guess: true }),
    }
}

/// Why somebody is not let in.
enum Refusal {
    Error {
        error: ApiError,
        is_guess: bool,
    },
    /// Somebody at a browser, who can.
    LogIn(LocalPath),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Error { error, is_guess: false }
    }
}

/// Whoever guesses has to wait, and few can guess at a time; right secrets are not held up by that.
async fn refuse(app: &App, error: ApiError, is_guess: bool) -> ApiError {
    if is_guess {
        let Ok(_permit) = app.guesses.try_acquire() else { return too_many(1) };
        tokio::time::sleep(WRONG_WAIT).await;
    }
    error
}

fn too_many(seconds: u64) -> ApiError {
    ApiError::too_many_requests("more requests than are taken in this time", Duration::from_secs(seconds))
}

fn foreign_origin(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message)
}

fn check_host_and_origin(doors: &Doors, request: &Request) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority().map(|authority| authority.as_str());
    let wrong_host = || {
        let message = "the host must be a loopback name, or one that was given with --host";
        ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)
    };
    let Some(host) = host.filter(|host| doors.hosts.admit(host)) else { return Err(wrong_host()) };
    if hosts.next().is_some() || target.is_some_and(|target| !target.eq_ignore_ascii_case(host)) {
        return Err(wrong_host());
    }
    let own = |origin: &HeaderValue| {
        let Ok(origin) = origin.to_str() else { return false };
        let authority = match doors.may_be_tls(host) {
            true => origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")),
            false => origin.strip_prefix("http://"),
        };
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    if request.headers().get_all(header::ORIGIN).iter().all(own) {
        Ok(())
    } else {
        Err(foreign_origin("pages of other origins are not let in"))
    }
}
