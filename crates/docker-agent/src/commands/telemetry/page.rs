//! `docs/telemetry.md`: the promises in plain words, with the table of what decides, then the generated catalogue.

use agent_telemetry::catalogue::{self, CatalogueDoc};
use agent_telemetry::consent;

/// What is written by hand.
const WORDS: &str = include_str!("page.md");

/// The whole page.
pub(super) fn markdown(doc: &CatalogueDoc) -> String {
    let words = WORDS.replace("{table}", consent::table().trim_end());
    let generated = catalogue::markdown(doc);
    format!("{}\n\n{}\n", words.trim_end(), generated.trim_end())
}
