//! Manual pages: one for the program and one for each command.

use agent_telemetry::ErrorClass;
use clap_mangen::Man;

use crate::args;
use crate::failure::Failure;
use crate::startup::NAME;

/// The pages' names, a line each.
pub(super) fn names() -> String {
    let command = args::visible_command();
    let inner = command.get_subcommands().map(|inner| format!("{NAME}-{}\n", inner.get_name()));
    std::iter::once(format!("{NAME}\n")).chain(inner).collect()
}

/// A page by its name.
pub(super) fn page(name: &str) -> Result<String, Failure> {
    let mut command = args::visible_command().disable_help_subcommand(true);
    command.build();
    let found = match name.strip_prefix(NAME).map(|rest| rest.strip_prefix('-')) {
        Some(None) if name == NAME => Some(command),
        Some(Some(inner)) => command.find_subcommand(inner).cloned(),
        _ => None,
    };
    let found = found.ok_or_else(|| Failure::usage(format_args!("there is no manual page {name}")))?;
    let mut page = Vec::new();
    let man =
        Man::new(found).title(name.to_uppercase()).section("1").source(format!("{NAME} {}", crate::VERSION));
    man.render(&mut page).map_err(|error| Failure::new(ErrorClass::Io, error))?;
    // roff's output ends some lines with a space, which means nothing to it.
    let page = String::from_utf8_lossy(&page);
    Ok(page.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}
