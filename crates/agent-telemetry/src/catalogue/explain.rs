//! The catalogue for people: a page, an answer to "what is this field", samples.

use std::fmt::Write as _;

use super::doc::{CatalogueDoc, EventDoc, FieldDoc, KindDoc};

/// The reference section of `docs/telemetry.md`: every event and property, why it is collected and since when.
#[must_use]
pub fn markdown(doc: &CatalogueDoc) -> String {
    let mut out = String::new();
    for event in &doc.events {
        let _ = writeln!(out, "### {}\n", heading(event));
        let _ = writeln!(out, "{}\n", event.about);
        let _ = writeln!(out, "Why: {}.", event.why);
        let _ = writeln!(out, "Collected since {}, to be reviewed by {}.\n", event.since, event.review);
        table(&mut out, &event.fields);
    }
    out.push_str("### With every event\n\n");
    table(&mut out, &doc.common);
    out
}

fn heading(event: &EventDoc) -> String {
    match &event.action {
        Some(action) => format!("`{}` / `{action}`", event.event),
        None => format!("`{}`", event.event),
    }
}

fn table(out: &mut String, fields: &[FieldDoc]) {
    out.push_str("| property | what it can be | why |\n|---|---|---|\n");
    for field in fields {
        let optional = optional(field);
        let _ = writeln!(out, "| `{}` | {}{optional} | {} |", field.name, describe(&field.kind), field.why);
    }
    out.push('\n');
}

fn optional(field: &FieldDoc) -> String {
    match field {
        FieldDoc { absent_means: Some(_), kind: KindDoc::Map { .. }, .. } => {
            "; absent when there are none".into()
        }
        FieldDoc { absent_means: Some(number), .. } => format!("; absent means {number}"),
        FieldDoc { required: false, .. } => ", or absent".into(),
        FieldDoc { .. } => String::new(),
    }
}

fn describe(kind: &KindDoc) -> String {
    let list = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match kind {
        KindDoc::Closed { values } => format!("one of {}", list(values)),
        KindDoc::Bool => "`true` or `false`".to_owned(),
        KindDoc::Count => "a count".to_owned(),
        KindDoc::Tokens => "a number of tokens".to_owned(),
        KindDoc::Millis => "milliseconds".to_owned(),
        KindDoc::Usd => "US dollars, at most 9 decimals".to_owned(),
        KindDoc::ExitCode => "an exit code, 0 to 255".to_owned(),
        KindDoc::Uuid => "a random UUID".to_owned(),
        KindDoc::Version => "a release number".to_owned(),
        KindDoc::Language => "a language and region, such as `de-DE`".to_owned(),
        KindDoc::Name { of } => format!("the {of}'s name: an identifier of at most 64 bytes, else `custom`"),
        KindDoc::Set { values } => format!("a list of {}", list(values)),
        KindDoc::Map { keys } => format!("counts of {}", list(keys)),
    }
}

/// Explains an event (`tool`), one of several (`session.start`) or a property (`tool.duration_ms`); `None` if there is
/// no such thing.
#[must_use]
pub fn explain(doc: &CatalogueDoc, what: &str) -> Option<String> {
    let (event, rest) = what.split_once('.').unwrap_or((what, ""));
    let events = || doc.events.iter().filter(|known| known.event == event);
    let mut out = String::new();
    if rest.is_empty() || events().any(|known| known.action.as_deref() == Some(rest)) {
        for known in events().filter(|known| rest.is_empty() || known.action.as_deref() == Some(rest)) {
            explain_event(&mut out, known);
        }
    } else {
        for known in events() {
            let fields = known.fields.iter().chain(&doc.common);
            for field in fields.filter(|field| field.name == rest) {
                let _ = writeln!(out, "{}: {}", heading(known).replace('`', ""), field.name);
                explain_field(&mut out, field);
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

fn explain_event(out: &mut String, event: &EventDoc) {
    let _ = writeln!(out, "{}: {}", heading(event).replace('`', ""), event.about);
    let _ = writeln!(out, "  why: {}; since {}, to be reviewed by {}", event.why, event.since, event.review);
    for field in &event.fields {
        let _ = writeln!(out, "  {}", field.name);
        explain_field(out, field);
    }
}

fn explain_field(out: &mut String, field: &FieldDoc) {
    let optional = optional(field);
    let _ = writeln!(out, "    {}{optional}", describe(&field.kind).replace('`', ""));
    let _ = writeln!(out, "    why: {}", field.why);
}

/// A sample of each event, as JSON, with invented values.
#[must_use]
pub fn preview(doc: &CatalogueDoc) -> Vec<serde_json::Value> {
    doc.events
        .iter()
        .map(|event| {
            let mut properties = serde_json::Map::new();
            if let Some(action) = &event.action {
                properties.insert("action".to_owned(), action.as_str().into());
            }
            for field in event.fields.iter().chain(&doc.common) {
                properties.insert(field.name.clone(), sample(&field.kind));
            }
            serde_json::json!({
                "event_id": "019a0000-0000-7000-8000-000000000000",
                "event": event.event,
                "event_timestamp": 1_790_000_000_000_u64,
                "source": doc.source,
                "properties": properties,
            })
        })
        .collect()
}

fn sample(kind: &KindDoc) -> serde_json::Value {
    let first = |words: &[String]| words.first().cloned().unwrap_or_default();
    match kind {
        KindDoc::Closed { values } => first(values).into(),
        KindDoc::Bool => true.into(),
        KindDoc::Count => 3.into(),
        KindDoc::Tokens | KindDoc::Millis => 1200.into(),
        KindDoc::Usd => 0.000_18.into(),
        KindDoc::ExitCode => 0.into(),
        KindDoc::Uuid => "3f1f6f0e-5d1c-4e0a-9a39-0a4f2f3d7c11".into(),
        KindDoc::Version => "0.1.0".into(),
        KindDoc::Language => "en-US".into(),
        KindDoc::Name { of } => format!("some-{of}").into(),
        KindDoc::Set { values } => vec![first(values)].into(),
        KindDoc::Map { keys } => serde_json::json!({ first(keys): 1 }),
    }
}
