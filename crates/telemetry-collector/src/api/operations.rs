//! What each operation is for, which parameters it takes, and what it answers.

use serde_json::{Value, json};

use super::{Description, Operation, Param, Place, schema};
use crate::answer::range::{DEFAULT_DAYS, MOST_DAYS};
use crate::answer::{FILTERS, ViewSpec};
use crate::catalogue::{MAX_BODY_BYTES, MAX_RECORDS};

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
