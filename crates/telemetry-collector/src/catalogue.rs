//! The event definitions that records are checked against: the client's own, exported.
//!
//! The only module that names the telemetry library. Validation itself is the library's, so that what a client can
//! say and what a collector takes cannot drift apart.

use serde_json::Value;

pub use agent_telemetry::CatalogueDoc;
pub(crate) use agent_telemetry::catalogue::{
    Checked, CheckedValue, EventDoc, FieldDoc, KindDoc, RejectCode, Rejection,
};
pub(crate) use agent_telemetry::name::{CUSTOM, UNKNOWN, is_identifier};
pub use agent_telemetry::wire::Answer;
pub(crate) use agent_telemetry::wire::{ClientCounters, MAX_BODY_BYTES, MAX_RECORDS, Rejected, TRACK_PATH};
pub(crate) use agent_telemetry::{LanguageTag, MAX_RECORD_BYTES, Version};

use crate::ingest::go_client::{self, Settled};

const DOCKER_AGENT: &str = include_str!("../catalogue/docker-agent.json");

/// The catalogue of `docker-agent`, as of this build.
///
/// # Errors
///
/// What is wrong with it; a test keeps that from happening.
pub fn docker_agent() -> Result<CatalogueDoc, String> {
    CatalogueDoc::from_json(DOCKER_AGENT)
}

/// The definitions of every tool whose events are taken, one catalogue a tool.
#[derive(Debug, Clone)]
pub struct Catalogues {
    tools: Vec<CatalogueDoc>,
    /// The first tool's, as far as the Go program can meet them.
    go_client: CatalogueDoc,
}

impl Catalogues {
    /// The catalogue of one tool, whose events the Go program (`source: cagent`) sends in its own form.
    #[must_use]
    pub fn of(catalogue: CatalogueDoc) -> Self {
        Self { go_client: go_client::definitions(&catalogue), tools: vec![catalogue] }
    }

    /// Takes the events of one more tool.
    ///
    /// # Errors
    ///
    /// When there is a catalogue of that tool already.
    pub fn add(&mut self, catalogue: CatalogueDoc) -> Result<(), String> {
        if self.tools.iter().chain([&self.go_client]).any(|known| known.source == catalogue.source) {
            return Err(format!("there is a catalogue of {} already", catalogue.source));
        }
        self.tools.push(catalogue);
        Ok(())
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[CatalogueDoc] {
        &self.tools
    }

    /// Checks a record against the catalogue of the tool that it names.
    pub(crate) fn check(&self, record: &Value) -> Result<Settled, Rejection> {
        if go_client::is_theirs(record) {
            return go_client::settle(record, &self.go_client);
        }
        let source = record.get("source").and_then(Value::as_str);
        let own = self.tools.iter().find(|catalogue| Some(catalogue.source.as_str()) == source);
        match own.or(self.tools.first()) {
            // Without one of its own, the first one says what is wrong.
            Some(catalogue) => {
                let checked = catalogue.check(record)?;
                let unknown = match checked.dropped {
                    0 => Vec::new(),
                    _ => unknown_properties(record, &checked),
                };
                Ok(Settled { checked, unknown })
            }
            None => Err(Rejection::new(RejectCode::UnknownSource, "source")),
        }
    }
}

/// What an event is called: with its action, if several have one name.
pub(crate) fn title(event: &EventDoc) -> String {
    match &event.action {
        Some(action) => format!("{} {action}", event.event),
        None => event.event.clone(),
    }
}

/// Whether the store knows how to keep a value of this type.
pub(crate) fn is_storable(value: &CheckedValue) -> bool {
    use CheckedValue::{Bool, Closed, Language, Map, Name, NanoUsd, Number, Set, Uuid, Version};
    matches!(
        value,
        Closed(_)
            | Bool(_)
            | Number(_)
            | NanoUsd(_)
            | Uuid(_)
            | Version(_)
            | Language(_)
            | Name(_)
            | Set(_)
            | Map(_)
    )
}

/// The names of a record's properties that its definition lacks; identifiers only, the rest as `unknown`.
pub(crate) fn unknown_properties(record: &Value, checked: &Checked) -> Vec<String> {
    let Some(given) = record.get("properties").and_then(Value::as_object) else { return Vec::new() };
    given
        .keys()
        .filter(|key| !checked.properties.contains_key(*key))
        .filter(|key| !(checked.action.is_some() && *key == "action"))
        .map(|key| printable_name(key))
        .collect()
}

/// A property's name if it is an identifier, else `unknown`.
pub(crate) fn printable_name(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { "unknown".to_owned() }
}
