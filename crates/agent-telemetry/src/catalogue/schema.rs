//! The catalogue as a JSON Schema: what a request of the tool looks like, exactly.
//!
//! Strict, because it describes our own client: nothing but what the catalogue lists may be there.
//! A collector is more forgiving, since clients are older and newer than it is: [`CatalogueDoc::check`] also takes a
//! record without `event_id`, and drops and counts properties and words that it does not know.
//! Beyond that the two refuse the same records; tests compare them.

use serde_json::{Map, Value, json};

use super::doc::{CatalogueDoc, EventDoc, FieldDoc, KindDoc};
use crate::name::MAX_NAME_BYTES;
use crate::value::{MAX_SAFE, NANO};
use crate::wire::MAX_RECORDS;

/// 0 to 65535 without leading zeros.
const U16: &str = "(0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

impl CatalogueDoc {
    /// The JSON Schema (draft 2020-12) of a request's body; `#/$defs/record` is that of one record.
    #[must_use]
    pub fn json_schema(&self) -> Value {
        let mut definitions = types();
        definitions.insert("client".to_owned(), client());
        let mut any = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let name = definition_name(event);
            any.push(reference(&name));
            definitions.insert(name, self.record(event));
        }
        definitions.insert("record".to_owned(), json!({ "anyOf": any }));
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("What {} sends", self.source),
            "type": "object",
            "properties": {
                "records": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_RECORDS,
                    "items": reference("record"),
                },
                "client": reference("client"),
            },
            "required": ["records"],
            "additionalProperties": false,
            "$defs": definitions,
        })
    }

    fn record(&self, event: &EventDoc) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let Some(action) = &event.action {
            properties.insert("action".to_owned(), json!({ "const": action }));
            required.push("action");
        }
        for field in event.fields.iter().chain(&self.common) {
            properties.insert(field.name.clone(), property(field));
            if field.required {
                required.push(&field.name);
            }
        }
        json!({
            "title": event.about,
            "description": format!("Why: {}.", event.why),
            "type": "object",
            "properties": {
                "event_id": { "$ref": "#/$defs/type.uuid", "description": "a second arrival is dropped by it" },
                "event": { "const": event.event },
                "event_timestamp": {
                    "$ref": "#/$defs/type.count",
                    "description": "when it was recorded: Unix time in milliseconds",
                },
                "source": { "const": self.source },
                "properties": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                },
            },
            "required": ["event_id", "event", "event_timestamp", "source", "properties"],
            "additionalProperties": false,
        })
    }
}

/// `event.tool.call`: the prefix keeps events apart from the other definitions.
fn definition_name(event: &EventDoc) -> String {
    match &event.action {
        Some(action) => format!("event.{}.{action}", event.event),
        None => format!("event.{}", event.event),
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn property(field: &FieldDoc) -> Value {
    let mut schema = match &field.kind {
        KindDoc::Closed { values } => json!({ "enum": values }),
        KindDoc::Bool => json!({ "type": "boolean" }),
        KindDoc::Count | KindDoc::Tokens | KindDoc::Millis => reference("type.count"),
        KindDoc::Usd => reference("type.usd"),
        KindDoc::ExitCode => reference("type.exit_code"),
        KindDoc::Uuid => reference("type.uuid"),
        KindDoc::Version => reference("type.version"),
        KindDoc::Language => reference("type.language"),
        KindDoc::Name { .. } => reference("type.name"),
        // `enum` may not be empty.
        KindDoc::Set { values } if values.is_empty() => json!({ "type": "array", "maxItems": 0 }),
        KindDoc::Set { values } => {
            json!({ "type": "array", "items": { "enum": values }, "uniqueItems": true })
        }
        KindDoc::Map { keys } => {
            let counts: Map<String, Value> =
                keys.iter().map(|key| (key.clone(), reference("type.count"))).collect();
            json!({ "type": "object", "properties": counts, "additionalProperties": false })
        }
    };
    schema["description"] = format!("Why: {}.", field.why).into();
    if let Some(value) = field.absent_value() {
        schema["default"] = value;
    }
    schema
}

fn types() -> Map<String, Value> {
    let stage = format!("(alpha|beta|rc)\\.{U16}|dev");
    let types = [
        ("type.count", json!({ "type": "integer", "minimum": 0, "maximum": MAX_SAFE })),
        ("type.exit_code", json!({ "type": "integer", "minimum": 0, "maximum": 255 })),
        ("type.usd", json!({ "type": "number", "minimum": 0, "maximum": dollars(MAX_SAFE) })),
        (
            "type.uuid",
            json!({
                "type": "string",
                "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
            }),
        ),
        (
            "type.version",
            json!({ "type": "string", "pattern": format!("^(dev|{U16}\\.{U16}\\.{U16}(-({stage}))?)$") }),
        ),
        ("type.language", json!({ "type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$" })),
        (
            "type.name",
            json!({
                "type": "string",
                "maxLength": MAX_NAME_BYTES,
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$",
                "not": { "pattern": "\\.\\.|://|^[A-Za-z]:/" },
            }),
        ),
    ];
    types.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A limit in dollars, as JSON says it.
fn dollars(nano: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "2^53 and 10^9 are exact")]
    let (nano, per_dollar) = (nano as f64, NANO as f64);
    nano / per_dollar
}

fn client() -> Value {
    let counts = |names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), reference("type.count"))).collect()
    };
    let losses = ["evicted", "expired", "rejected", "too_big"];
    let mut properties = counts(&["sent_at", "recorded"]);
    properties.insert("epoch".to_owned(), reference("type.uuid"));
    properties.insert(
        "losses".to_owned(),
        json!({
            "type": "object",
            "properties": counts(&losses),
            "description": "absent when there were none",
            "additionalProperties": false,
        }),
    );
    json!({
        "title": "Counters of the installation, cumulative per epoch; absent where they say nothing new.",
        "type": "object",
        "properties": properties,
        "required": ["epoch", "sent_at", "recorded"],
        "additionalProperties": false,
    })
}
