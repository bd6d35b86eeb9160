//! One module per foreign thing: a library that may have to be replaced is named in one place.
//!
//! The same table form keeps the process itself foreign to libraries: environment, arguments and home folder are
//! handed in by programs.

use super::Finding;
use super::source::{Source, words};

/// A foreign crate, by its name in code, and the modules and folders that may name it.
///
/// `a/b` stands for `a/b.rs` and everything below `a/b/`.
const ONLY_IN: [(&str, &[&str]); 20] = [
    ("askama", &["crates/telemetry-collector/src/page", "crates/telemetry-collector/src/routes/page"]),
    ("axum", &WEB),
    ("cargo_metadata", &["xtask/src/tidy/boundaries", "xtask/src/workspace"]),
    (
        "clap",
        &[
            "crates/docker-agent/src",
            "crates/telemetry-collector/src/cli",
            "crates/telemetry-collector/src/main",
            "examples/acme/src",
            "xtask/src",
        ],
    ),
    ("clap_complete", &["crates/docker-agent/src/commands/completion"]),
    ("clap_mangen", &["crates/docker-agent/src/commands/reference/man"]),
    ("clickhouse", &["crates/telemetry-collector/src/store/clickhouse"]),
    ("hyper", &["crates/telemetry-collector/src/server"]),
    ("hyper_util", &["crates/telemetry-collector/src/server"]),
    ("ignore", &["crates/agent-runtime/src/tools/filesystem/search"]),
    ("reqwest", &["crates/agent-runtime/src/http"]),
    ("ring", &["crates/telemetry-collector/src/access/session"]),
    ("rmcp", &["crates/agent-runtime/src/tools/mcp"]),
    ("rusqlite", &["bench/load/src/sqlite", "crates/telemetry-collector/src/store/sqlite"]),
    (
        "rustls",
        &[
            "crates/agent-runtime/src/http",
            "crates/agent-telemetry/src/transport/http_enabled",
            "crates/telemetry-collector/src/cli/target",
            "crates/telemetry-collector/src/server/tls",
        ],
    ),
    ("rustyline", &["crates/docker-agent/src/commands/run/prompt/line"]),
    ("serde_saphyr", &["crates/agent-runtime/src/yaml"]),
    ("signal_hook", &["crates/docker-agent/src/output/stoppable", "xtask/src/process"]),
    ("similar", &["crates/agent-runtime/src/tools/diff"]),
    (
        "ureq",
        &[
            "crates/agent-telemetry/src/transport/http_enabled",
            "crates/telemetry-collector/src/cli/target",
            "xtask/src/bench/collector/answers",
            "xtask/src/demo/http",
        ],
    ),
];

/// The collector's web layer: routes, what stands before them, and how errors become responses.
const WEB: [&str; 5] = [
    "crates/telemetry-collector/src/access",
    "crates/telemetry-collector/src/error",
    "crates/telemetry-collector/src/router",
    "crates/telemetry-collector/src/routes",
    "crates/telemetry-collector/src/server",
];

/// What a library must not ask of the process, as named after `env::`.
const PROCESS: [&str; 10] = [
    "args",
    "args_os",
    "current_dir",
    "current_exe",
    "home_dir",
    "temp_dir",
    "var",
    "var_os",
    "vars",
    "vars_os",
];

/// The modules and folders that may ask the process.
const MAY_ASK_PROCESS: [&str; 6] = [
    "bench",
    "crates/agent-telemetry/src/inputs",
    "crates/docker-agent/src",
    "crates/telemetry-collector/src/main",
    "examples/acme/src/main",
    "xtask/src",
];

/// Finds foreign names outside of their modules; tests may name anything.
pub(super) fn names_of_foreign_things(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.code_lines() {
        for (at, word) in words(&line) {
            let before = line[..at].trim_end();
            let after = line[at + word.len()..].trim_start();
            let text = if let Some((name, modules)) = ONLY_IN.iter().find(|(name, _)| *name == word)
                && names_a_crate(before, after)
                && !is_in(&source.path, modules)
            {
                format!("only {} may name {name}", modules.join(", "))
            } else if before.ends_with("env::")
                && PROCESS.contains(&word)
                && !is_in(&source.path, &MAY_ASK_PROCESS)
            {
                format!("a library takes data: have the program hand in what `env::{word}` says")
            } else {
                continue;
            };
            found.push(Finding::line(&source.path, number, text));
        }
    }
    found.dedup();
    found
}

/// Returns whether the text around a word makes it the name of a crate and not of something of ours.
fn names_a_crate(before: &str, after: &str) -> bool {
    let starts_a_path = !before.ends_with("::") || before.ends_with(" ::") || before == "::";
    let imported = before.ends_with("use") || before.ends_with("crate");
    starts_a_path && (after.starts_with("::") || imported)
}

fn is_in(path: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<Option<usize>> {
        names_of_foreign_things(&Source::new(path, text)).iter().map(|found| found.line).collect()
    }

    #[test]
    fn a_foreign_crate_outside_of_its_module_is_found() {
        for (name, _) in ONLY_IN {
            let stranger = "crates/agent-telemetry/src/journal.rs";
            assert_eq!(lines(stranger, &format!("use {name}::Client;")), [Some(1)]);
            assert_eq!(lines(stranger, &format!("use std;\nuse {name};")), [Some(2)]);
            assert_eq!(lines(stranger, &format!("fn f() -> {name}::Error {{}}")), [Some(1)]);
            assert_eq!(
                lines(stranger, &format!("// {name}::Client\nlet {name} = 1;\nuse crate::{name}::A;")),
                []
            );
        }
    }

    #[test]
    fn the_module_itself_and_tests_may_name_it() {
        assert_eq!(lines("crates/agent-runtime/src/http.rs", "use reqwest::Client;"), []);
        assert_eq!(lines("crates/agent-runtime/src/http/retry.rs", "use reqwest::Client;"), []);
        assert_eq!(lines("crates/agent-runtime/src/httpd.rs", "use reqwest::Client;"), [Some(1)]);
        assert_eq!(lines("crates/telemetry-collector/tests/it/a.rs", "use rusqlite::Connection;"), []);
    }

    #[test]
    fn a_library_that_asks_the_process_is_found() {
        let text =
            "let a = std::env::var(\"HOME\");\nlet b = env!(\"A\");\nlet c = self.env.vars();\nenv::args();";
        assert_eq!(lines("crates/agent-runtime/src/a.rs", text), [Some(1), Some(4)]);
        assert_eq!(lines("crates/docker-agent/src/a.rs", text), []);
    }
}
