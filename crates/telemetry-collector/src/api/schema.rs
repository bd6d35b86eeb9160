//! Pieces of JSON schemas, and the schemas that come from tables.

use serde_json::{Map, Value, json};

use crate::answer::table::{Shape, TableSpec};
use crate::answer::{PERCENTILE_ERROR, ViewSpec};

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object that always has these properties; later versions may add others.
pub(super) fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn date() -> Value {
    json!({ "type": "string", "format": "date" })
}

/// The JSON answer of a view.
pub(super) fn answer(view: &ViewSpec) -> Value {
    let range = || object([("from", date()), ("to", date())]);
    let always = view.tables.iter().filter(|table| table.only.is_empty());
    let mut schema = object(
        [
            ("range", range()),
            ("filters", json!({ "type": "object", "additionalProperties": list(text()) })),
            ("percentile_error", json!({ "const": PERCENTILE_ERROR })),
        ]
        .into_iter()
        .chain(always.map(|spec| (spec.name, table(spec)))),
    );
    let optional = view.tables.iter().filter(|table| !table.only.is_empty());
    let mut incomplete = date();
    incomplete["description"] = json!("Today, when it is in the range: its numbers still rise.");
    let mut previous = range();
    previous["description"] = json!("With `compare=previous`.");
    schema["properties"]["incomplete_day"] = incomplete;
    schema["properties"]["previous_range"] = previous;
    for spec in optional {
        schema["properties"][spec.name] = table(spec);
    }
    schema
}

fn table(spec: &TableSpec) -> Value {
    let described = |column: &crate::answer::table::Column, mut schema: Value| {
        schema["description"] = column.about.trim().into();
        (column.name, schema)
    };
    let mut row = object(spec.columns.iter().map(|column| described(column, column.form.schema())));
    let compared = spec.compared();
    if !compared.is_empty() {
        row["properties"]["previous"] =
            object(compared.iter().map(|column| (column.name, column.form.schema())));
        let numbers = compared.iter().filter(|column| column.form.is_number());
        row["properties"]["change"] =
            object(numbers.map(|column| (column.name, column.form.change_schema())));
    }
    let about = match spec.only {
        "" => spec.about.to_owned(),
        only => format!("{} Only {only}.", spec.about),
    };
    match spec.shape {
        Shape::Object | Shape::Fact => {
            row["description"] = about.into();
            row
        }
        Shape::List | Shape::Series | Shape::Plain => {
            json!({ "type": "array", "description": about, "items": row })
        }
    }
}

/// Schemas with a name of their own, beside those of the views.
pub(super) fn named() -> [(&'static str, Value); 3] {
    let uuid = || json!({ "type": "string", "format": "uuid" });
    let field = || {
        let mut field = object([
            ("name", text()),
            ("kind", json!({ "type": "object", "required": ["type"], "properties": { "type": text() } })),
            ("required", json!({ "type": "boolean" })),
            ("why", text()),
            ("since", text()),
        ]);
        // The number that stands for an absent property.
        field["properties"]["absent_means"] = json!({ "type": "integer", "minimum": 0 });
        field
    };
    let mut event = object([
        ("event", text()),
        ("about", text()),
        ("why", text()),
        ("since", text()),
        ("review", date()),
        ("fields", list(field())),
    ]);
    // What tells apart several events of one name.
    event["properties"]["action"] = text();
    [
        (
            "Error",
            object([("error", object([("code", text()), ("message", text()), ("request_id", uuid())]))]),
        ),
        (
            "Event",
            object([
                ("row", count()),
                ("event_id", uuid()),
                ("event", text()),
                ("event_timestamp", json!({ "type": "integer", "description": "Unix milliseconds." })),
                ("source", text()),
                ("properties", json!({ "type": "object" })),
            ]),
        ),
        (
            "Catalogue",
            object([
                ("format", count()),
                ("source", text()),
                ("common", list(field())),
                ("events", list(event)),
            ]),
        ),
    ]
}
