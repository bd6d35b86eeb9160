//! `docs/environment.md`.

use std::fmt::Write as _;

use super::{GENERATED, cell};
use crate::environment::GROUPS;

pub(super) fn page() -> String {
    let mut out = format!(
        "# Environment variables\n\n{GENERATED}\n\n\
         A variable that is set to nothing counts as not set.\n\
         `--env-from-file` reads the keys of models from a file; about telemetry such a file can only say no.\n\
         Tools that an agent runs get your environment without the keys of models and of telemetry.\n"
    );
    for group in &GROUPS {
        let _ = writeln!(out, "\n## {}\n\n| variable | meaning |\n|---|---|", group.title);
        for (name, what) in group.variables {
            let _ = writeln!(out, "| `{name}` | {} |", cell(what));
        }
    }
    out
}
