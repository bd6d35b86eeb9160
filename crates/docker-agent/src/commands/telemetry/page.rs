//! `docs/telemetry.md`: the promises in plain words, then the generated catalogue.

use agent_telemetry::catalogue::{self, CatalogueDoc};

/// What is written by hand.
const WORDS: &str = include_str!("page.md");

/// The whole page.
pub(super) fn markdown(doc: &CatalogueDoc) -> String {
    let generated = catalogue::markdown(doc);
    format!("{}\n\n{}\n", WORDS.trim_end(), generated.trim_end())
}
