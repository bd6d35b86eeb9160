//! The pages: HTTP in, HTML out, without a script.

mod form;
mod hostile;
mod numbers;
mod whole;

/// Every page with its name for programs.
pub(crate) const PAGES: [(&str, &str); 11] = [
    ("/", "overview"),
    ("/commands", "commands"),
    ("/tools", "tools"),
    ("/tools/shell", "tool"),
    ("/models", "models"),
    ("/sessions", "sessions"),
    ("/adoption", "adoption"),
    ("/retention", "retention"),
    ("/health", "health"),
    ("/collected", "collected"),
    ("/live", "live"),
];
/// The range of [`crate::views::populated`].
pub(crate) const RANGE: &str = "from=2026-11-09&to=2026-11-22";
