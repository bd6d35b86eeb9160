//! How a configuration is written out: as an agent file that reads back as the same configuration.
//!
//! What may be a secret is not written: literal values of headers, of variables, options, arguments and parameters of
//! URLs whose names say so, and what stands before the `@` of a URL.
//! References such as `$NAME` and `${env.NAME}` are no secrets and stay.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

use super::duration;

/// Stands for what is not written.
const MASK: &str = "***";

/// Words in the name of a variable, an option or a setting whose value is a secret.
const SECRET_WORDS: [&str; 9] =
    ["key", "token", "secret", "password", "passwd", "credential", "auth", "cookie", "pat"];

/// An entry of a list that is a mapping of names in the file.
pub(super) trait Named {
    fn name(&self) -> &str;
}

/// Writes a list as a mapping of names, in its order.
pub(super) fn by_name<T: Named + Serialize, S: Serializer>(
    list: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(list.len()))?;
    for entry in list {
        map.serialize_entry(entry.name(), entry)?;
    }
    map.end()
}

/// Writes the version of the schema that everything is written in.
pub(super) fn version<S: Serializer>(_read: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(super::NEWEST_VERSION)
}

/// Writes how often something is tried again; 0 would mean the default.
pub(super) fn retries<S: Serializer>(retries: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(if *retries == 0 { -1 } else { i64::from(*retries) })
}

/// Writes `1m30s`.
pub(super) fn duration<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration::written(*value))
}

/// Writes variables, secrets masked by their names.
pub(super) fn variables<S: Serializer>(
    variables: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        variables.iter().map(|(name, value)| {
            (name, if names_a_secret(name) { mask_literal(value) } else { value.as_str() })
        }),
    )
}

/// Writes headers; any of them may be a secret.
pub(super) fn headers<S: Serializer>(
    headers: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.iter().map(|(name, value)| (name, mask_literal(value))))
}

/// Writes the arguments of a program, secrets masked by the options that they belong to.
pub(super) fn arguments<S: Serializer>(arguments: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(masked_arguments(arguments))
}

/// Writes a URL without its user, password and secret parameters.
pub(super) fn required_url<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&masked_url(url))
}

/// The same for one that may be absent.
pub(super) fn url<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(masked_url).serialize(serializer)
}

/// Writes a provider's options, secrets masked by their names.
pub(super) fn options<S: Serializer>(options: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    masked(&Value::Object(options.clone())).serialize(serializer)
}

/// Writes settings that a server gave names to, secrets masked by these names.
pub(super) fn settings<S: Serializer>(settings: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    settings.as_ref().map(masked).serialize(serializer)
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(name, value)| match value {
                Value::String(text) if names_a_secret(name) => (name.clone(), mask_literal(text).into()),
                other => (name.clone(), masked(other)),
            });
            Value::Object(entries.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(masked).collect()),
        other => other.clone(),
    }
}

fn mask_literal(value: &str) -> &str {
    let is_reference = value.starts_with('$') || value.contains("${");
    if value.is_empty() || is_reference { value } else { MASK }
}

/// Tells whether something of this name is a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = || name.split(|c: char| !c.is_ascii_alphanumeric());
    SECRET_WORDS.iter().any(|secret| match *secret {
        // Short words are found as words only: `PATH` names no secret.
        "pat" => words().any(|word| word == "pat"),
        long => name.contains(long),
    })
}

fn masked_arguments(arguments: &[String]) -> Vec<String> {
    let mut is_value_of_secret = false;
    let mut masked = Vec::new();
    for argument in arguments {
        let secret_option =
            argument.starts_with('-').then_some(argument.as_str()).filter(|o| names_a_secret(o));
        masked.push(match secret_option.and_then(|option| option.split_once('=')) {
            Some((name, value)) => format!("{name}={}", mask_literal(value)),
            None if is_value_of_secret && !argument.starts_with('-') => mask_literal(argument).to_owned(),
            None => argument.clone(),
        });
        is_value_of_secret = secret_option.is_some_and(|option| !option.contains('='));
    }
    masked
}

fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((path, query)) => format!("{path}?{}", masked_query(query)),
        None => rest.to_owned(),
    };
    format!("{scheme}://{authority}{rest}")
}

fn masked_query(query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, value)) if names_a_secret(name) => format!("{name}={}", mask_literal(value)),
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in ["OPENAI_API_KEY", "github_token", "DB_PASSWORD", "x-auth", "GITHUB_PAT", "apikey"] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["PATH", "HOME", "LANG", "PATTERN", "MODE"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_in_urls() {
        let table = [
            ("https://ada:pw@h.example/a@b", "https://***@h.example/a@b"),
            ("https://h.example/?q=a@b", "https://h.example/?q=a@b"),
            ("https://h.example/x?api_key=1&q=2", "https://h.example/x?api_key=***&q=2"),
            ("https://h.example/x?key=${env.KEY}", "https://h.example/x?key=${env.KEY}"),
            ("${env.URL}/x", "${env.URL}/x"),
        ];
        for (url, expected) in table {
            assert_eq!(masked_url(url), expected);
        }
    }

    #[test]
    fn secrets_in_arguments() {
        let arguments = ["-y", "--token", "abc", "--api-key=abc", "--key=${env.K}", "--token", "--dry", "x"];
        let masked = ["-y", "--token", "***", "--api-key=***", "--key=${env.K}", "--token", "--dry", "x"];
        assert_eq!(masked_arguments(&arguments.map(str::to_owned)), masked);
    }
}
