//! The house rules: what the compiler does not check and reviewers should not have to.
//!
//! A rule is a pure function from data ([`Source`]s, the lock file, cargo's packages) to [`Finding`]s, and each has a
//! test that shows it failing.
//! Only this file reads anything.
//! To add a rule, write the function, call it in [`findings`], and say in its text what to do.

mod boundaries;
mod foreign;
mod lockfile;
mod manifests;
mod names;
mod promises;
mod review;
mod source;
mod text;

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, bail};

use self::boundaries::Package;
use self::source::Source;
use crate::{process, terminal, workspace};

/// Something that breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Finding {
    path: String,
    /// Counted from 1; absent when the whole file is meant.
    line: Option<usize>,
    text: String,
}

impl Finding {
    fn file(path: &str, text: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line: None, text: text.into() }
    }

    fn line(path: &str, line: usize, text: impl Into<String>) -> Finding {
        Finding { line: Some(line), ..Finding::file(path, text) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.text),
            None => write!(f, "{}: {}", self.path, self.text),
        }
    }
}

/// Everything that the rules look at.
#[derive(Debug)]
struct Tree {
    sources: Vec<Source>,
    packages: Vec<Package>,
    /// What `cargo tree` resolves for single packages, see [`boundaries::RESOLVED_ALONE`].
    resolved: Vec<(&'static str, String)>,
}

/// Checks the rules; what must not turn an old or unfinished state red is only a warning.
pub(crate) fn run() -> anyhow::Result<()> {
    let tree = read_tree()?;
    let due = review::passed(&tree.sources, SystemTime::now());
    for finding in due.iter().chain(&promises::without_test(&tree.sources)) {
        terminal::note(&format!("warning: {finding}"));
    }
    report(&findings(&tree), "house rules are broken")
}

/// Checks the review dates.
pub(crate) fn run_review_due() -> anyhow::Result<()> {
    report(&review::passed(&read_sources()?, SystemTime::now()), "event reviews are due")
}

fn report(findings: &[Finding], what: &str) -> anyhow::Result<()> {
    for finding in findings {
        terminal::out(&finding.to_string());
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("{what}: {count}, listed above"),
    }
}

/// Applies all rules.
fn findings(tree: &Tree) -> Vec<Finding> {
    let mut found = boundaries::undeclared_edges(&tree.packages);
    found.extend(boundaries::forbidden_features(&tree.packages));
    for (package, resolved) in &tree.resolved {
        found.extend(boundaries::resolved_alone(package, resolved));
    }
    found.extend(manifests::package_fields(&tree.packages));
    for source in &tree.sources {
        found.extend(foreign::names_of_foreign_things(source));
        found.extend(lockfile::budget_and_bans(source));
        found.extend(manifests::workspace_lints(source));
        found.extend(names::empty_words(source));
        found.extend(text::long_overview(source));
        found.extend(text::module_doc(source));
        found.extend(text::unfinished(source));
        found.extend(text::too_long(source));
        found.extend(text::trailing_space(source));
    }
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    found
}

fn read_tree() -> anyhow::Result<Tree> {
    let packages = boundaries::packages(&workspace::metadata()?);
    let mut resolved = Vec::new();
    for package in boundaries::RESOLVED_ALONE {
        resolved.push((package, process::stdout(workspace::cargo().args(boundaries::tree_args(package)))?));
    }
    Ok(Tree { sources: read_sources()?, packages, resolved })
}

fn read_sources() -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    read_folder(&workspace::root(), "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Reads all text files below a folder; build products and hidden folders that are not ours stay out.
fn read_folder(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(|| format!("cannot look at {path}"))?;
        if kind.is_dir() {
            let skipped = matches!(name.as_str(), "target" | "node_modules")
                || (name.starts_with('.') && !matches!(name.as_str(), ".cargo" | ".ci" | ".config"));
            if !skipped {
                read_folder(&entry.path(), &format!("{path}/"), sources)?;
            }
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                sources.push(Source::new(path, text));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_keeps_its_rules() {
        let found = findings(&read_tree().unwrap());
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }

    #[test]
    fn the_rules_look_at_the_files_they_are_for() {
        let paths: Vec<_> = read_sources().unwrap().into_iter().map(|source| source.path).collect();
        for path in ["Cargo.lock", ".ci/run", "xtask/src/tidy.rs", "crates/docker-agent/src/main.rs"] {
            assert!(paths.iter().any(|found| found == path), "{path} is not read");
        }
        assert!(!paths.iter().any(|path| path.starts_with(".git/") || path.contains("target/")));
    }
}
