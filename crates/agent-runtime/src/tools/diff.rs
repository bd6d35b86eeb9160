//! What changed in a file, for people to look at.

use std::time::Duration;

use serde::Serialize;
use similar::TextDiff;

use super::capped;

/// Texts beyond this many bytes are not compared.
const MAX_COMPARED_BYTES: usize = 1024 * 1024;
/// How long looking for a small difference may take; after that a coarse one is found.
const PATIENCE: Duration = Duration::from_millis(200);
const MAX_SHOWN_BYTES: usize = 20_000;

/// The difference between two versions of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// The file, as the model named it.
    pub path: String,
    /// A unified difference of at most 20,000 bytes; empty for files of more than 1 MiB.
    pub text: String,
    /// Lines that came.
    pub added: usize,
    /// Lines that went.
    pub removed: usize,
}

impl Diff {
    /// Compares two versions; nothing if they are the same.
    pub(crate) fn between(path: &str, old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let (mut added, mut removed) = (0, 0);
        if old.len().max(new.len()) > MAX_COMPARED_BYTES {
            return Some(Self { path: path.to_owned(), text: String::new(), added, removed });
        }
        let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
        for change in diff.iter_all_changes() {
            match change.tag() {
                similar::ChangeTag::Insert => added += 1,
                similar::ChangeTag::Delete => removed += 1,
                similar::ChangeTag::Equal => {}
            }
        }
        let text = diff.unified_diff().header(path, path).to_string();
        Some(Self { path: path.to_owned(), text: capped(text, MAX_SHOWN_BYTES), added, removed })
    }
}
