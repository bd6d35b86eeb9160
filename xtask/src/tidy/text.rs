//! What every file keeps: a module doc, a bearable length, nothing unfinished, no trailing space.

use super::Finding;
use super::source::{Class, Source, words};

/// The most lines that a Rust file may have without giving a reason.
const MAX_LINES: usize = 500;

/// The most lines of `ARCHITECTURE.md`, so that people read it.
const MAX_OVERVIEW_LINES: usize = 200;

/// Begins the comment that gives the reason for a long file.
const LONG_FILE: &str = "// long file: ";

/// Endings of files whose lines are ours to keep clean.
const CLEAN_ENDINGS: [&str; 10] =
    [".rs", ".toml", ".md", ".sh", ".css", ".html", ".js", ".mjs", ".yml", ".ci/run"];

/// Folders whose files are kept as others wrote them, or as programs recorded them.
const KEPT_AS_IS: [&str; 5] = ["/vendor/", "/recordings/", "/snapshots/", "/fixtures/", "/ui/"];

/// Finds Rust files that do not begin by saying what they are for; test code may.
pub(super) fn module_doc(source: &Source) -> Vec<Finding> {
    let missing = source.is_rust() && !source.is_test() && !source.text.trim_start().starts_with("//!");
    missing
        .then(|| {
            Finding::file(&source.path, "begin with a `//!` doc: what the module is for, what it must not do")
        })
        .into_iter()
        .collect()
}

/// Finds code that was left for later and tests that do not run.
pub(super) fn unfinished(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in source.code_lines().filter(|_| source.is_rust()) {
        for (at, word) in words(&line) {
            let before = line[..at].trim_end();
            let after = line[at + word.len()..].trim_start();
            let text = match word {
                "todo" | "unimplemented" if after.starts_with('!') && !after.starts_with("!=") => {
                    format!("`{word}!` must not be committed")
                }
                "ignore" if before.ends_with("#[") || before.ends_with(',') && line.contains("cfg_attr") => {
                    "a test that does not run proves nothing: fix it or delete it".to_owned()
                }
                _ => continue,
            };
            found.push(Finding::line(&source.path, number, text));
        }
    }
    found
}

/// Finds long Rust files that give no reason.
pub(super) fn too_long(source: &Source) -> Vec<Finding> {
    let count = source.text.lines().count();
    let reason = source.lines_of(Class::Comment).any(|(_, line)| {
        line.trim_start().strip_prefix(LONG_FILE).is_some_and(|reason| !reason.trim().is_empty())
    });
    (source.is_rust() && count > MAX_LINES && !reason)
        .then(|| {
            let text =
                format!("{count} lines: split it by meaning, or give the reason in a `{LONG_FILE}…` line");
            Finding::file(&source.path, text)
        })
        .into_iter()
        .collect()
}

/// Finds an overview that is none any more.
pub(super) fn long_overview(source: &Source) -> Vec<Finding> {
    let count = source.text.lines().count();
    (source.path == "ARCHITECTURE.md" && count > MAX_OVERVIEW_LINES)
        .then(|| {
            let text =
                format!("{count} lines, at most {MAX_OVERVIEW_LINES}: move details to where they apply");
            Finding::file(&source.path, text)
        })
        .into_iter()
        .collect()
}

/// Finds white space at the end of lines, except inside of Rust literals.
pub(super) fn trailing_space(source: &Source) -> Vec<Finding> {
    let clean = CLEAN_ENDINGS.iter().any(|ending| source.path.ends_with(ending))
        && !KEPT_AS_IS.iter().any(|folder| source.path.contains(folder));
    let lines = source.text.split('\n').enumerate().filter(|_| clean);
    lines
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(index, _)| index + 1)
        .filter(|number| !source.breaks_inside_literal(*number))
        .map(|number| Finding::line(&source.path, number, "trailing space"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> Source {
        Source::new("crates/a/src/a.rs", text)
    }

    #[test]
    fn a_file_without_a_module_doc_is_found() {
        assert_eq!(module_doc(&rust("use a;\n")).len(), 1);
        assert_eq!(module_doc(&rust("")).len(), 1);
        assert_eq!(module_doc(&rust("//! Says it.\n")), []);
        assert_eq!(module_doc(&Source::new("crates/a/tests/it/b.rs", "use a;\n")), []);
    }

    #[test]
    fn unfinished_code_and_ignored_tests_are_found() {
        let lines = |text: &str| unfinished(&rust(text)).iter().map(|f| f.line).collect::<Vec<_>>();
        assert_eq!(lines("fn f() {\n    todo!()\n}"), [Some(2)]);
        assert_eq!(lines("unimplemented!(\"x\")"), [Some(1)]);
        assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn f() {}"), [Some(2)]);
        assert_eq!(lines("#[cfg_attr(ci, ignore)]"), [Some(1)]);
        assert_eq!(lines("// todo!()\nlet ignore = todo != \"todo!\";"), []);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = "x\n".repeat(MAX_LINES + 1);
        assert_eq!(too_long(&rust(&long)).len(), 1);
        assert_eq!(too_long(&rust(&"x\n".repeat(MAX_LINES))), []);
        assert_eq!(too_long(&rust(&format!("// long file: one table\n{long}"))), []);
        assert_eq!(too_long(&rust(&format!("// long file: \n{long}"))).len(), 1);
        assert_eq!(too_long(&rust(&format!("const A: &str = \"// long file: no\";\n{long}"))).len(), 1);
    }

    #[test]
    fn an_overview_that_grew_is_found() {
        let overview = |lines: usize| Source::new("ARCHITECTURE.md", "x\n".repeat(lines));
        assert_eq!(long_overview(&overview(MAX_OVERVIEW_LINES)), []);
        assert_eq!(long_overview(&overview(MAX_OVERVIEW_LINES + 1)).len(), 1);
    }

    #[test]
    fn trailing_space_is_found_where_it_means_nothing() {
        let lines =
            |path, text| trailing_space(&Source::new(path, text)).iter().map(|f| f.line).collect::<Vec<_>>();
        assert_eq!(lines("a.md", "x\ny \nz\t\n"), [Some(2), Some(3)]);
        assert_eq!(lines("a.rs", "x \n// y \nlet z = \"a \n  \n\"; \n"), [Some(1), Some(2), Some(5)]);
        assert_eq!(lines("examples/recordings/a.yml", "x \n"), []);
    }
}
