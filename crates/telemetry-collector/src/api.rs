//! The HTTP interface as data: every path, its parameters and its answers.
//!
//! The router takes its paths from here, and so do `/openapi.json` and `docs/http-api.md`: what is served and what is
//! written down cannot differ. No web framework here.

pub(crate) mod markdown;
pub(crate) mod openapi;
mod schema;

use serde_json::{Value, json};

use crate::answer::range::{DEFAULT_DAYS, MOST_DAYS};
use crate::answer::{FILTERS, VIEWS, ViewSpec};
use crate::catalogue::{MAX_BODY_BYTES, MAX_RECORDS, TRACK_PATH};
use crate::page::assets::{ASSETS, Asset};
use crate::page::{PAGES, PageSpec};

/// What lies below this may be read by anybody: the page's style, scripts and icon.
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
pub(crate) const REFUSALS: [(u16, &str, &str); 11] = [
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
    (408, "`slow_body`", "The body took too long to arrive."),
    (413, "`body_too_large`, `too_many_records`", "The body or the number of records is over the limit."),
    (415, "`unsupported_media_type`", "The body is not JSON, or it is compressed."),
    (421, "`wrong_host`", "The request is addressed to another host."),
    (429, "`too_many_requests`", "Too many requests; `Retry-After` says how many seconds to wait."),
    (431, "", "The request's head is too large."),
    (500, "`internal`", "The collector failed; its own log has the same `request_id`."),
    (
        503,
        "`queue_full`, `disk_low`, `draining`, `store_unavailable`, `too_slow`, `too_many_tails`",
        "Not now; `Retry-After` says how many seconds to wait.",
    ),
];

/// What nearly every path may answer.
const ALWAYS: [u16; 5] = [401, 403, 421, 431, 500];

impl Operation {
    /// `None` for pages and what belongs to them: they are for people. Not so the way in: what lets in is told.
    pub(crate) fn describe(self) -> Option<Description> {
        let description = match self {
            Self::Page(_)
            | Self::ToolPage
            | Self::LivePage
            | Self::CollectedPage
            | Self::Asset(_)
            | Self::Icon => return None,
            Self::LoginForm => login_form(),
            Self::LogIn => log_in(),
            Self::LogOut => log_out(),
            Self::Track => track(),
            Self::View(view) => of_view(view),
            Self::Filters => Description::get(
                "filters",
                "The values that each filter can have: all that ever arrived, sorted.",
                "application/json",
                schema::object(FILTERS.iter().map(|filter| (filter.name, schema::list(schema::text())))),
            )
            .refusing(&[400, 503]),
            Self::Catalogue => catalogue(),
            Self::Events => events(),
            Self::Tail => tail(),
            Self::OpenApi => Description::get(
                "openapi",
                "This interface as an OpenAPI 3.1 document.",
                "application/json",
                json!({ "type": "object" }),
            ),
            Self::Metrics => Description::get(
                "metrics",
                "The collector's own state in the text format of Prometheus.",
                "text/plain",
                json!({ "type": "string" }),
            ),
            Self::Alive => Description::get(
                "alive",
                "The process answers.",
                "application/json",
                schema::object([("status", json!({ "const": "ok" }))]),
            ),
            Self::Ready => Description::get(
                "ready",
                "Events can be taken; 503 if not.",
                "application/json",
                schema::object([("status", json!({ "const": "ready" }))]),
            )
            .refusing(&[503]),
        };
        Some(description)
    }
}

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

fn format_param() -> Param {
    let about = "How the answer is written. CSV and NDJSON have one flat table.";
    Param::query("format", about, json!({ "enum": ["json", "csv", "ndjson"], "default": "json" }), "json")
}

fn of_view(view: &'static ViewSpec) -> Description {
    let date = json!({ "type": "string", "format": "date" });
    let tables: Vec<&str> = view.tables.iter().map(|table| table.name).collect();
    let params = [
        Param::query(
            "from",
            format!("The first UTC day; {DEFAULT_DAYS} days that end with `to` if absent."),
            date.clone(),
            "2026-11-01",
        ),
        Param::query(
            "to",
            format!("The last UTC day, included; today if absent. A range has at most {MOST_DAYS} days."),
            date,
            "2026-11-30",
        ),
        Param::query(
            "compare",
            "With `previous`, the days before the range, as many as it has, beside it: rows get `previous` and \
             `change` (CSV: `previous_…` and `change_…`).",
            json!({ "enum": ["previous"] }),
            "previous",
        ),
        format_param(),
        Param::query(
            "table",
            format!("Which table CSV and NDJSON give; `{}` if absent.", view.main),
            json!({ "enum": tables }),
            view.main,
        ),
    ];
    let filters = FILTERS.iter().filter(|filter| view.serves.contains(&filter.key)).map(|filter| {
        let schema = json!({ "type": "array", "items": { "type": "string" }, "maxItems": 100 });
        let about = format!("{} May be repeated: any of the values passes.", filter.about);
        Param::query(filter.name, about, schema, json!([example_of(filter.name)]))
    });
    let json_schema = schema::reference(&format!("{}Answer", view.name));
    let mut description =
        Description::get(view.name, view.about, "application/json", json_schema).refusing(&[400, 503]);
    description.answers.push(("text/csv", json!({ "type": "string" })));
    description.answers.push(("application/x-ndjson", json!({ "type": "string" })));
    description.params = params.into_iter().chain(filters).collect();
    let others: Vec<String> = FILTERS
        .iter()
        .filter(|filter| !view.serves.contains(&filter.key))
        .map(|filter| format!("`{}`", filter.name))
        .collect();
    if !others.is_empty() {
        description.details.push(format!(
            "It cannot be filtered by {} (`unservable_filter`): {}.",
            others.join(", "),
            view.limit
        ));
    }
    description
}

fn example_of(filter: &str) -> &'static str {
    match filter {
        "source" => "docker-agent",
        "version" => "1.2.3",
        "os" => "linux",
        "arch" => "arm64",
        "caller" => "human",
        "agent" => "root",
        "model" => "gpt-4o",
        "tool" => "shell",
        _ => "run",
    }
}

fn track() -> Description {
    let mut description = Description::get(
        "track",
        "Takes events; acknowledged when they are on disk.",
        "application/json",
        schema::object([
            ("accepted", schema::count()),
            ("duplicates", schema::count()),
            (
                "rejected",
                schema::list(schema::object([
                    ("index", schema::count()),
                    ("code", schema::text()),
                    ("detail", schema::text()),
                ])),
            ),
        ]),
    )
    .refusing(&[400, 408, 413, 415, 429, 503])
    .saying(&[
        "Each record stands for itself: 200 whenever the envelope can be read, also if records are rejected.",
        "A request may be repeated: an `event_id` is stored once.",
        "What a record may hold is in `/api/v1/catalogue`.",
    ]);
    description.method = "post";
    description.details.push(format!("A body has at most {MAX_BODY_BYTES} bytes."));
    let body = json!({
        "type": "object",
        "required": ["records"],
        "properties": {
            "records": {
                "type": "array", "minItems": 1, "maxItems": MAX_RECORDS, "items": {},
                "description": "Objects with `event_id`, `event`, `event_timestamp`, `source` and `properties`.",
            },
            "client": { "description": "What the installation says of itself: cumulative counters." },
        },
    });
    description.body = Some(("application/json", body));
    description
}

fn login_form() -> Description {
    let mut description = Description::get(
        "loginForm",
        "The form in which a browser's owner gives the admin's token.",
        "text/html",
        json!({ "type": "string" }),
    )
    .refusing(&[400])
    .with([Param::query(
        "next",
        "Where to go afterwards: a path of this collector; anything else leads to `/`.",
        schema::text(),
        "/",
    )]);
    description.leads = Some("to `next`, when there is nothing to log in to, or a session already");
    description
}

fn log_in() -> Description {
    let mut description = login_form().refusing(&[408, 413, 415, 429]).saying(&[
        "The session is a cookie that scripts cannot read, for this site alone, and `Secure` where pages come over TLS.",
        "It lasts 12 hours, or 2 hours in which nothing is asked for, or until the collector ends.",
        "With it, pages and every `GET` are answered as with the token; it is no key for `/events/v1/track`.",
        "The form takes ten wrong tokens at once and then one every six seconds, from everybody together; while it is \
         closed, open sessions and `Authorization: Bearer` work as ever.",
        "What comes from no page of this collector is refused (`foreign_origin`).",
        "A refusal is the form again for those who accept `text/html`.",
    ]);
    description.id = "logIn".to_owned();
    description.method = "post";
    description.about = "Opens a session for the browser of whoever has the admin's token.".to_owned();
    description.answers.clear();
    description.leads = Some("to `next`, with the session's cookie");
    description.params.clear();
    let mut form = schema::object([("token", schema::text())]);
    form["properties"]["next"] = schema::text();
    description.body = Some(("application/x-www-form-urlencoded", form));
    description
}

fn log_out() -> Description {
    let mut description = Description::get("logOut", "Ends the browser's session.", "text/html", Value::Null)
        .saying(&["What comes from no page of this collector is refused (`foreign_origin`)."]);
    description.method = "post";
    description.answers.clear();
    description.leads = Some("to `/login`, without the cookie");
    description
}

fn catalogue() -> Description {
    let mut description = Description::get(
        "catalogue",
        "The data dictionary: every event and property that is taken, and why.",
        "application/json",
        schema::object([("catalogues", schema::list(schema::reference("Catalogue")))]),
    )
    .refusing(&[400])
    .with([format_param()])
    .saying(&["CSV and NDJSON have a row for each property of each event."]);
    description.answers.push(("text/csv", json!({ "type": "string" })));
    description.answers.push(("application/x-ndjson", json!({ "type": "string" })));
    description
}

fn events() -> Description {
    let mut description = Description::get(
        "events",
        "Events exactly as they were sent, in the order of arrival.",
        "application/json",
        schema::object([("events", schema::list(schema::reference("Event"))), ("last", schema::count())]),
    )
    .refusing(&[400, 503])
    .with([
        Param::query(
            "limit",
            "How many.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
            100,
        ),
        Param::query(
            "after",
            "Those that follow this row, oldest first; the newest ones if absent. \
             `last` of one answer is `after` of the next.",
            json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
            0,
        ),
        format_param(),
    ])
    .saying(&[
        "It takes no range and no filters; `telemetry-collector export` and `query` do.",
        "CSV has `properties` as JSON.",
    ]);
    description.answers.push(("text/csv", json!({ "type": "string" })));
    description.answers.push(("application/x-ndjson", json!({ "type": "string" })));
    description
}

fn tail() -> Description {
    let row = || json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX });
    Description::get(
        "tail",
        "Events as they are stored (server-sent events).",
        "text/event-stream",
        json!({ "type": "string" }),
    )
    .refusing(&[400, 503])
    .with([
        Param::query("after", "Replays what follows this row first, up to 1,000 events.", row(), 0),
        Param {
            name: "Last-Event-ID",
            place: Place::Header,
            about: "As `after`, and stronger; browsers send it when they reconnect.".to_owned(),
            schema: row(),
            example: json!(0),
        },
    ])
    .saying(&[
        "`event: record` has the row as `id` and as `data` an event as in `/api/v1/events`.",
        "`event: gap` with `{\"missed\":n}` says how many events were left out before the next one.",
    ])
}
