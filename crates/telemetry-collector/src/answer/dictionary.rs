//! The data dictionary as a flat table: a row for each property of each event.

use std::sync::Arc;

use super::table::{Shape, Table, TableSpec, rows};
use crate::catalogue::{CatalogueDoc, FieldDoc, title};

static SPEC: TableSpec = TableSpec::new::<Property>(
    "properties",
    Shape::Plain,
    "Every property of every event; `event` is empty for those that go with all of them.",
);

rows! {
    /// A property.
    struct Property[3] {
        /// The tool that sends it.
        source: Arc<str>,
        /// The event, and its action if several have one name.
        event: Arc<str>,
        /// The property.
        property: Arc<str>,
        /// What it can be.
        kind: Arc<str>,
        /// `yes` when it is always there.
        required: Arc<str>,
        /// What it is needed for.
        why: Arc<str>,
        /// The version that first collects it.
        since: Arc<str>,
    }
}

/// All properties of some catalogues.
pub(crate) fn table(catalogues: &[CatalogueDoc]) -> Table {
    let mut rows = Vec::new();
    for catalogue in catalogues {
        let mut add = |event: &str, field: &FieldDoc| {
            rows.push(Property {
                source: catalogue.source.as_str().into(),
                event: event.into(),
                property: field.name.as_str().into(),
                kind: kind(field).into(),
                required: if field.required { "yes" } else { "no" }.into(),
                why: field.why.as_str().into(),
                since: field.since.as_str().into(),
            });
        };
        catalogue.common.iter().for_each(|field| add("", field));
        for event in &catalogue.events {
            let name = title(event);
            event.fields.iter().for_each(|field| add(&name, field));
        }
    }
    SPEC.fill(&rows)
}

/// The name of a kind, as in the JSON form.
fn kind(field: &FieldDoc) -> String {
    let kind = serde_json::to_value(&field.kind).unwrap_or_default();
    kind["type"].as_str().unwrap_or_default().to_owned()
}
