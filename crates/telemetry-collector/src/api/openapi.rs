//! The interface as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::{Description, Endpoint, Param, Place, REFUSALS, endpoints, schema};
use crate::answer::VIEWS;

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for Endpoint { path, operation } in endpoints() {
        if let Some(description) = operation.describe() {
            let methods = paths.entry(path).or_insert_with(|| json!({}));
            methods[description.method] = of(&description);
        }
    }
    let mut schemas: Map<String, Value> =
        VIEWS.iter().map(|view| (format!("{}Answer", view.name), schema::answer(view))).collect();
    schemas.extend(schema::named().map(|(name, schema)| (name.to_owned(), schema)));
    let responses: Map<String, Value> = REFUSALS
        .iter()
        .map(|(status, codes, about)| (refusal_name(*status), refusal(*status, codes, about)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "telemetry-collector",
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas, "responses": responses },
    })
}

fn of(description: &Description) -> Value {
    let content = description
        .answers
        .iter()
        .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema })))
        .collect::<Map<_, _>>();
    let mut responses = Map::new();
    if !content.is_empty() {
        responses.insert("200".to_owned(), json!({ "description": description.about, "content": content }));
    }
    if let Some(leads) = description.leads {
        let location = json!({ "Location": { "required": true, "schema": schema::text() } });
        let about = format!("Leads {leads}.");
        responses.insert("303".to_owned(), json!({ "description": about, "headers": location }));
    }
    for status in &description.refusals {
        let name = refusal_name(*status);
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
    }
    let mut operation = json!({
        "operationId": description.id,
        "summary": description.about,
        "parameters": description.params.iter().map(param).collect::<Vec<_>>(),
        "responses": responses,
    });
    if !description.details.is_empty() {
        operation["description"] = description.details.join("\n").into();
    }
    if let Some((media_type, schema)) = &description.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { (*media_type): { "schema": schema } } });
    }
    operation
}

fn param(param: &Param) -> Value {
    let place = match param.place {
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": param.name, "in": place, "required": false, "description": param.about,
        "schema": param.schema, "example": param.example,
    })
}

fn refusal_name(status: u16) -> String {
    format!("Refused{status}")
}

fn refusal(status: u16, codes: &str, about: &str) -> Value {
    if codes.is_empty() {
        return json!({ "description": about });
    }
    let mut response = json!({
        "description": format!("{about} `error.code` is one of {codes}."),
        "content": { "application/json": { "schema": schema::reference("Error") } },
    });
    if matches!(status, 429 | 503) {
        let seconds = json!({ "type": "integer", "minimum": 1 });
        response["headers"] = json!({ "Retry-After": { "schema": seconds } });
    }
    response
}
