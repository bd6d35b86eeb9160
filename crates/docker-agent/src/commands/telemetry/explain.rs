//! `telemetry explain`: the catalogue, for people, as a page and as data.

use std::fmt::Write as _;

use agent_telemetry::Ended;
use agent_telemetry::catalogue::{self, CatalogueDoc, EventDoc};

use super::page;
use crate::failure::Failure;
use crate::output;
use crate::startup::NAME;
use crate::wrapper::Outcome;

pub(super) fn page() -> Outcome {
    output::data(&page::markdown(&crate::CATALOGUE.document(NAME)))?;
    Ok(Ended::SUCCESS)
}

pub(super) fn run(what: Option<&str>, json: bool) -> Outcome {
    let doc = crate::CATALOGUE.document(NAME);
    let text = match what {
        None if json => pretty(&doc),
        None => overview(&doc),
        Some(what) => {
            let told = catalogue::explain(&doc, what).ok_or_else(|| nothing(&doc, what))?;
            if json { pretty(&only(doc, what)) } else { told }
        }
    };
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}

/// The records as a JSON Schema, for whoever wants to check them with tools of their own.
pub(super) fn schema() -> Outcome {
    let schema = crate::CATALOGUE.document(NAME).json_schema();
    output::data(&format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()))?;
    Ok(Ended::SUCCESS)
}

fn pretty(doc: &CatalogueDoc) -> String {
    format!("{}\n", serde_json::to_string_pretty(doc).unwrap_or_default())
}

/// One screen: the events, and the names of what is in them.
fn overview(doc: &CatalogueDoc) -> String {
    let mut out = String::new();
    for event in &doc.events {
        let _ = writeln!(out, "{}: {}", dotted(event), event.about);
        let _ = writeln!(out, "  why: {}", event.why);
        let names: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
        let _ = writeln!(out, "  {}\n", names.join(", "));
    }
    let names: Vec<&str> = doc.common.iter().map(|field| field.name.as_str()).collect();
    let _ = writeln!(out, "With every event: {}\n", names.join(", "));
    let _ =
        writeln!(out, "More: telemetry explain tool, telemetry explain tool.duration_ms, telemetry preview");
    out
}

fn dotted(event: &EventDoc) -> String {
    match &event.action {
        Some(action) => format!("{}.{action}", event.event),
        None => event.event.clone(),
    }
}

/// The part of the catalogue that an event or property is in.
fn only(mut doc: CatalogueDoc, what: &str) -> CatalogueDoc {
    let (name, rest) = what.split_once('.').unwrap_or((what, ""));
    doc.events.retain(|event| event.event == name);
    if doc.events.iter().any(|event| event.action.as_deref() == Some(rest)) {
        doc.events.retain(|event| event.action.as_deref() == Some(rest));
    } else if !rest.is_empty() {
        for event in &mut doc.events {
            event.fields.retain(|field| field.name == rest);
        }
        doc.common.retain(|field| field.name == rest);
        let common = !doc.common.is_empty();
        doc.events.retain(|event| common || !event.fields.is_empty());
    }
    doc
}

/// Says what there is instead: the properties of the event that was named, else the events.
fn nothing(doc: &CatalogueDoc, what: &str) -> Failure {
    let event = what.split('.').next().unwrap_or(what);
    let known = doc.events.iter().filter(|known| known.event == event);
    let fields = known.flat_map(|known| &known.fields).chain(&doc.common);
    let mut properties: Vec<&str> = Vec::new();
    for field in fields {
        if !properties.contains(&field.name.as_str()) {
            properties.push(&field.name);
        }
    }
    let hint = if doc.events.iter().any(|known| known.event == event) {
        format!("properties of {event}: {}", properties.join(", "))
    } else {
        format!("events: {}", doc.events.iter().map(dotted).collect::<Vec<_>>().join(", "))
    };
    Failure::usage(format_args!("no event or property `{what}` is collected")).hint(hint)
}
