//! Who is let in, and what browsers are told about our answers.
//!
//! A page from elsewhere can make a browser send requests here. Two checks keep it out: the request must be addressed
//! to a name that only this collector has (a rebound DNS name is not one), and if it names an origin, that must be this
//! server itself. There are no CORS headers, so nothing can be read across origins either.
//! Then ingest may need a key, and everything else but [`PUBLIC`] the admin's token.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::access::{Doors, Shown};
use crate::api::COLLECTED_PATH;
use crate::app::App;
use crate::catalogue::TRACK_PATH;

/// What anybody may read: that the collector lives, and what it takes, with the style of the page that says it.
const PUBLIC: [&str; 5] = ["/healthz", "/readyz", "/api/v1/catalogue", COLLECTED_PATH, "/assets/page.css"];
/// How long somebody who showed a wrong secret waits for the answer.
const WRONG_WAIT: Duration = Duration::from_millis(500);

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
/// Clients that send events show nothing to anybody.
const INGEST_HEADERS: [(HeaderName, &str); 2] =
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")];

/// Lets in who may come in, and sets the security headers.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers: &[_] = if request.uri().path() == TRACK_PATH { &INGEST_HEADERS } else { &HEADERS };
    let mut response = match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.answer(&app).await.closing().into_response(),
    };
    for (name, value) in headers {
        response.headers_mut().entry(name.clone()).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn admit(app: &App, request: &Request) -> Result<(), Refusal> {
    check_host_and_origin(&app.doors, request)?;
    let shown = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    let path = request.uri().path();
    if path == TRACK_PATH {
        let (judged, key) = app.doors.ingest(shown(HeaderName::from_static("x-api-key")));
        settle(judged, "a key is needed as x-api-key")?;
        return app.doors.take(key, app.now_ms()).map_err(|seconds| too_many(seconds).into());
    }
    if PUBLIC.contains(&path) {
        return Ok(());
    }
    settle(
        app.doors.admin(shown(header::AUTHORIZATION)),
        "the admin's token is needed as Authorization: Bearer",
    )
}

fn settle(judged: Shown, needed: &'static str) -> Result<(), Refusal> {
    let unauthorized = || ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", needed);
    match judged {
        Shown::Right => Ok(()),
        Shown::Missing => Err(unauthorized().into()),
        Shown::Wrong => Err(Refusal { error: unauthorized(), is_guess: true }),
    }
}

/// Why somebody is not let in.
struct Refusal {
    error: ApiError,
    is_guess: bool,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { error, is_guess: false }
    }
}

impl Refusal {
    /// Whoever guesses has to wait, and few can guess at a time; right secrets are not held up by that.
    async fn answer(self, app: &App) -> ApiError {
        if self.is_guess {
            let Ok(_permit) = app.guesses.try_acquire() else { return too_many(1) };
            tokio::time::sleep(WRONG_WAIT).await;
        }
        self.error
    }
}

fn too_many(seconds: u64) -> ApiError {
    ApiError::too_many_requests("more requests than are taken in this time", Duration::from_secs(seconds))
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
        Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", "pages of other origins are not let in"))
    }
}
