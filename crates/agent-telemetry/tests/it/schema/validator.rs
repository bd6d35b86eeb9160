//! As much of JSON Schema (draft 2020-12) as the catalogue's schema uses; any other keyword fails the test.

use serde_json::Value;

/// Why a value does not pass a schema, or `None` if it does; `root` is where references are looked up.
pub(crate) fn refusal(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    schema.as_object().unwrap().iter().find_map(|(keyword, wanted)| {
        let passes = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            // Looked at with `properties`.
            "additionalProperties" => true,
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let target = root["$defs"].get(name).unwrap_or_else(|| panic!("{name} is not defined"));
                return refusal(root, target, value);
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|schema| refusal(root, schema, value).is_none()),
            "not" => refusal(root, wanted, value).is_some(),
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "type" => is_of_type(value, wanted.as_str().unwrap()),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => match (value.as_u64(), wanted.as_u64()) {
                (Some(number), Some(limit)) => number <= limit,
                _ => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            },
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap())
            }
            "pattern" => {
                let pattern = regex_lite::Regex::new(wanted.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
            "uniqueItems" => value
                .as_array()
                .is_none_or(|items| (1..items.len()).all(|at| !items[..at].contains(&items[at]))),
            "items" => {
                return value.as_array()?.iter().find_map(|item| refusal(root, wanted, item));
            }
            "required" => value.as_object().is_none_or(|object| {
                wanted.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                assert_eq!(schema["additionalProperties"], false, "our own client's records are closed");
                return value.as_object()?.iter().find_map(|(name, member)| match wanted.get(name) {
                    Some(schema) => refusal(root, schema, member).map(|why| format!("{name}: {why}")),
                    None => Some(format!("{name}: not declared")),
                });
            }
            other => panic!("the test does not know `{other}`"),
        };
        (!passes).then(|| format!("{keyword} {wanted}"))
    })
}

fn is_of_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("the test does not know the type `{other}`"),
    }
}
