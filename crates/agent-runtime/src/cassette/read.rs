//! Reads recordings: ours, and those of the Go program.

use std::time::Duration;

use super::Interaction;
use crate::yaml::{self, Limits, Node, Position};

/// A text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}{place}: {text}")]
pub struct CassetteError {
    name: String,
    place: String,
    text: String,
}

impl CassetteError {
    fn new(name: &str, position: Position, text: impl Into<String>) -> Self {
        let place = match position {
            Position { line: 0, .. } => String::new(),
            Position { line, column } => format!(":{line}:{column}"),
        };
        Self { name: name.to_owned(), place, text: text.into() }
    }
}

pub(super) fn interactions(name: &str, text: &str) -> Result<Vec<Interaction>, CassetteError> {
    let limits = Limits { bytes: 128 * 1024 * 1024, nodes: 1_000_000 };
    let root = yaml::parse(text, limits).map_err(|e| CassetteError::new(name, e.position, e.text))?;
    let version = root.get("version").and_then(Node::as_integer);
    if version != Some(2) {
        return Err(CassetteError::new(name, root.position, "not a recording: expected `version: 2`"));
    }
    let Some(list) = root.get("interactions") else {
        return Err(CassetteError::new(name, root.position, "not a recording: `interactions` is missing"));
    };
    let nodes = match &list.value {
        yaml::Value::Null => &[],
        _ => list
            .as_list()
            .ok_or_else(|| CassetteError::new(name, list.position, "`interactions` is not a list"))?,
    };
    nodes.iter().enumerate().map(|(index, node)| interaction(name, index, node)).collect()
}

fn interaction(name: &str, index: usize, node: &Node) -> Result<Interaction, CassetteError> {
    let missing = |what: &str| {
        CassetteError::new(name, node.position, format!("interaction {index}: `{what}` is missing"))
    };
    let text = |part: &str, key: &str| {
        let value = node.get(part).and_then(|part| part.get(key));
        value.and_then(Node::as_text).map(str::to_owned)
    };
    let code = node.get("response").and_then(|response| response.get("code")).and_then(Node::as_integer);
    Ok(Interaction {
        url: text("request", "url").ok_or_else(|| missing("request.url"))?,
        request_body: text("request", "body").unwrap_or_default(),
        response_body: text("response", "body").unwrap_or_default(),
        code: code.and_then(|code| u16::try_from(code).ok()).ok_or_else(|| missing("response.code"))?,
        duration: text("response", "duration").and_then(|text| go_duration(&text)).unwrap_or_default(),
    })
}

/// Reads Go's notation, as in `1m2.5s` or `382.2195ms`.
fn go_duration(text: &str) -> Option<Duration> {
    let units =
        [("ns", 1e-9), ("µs", 1e-6), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit_end =
            rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| end + length);
        let (_, factor) = units.iter().find(|(unit, _)| *unit == &rest[end..unit_end])?;
        seconds += number * factor;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}
