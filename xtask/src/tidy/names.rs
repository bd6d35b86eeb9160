//! File and folder names that say nothing.

use super::Finding;
use super::source::Source;

/// Names under which anything can be put, and therefore is.
const EMPTY_WORDS: [&str; 9] =
    ["base", "common", "helper", "helpers", "manager", "misc", "util", "utilities", "utils"];

/// Finds Rust files whose name, or a folder's name on the way to them, is an empty word.
pub(super) fn empty_words(source: &Source) -> Vec<Finding> {
    let Some(path) = source.path.strip_suffix(".rs") else {
        return Vec::new();
    };
    let word = path.split('/').find(|part| EMPTY_WORDS.contains(part));
    word.map(|word| {
        Finding::file(&source.path, format!("`{word}` says nothing: name the module after what is in it"))
    })
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_found_as_file_and_as_folder() {
        let found = |path: &str| empty_words(&Source::new(path, "")).len();
        for word in EMPTY_WORDS {
            assert_eq!(found(&format!("crates/a/src/{word}.rs")), 1);
            assert_eq!(found(&format!("crates/a/src/{word}/journal.rs")), 1);
        }
        assert_eq!(found("crates/a/src/commonality.rs"), 0);
        assert_eq!(found("docs/common.md"), 0);
    }
}
