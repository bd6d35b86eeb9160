//! The served OpenAPI document against what is served.

use serde_json::{Value, json};

use crate::asking::VIEWS;
use crate::harness::{Collector, NOW, Reply, command};
use crate::views::populated;

/// Where `value` breaks `schema`; a property that the schema does not tell of is a breach, too.
fn breaches(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return breaches(document, target, value, at, found);
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        found.push(format!("{at} is {value}, not {constant}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return,
    };
    let is = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is not a type"),
    };
    if !types.iter().any(is) {
        found.push(format!("{at} is {value}, not {types:?}"));
    }
    if let (Some(minimum), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < minimum
    {
        found.push(format!("{at} is {number}, less than {minimum}"));
    }
    if schema["format"] == "date"
        && let Some(date) = value.as_str()
        && (date.len() != 10 || date.split('-').count() != 3)
    {
        found.push(format!("{at} is no date: {date}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        breaches(document, &schema["items"], item, &format!("{at}[{index}]"), found);
    }
    let Some(object) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(required.as_str().unwrap()) {
            found.push(format!("{at} lacks {required}"));
        }
    }
    for (name, value) in object {
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema)) => {
                breaches(document, schema, value, &format!("{at}.{name}"), found);
            }
            // An object of which nothing is told may hold anything.
            (None, None) if schema.get("properties").is_none() || at.ends_with(".kind") => {}
            (None, None) => found.push(format!("{at}.{name} is not in the document")),
        }
    }
}

/// Fails unless the document tells of this answer.
fn assert_told(document: &Value, path: &str, method: &str, reply: &Reply) {
    let operation = &document["paths"][path][method];
    let response = &operation["responses"][reply.status.to_string()];
    assert!(!response.is_null(), "{path} answers {}, which is not told", reply.status);
    let response = match response["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => response,
    };
    let media_type = reply.header("content-type").unwrap().split(';').next().unwrap();
    let schema = &response["content"][media_type]["schema"];
    assert!(!schema.is_null(), "{path} answers {media_type}, which is not told");
    if media_type == "application/json" {
        let mut found = Vec::new();
        breaches(document, schema, &reply.json(), path, &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn document(collector: &Collector) -> Value {
    collector.get("/openapi.json").json()
}

#[test]
fn every_answer_is_as_the_document_tells() {
    let collector = populated();
    let document = document(&collector);
    assert_eq!(document["openapi"], "3.1.0");
    let mut queries =
        vec!["", "?compare=previous", "?format=csv", "?format=ndjson", "?from=x", "?agent=root"];
    queries.extend(["?tool=shell&compare=previous", "?version=1.0.0&version=2.0.0&compare=previous"]);
    for view in VIEWS.into_iter().chain(["catalogue", "events", "filters"]) {
        for query in &queries {
            let path = format!("/api/v1/{view}");
            assert_told(&document, &path, "get", &collector.get(&format!("{path}{query}")));
        }
    }
    for path in ["/openapi.json", "/metrics", "/healthz", "/readyz"] {
        assert_told(&document, path, "get", &collector.get(path));
    }
    assert_told(&document, "/api/v1/events/stream", "get", &collector.get("/api/v1/events/stream?after=x"));
    let track = "/events/v1/track";
    let records = [command(900, 1, NOW, "run", true), json!({ "event": "none" })];
    assert_told(&document, track, "post", &collector.send(records));
    for body in ["", "{", "[]", "{\"records\":[]}", &" ".repeat(70_000)] {
        assert_told(&document, track, "post", &collector.post(body));
    }
    let full = Collector::with(|settings| settings.min_free = u64::MAX);
    assert_told(&document, track, "post", &full.send([command(1, 1, NOW, "run", true)]));
    assert_told(&document, "/readyz", "get", &full.get("/readyz"));
}

#[test]
fn every_path_and_parameter_of_the_document_is_served() {
    let collector = populated();
    let document = document(&collector);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if method == "post" || path.ends_with("/stream") {
                continue;
            }
            assert_eq!(collector.get(path).status, 200, "{path}");
            for parameter in operation["parameters"].as_array().unwrap() {
                let name = parameter["name"].as_str().unwrap();
                let example = match &parameter["example"] {
                    Value::Array(values) => values[0].clone(),
                    other => other.clone(),
                };
                let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                // A table goes with a flat format only.
                let format = if name == "table" { "&format=csv" } else { "" };
                let reply = collector.get(&format!("{path}?{name}={example}{format}"));
                assert_eq!(reply.status, 200, "{path} {name}: {}", reply.body);
                assert!(parameter["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
            }
        }
    }
}

/// A checker that finds nothing proves nothing.
#[test]
fn a_breach_is_found() {
    let document = json!({ "a": { "type": "object", "required": ["n"], "properties": {
        "n": { "type": "integer", "minimum": 0 }, "d": { "type": ["string", "null"], "format": "date" },
    } } });
    let found = |value: Value| {
        let mut found = Vec::new();
        breaches(&document, &json!({ "$ref": "#/a" }), &value, "it", &mut found);
        found.len()
    };
    assert_eq!(found(json!({ "n": 1, "d": null })), 0);
    assert_eq!(found(json!({ "n": 1, "d": "2026-11-22" })), 0);
    for wrong in [json!({}), json!({ "n": -1 }), json!({ "n": 0.5 }), json!({ "n": 1, "x": 1 }), json!([])] {
        assert_eq!(found(wrong.clone()), 1, "{wrong}");
    }
    assert_eq!(found(json!({ "n": "1", "d": "today" })), 2);
}
