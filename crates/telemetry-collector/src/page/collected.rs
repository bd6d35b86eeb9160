//! What is collected: the catalogues for people, open to anybody.

use askama::Template;

use super::layout::Layout;
use super::state::State;
use crate::catalogue::{CatalogueDoc, EventDoc, FieldDoc, KindDoc, title};

/// The data dictionary.
#[derive(Debug, Template)]
#[template(path = "collected.html")]
pub(crate) struct Collected {
    pub(crate) layout: Layout,
    tools: Vec<Tool>,
}

#[derive(Debug)]
struct Tool {
    source: String,
    common: Fields,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    about: String,
    why: String,
    since: String,
    review: String,
    fields: Fields,
}

/// The properties of an event; `path` is where the catalogue has them.
#[derive(Debug, Template)]
#[template(path = "parts/fields.html")]
struct Fields {
    path: String,
    caption: String,
    rows: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: String,
    kind: String,
    values: Vec<String>,
    required: bool,
    why: String,
    since: String,
}

impl Collected {
    pub(crate) fn new(catalogues: &[CatalogueDoc], state: &State) -> Self {
        Self {
            layout: Layout::of("collected", "/collected", state),
            tools: catalogues.iter().enumerate().map(|(at, tool)| Tool::new(at, tool)).collect(),
        }
    }
}

impl Tool {
    fn new(at: usize, tool: &CatalogueDoc) -> Self {
        let event = |(number, event): (usize, &EventDoc)| {
            let name = title(event);
            Event {
                id: format!("event-{at}-{number}"),
                about: event.about.clone(),
                why: event.why.clone(),
                since: event.since.clone(),
                review: event.review.clone(),
                fields: Fields::new(
                    format!("catalogues.{at}.events.{number}.fields"),
                    format!("Properties of {name}"),
                    &event.fields,
                ),
                name,
            }
        };
        Self {
            source: tool.source.clone(),
            common: Fields::new(
                format!("catalogues.{at}.common"),
                format!("Properties of every event of {}", tool.source),
                &tool.common,
            ),
            events: tool.events.iter().enumerate().map(event).collect(),
        }
    }
}

impl Fields {
    fn new(path: String, caption: String, fields: &[FieldDoc]) -> Self {
        Self { path, caption, rows: fields.iter().map(Field::new).collect() }
    }
}

impl Field {
    fn new(field: &FieldDoc) -> Self {
        let (kind, values): (&str, &[String]) = match &field.kind {
            KindDoc::Closed { values } => ("one of", values),
            KindDoc::Set { values } => ("some of", values),
            KindDoc::Map { keys } => ("a count for some of", keys),
            KindDoc::Name { of } => (of, &[]),
            KindDoc::Bool => ("yes or no", &[]),
            KindDoc::Count => ("a count", &[]),
            KindDoc::Tokens => ("a number of tokens", &[]),
            KindDoc::Millis => ("milliseconds", &[]),
            KindDoc::Usd => ("US dollars", &[]),
            KindDoc::ExitCode => ("0 to 255", &[]),
            KindDoc::Uuid => ("a random id", &[]),
            KindDoc::Version => ("a release number", &[]),
            KindDoc::Language => ("a language tag", &[]),
            _ => ("see the JSON", &[]),
        };
        let kind = match field.kind {
            KindDoc::Name { .. } => {
                format!("the name of {} {kind}: an identifier of at most 64 bytes", article(kind))
            }
            _ => kind.to_owned(),
        };
        Self {
            name: field.name.clone(),
            kind,
            values: values.to_vec(),
            required: field.required,
            why: field.why.clone(),
            since: field.since.clone(),
        }
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
