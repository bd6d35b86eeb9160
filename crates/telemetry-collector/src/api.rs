//! The HTTP interface as data: every path, its parameters and its answers.
//!
//! The router takes its paths from here, and so do `/openapi.json` and `docs/http-api.md`: what is served and what is
//! written down cannot differ. No web framework here.

pub(crate) mod markdown;
pub(crate) mod openapi;
mod operations;
mod schema;

use serde_json::Value;

use crate::answer::{VIEWS, ViewSpec};
use crate::catalogue::TRACK_PATH;
use crate::page::assets::{ASSETS, Asset};
use crate::page::{PAGES, PageSpec};

/// What lies below this may be read by anybody: style and scripts of the pages.
pub(crate) const ASSETS_FOLDER: &str = "/assets/";
/// The page that says what is collected.
pub(crate) const COLLECTED_PATH: &str = "/collected";
/// The way in for people.
pub(crate) const LOGIN_PATH: &str = "/login";
/// The way out.
pub(crate) const LOGOUT_PATH: &str = "/logout";

/// What a path does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Page(&'static PageSpec),
    ToolPage,
    LivePage,
    CollectedPage,
    Asset(&'static Asset),
    Icon,
    LoginForm,
    LogIn,
    LogOut,
    Track,
    View(&'static ViewSpec),
    Filters,
    Catalogue,
    Events,
    Tail,
    OpenApi,
    Metrics,
    Alive,
    Ready,
}

/// A path with one of its methods.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) path: String,
    pub(crate) operation: Operation,
}

impl Endpoint {
    fn new(path: &str, operation: Operation) -> Self {
        Self { path: path.to_owned(), operation }
    }
}

/// Every path that is served, once for each of its methods.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let views = VIEWS
        .iter()
        .map(|view| Endpoint { path: format!("/api/v1/{}", view.name), operation: Operation::View(view) });
    let pages = PAGES.iter().map(|page| Endpoint::new(page.path, Operation::Page(page)));
    let assets = ASSETS.iter().map(|asset| Endpoint::new(asset.path, Operation::Asset(asset)));
    let mut all: Vec<Endpoint> = pages.chain(assets).collect();
    all.extend([
        // The names of tools may hold slashes.
        Endpoint::new("/tools/{*tool}", Operation::ToolPage),
        Endpoint::new("/live", Operation::LivePage),
        Endpoint::new(COLLECTED_PATH, Operation::CollectedPage),
        Endpoint::new("/favicon.ico", Operation::Icon),
        Endpoint::new(LOGIN_PATH, Operation::LoginForm),
        Endpoint::new(LOGIN_PATH, Operation::LogIn),
        Endpoint::new(LOGOUT_PATH, Operation::LogOut),
        Endpoint::new(TRACK_PATH, Operation::Track),
    ]);
    all.extend(views);
    all.extend([
        Endpoint::new("/api/v1/filters", Operation::Filters),
        Endpoint::new("/api/v1/catalogue", Operation::Catalogue),
        Endpoint::new("/api/v1/events", Operation::Events),
        Endpoint::new("/api/v1/events/stream", Operation::Tail),
        Endpoint::new("/openapi.json", Operation::OpenApi),
        Endpoint::new("/metrics", Operation::Metrics),
        Endpoint::new("/healthz", Operation::Alive),
        Endpoint::new("/readyz", Operation::Ready),
    ]);
    all
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Header,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// Sentences.
    pub(crate) about: String,
    pub(crate) schema: Value,
    pub(crate) example: Value,
}

impl Param {
    fn query(name: &'static str, about: impl Into<String>, schema: Value, example: impl Into<Value>) -> Self {
        Self { name, place: Place::Query, about: about.into(), schema, example: example.into() }
    }
}

/// What an operation is for, and what it answers.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) method: &'static str,
    /// A sentence.
    pub(crate) about: String,
    /// More sentences.
    pub(crate) details: Vec<String>,
    pub(crate) params: Vec<Param>,
    /// The request body's media type and schema, for a `POST` that has one.
    pub(crate) body: Option<(&'static str, Value)>,
    /// The media types of a 200, each with its schema.
    pub(crate) answers: Vec<(&'static str, Value)>,
    /// Where a 303 leads, if there is one; the end of a sentence.
    pub(crate) leads: Option<&'static str>,
    /// The statuses of refusals, see [`REFUSALS`].
    pub(crate) refusals: Vec<u16>,
}

/// Why a request is refused: status, `error.code`s, and a sentence.
pub(crate) const REFUSALS: [(u16, &str, &str); 13] = [
    (
        400,
        "`bad_query`, `unservable_filter`, `bad_json`, `bad_envelope`, `bad_body`",
        "The request cannot be understood; the message says what is wrong with it.",
    ),
    (
        401,
        "`unauthorized`",
        "The collector wants a token or a key, and the request has none that it knows; a `GET` that accepts `text/html` \
         is sent to `/login` instead (303).",
    ),
    (
        403,
        "`foreign_origin`",
        "A page of another origin sent the request, or, where it must come from a page, nobody says which.",
    ),
    (404, "`not_found`", "There is nothing at this path; a browser gets a page that says so."),
    (405, "`method_not_allowed`", "The path takes another method; `Allow` says which."),
    (408, "`slow_body`", "The body took too long to arrive."),
    (413, "`body_too_large`, `too_many_records`", "The body or the number of records is over the limit."),
    (415, "`unsupported_media_type`", "The body is not JSON, or it is compressed."),
    (421, "`wrong_host`", "The request is addressed to another host."),
    (429, "`too_many_requests`", "Too many requests; `Retry-After` says how many seconds to wait."),
    (431, "", "The request's head is too large."),
    (500, "`internal`", "The collector failed; its own log has the same `request_id`."),
    (
        503,
        "`queue_full`, `disk_low`, `spool_full`, `draining`, `store_unavailable`, `not_stored_yet`, `too_slow`, \
         `too_many_tails`",
        "Not now; `Retry-After` says how many seconds to wait.",
    ),
];

/// What nearly every path may answer.
const ALWAYS: [u16; 5] = [401, 403, 421, 431, 500];

impl Description {
    fn get(id: &str, about: impl Into<String>, media_type: &'static str, schema: Value) -> Self {
        Self {
            id: id.to_owned(),
            method: "get",
            about: about.into(),
            details: Vec::new(),
            params: Vec::new(),
            body: None,
            answers: vec![(media_type, schema)],
            leads: None,
            refusals: ALWAYS.to_vec(),
        }
    }

    fn refusing(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses);
        self.refusals.sort_unstable();
        self
    }

    fn with(mut self, params: impl IntoIterator<Item = Param>) -> Self {
        self.params.extend(params);
        self
    }

    fn saying(mut self, sentences: &[&str]) -> Self {
        self.details.extend(sentences.iter().map(|&sentence| sentence.to_owned()));
        self
    }
}
