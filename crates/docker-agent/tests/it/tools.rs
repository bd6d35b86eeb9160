//! Programs that tests need and that not every machine has.

use std::io::Write as _;
use std::path::PathBuf;

/// Finds a program in the search path. Where it is absent, the test that needs it is skipped, or fails if nothing may be.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let may_skip = std::env::var("REQUIRE_TOOLS").as_deref() != Ok("1");
        assert!(may_skip, "{name} is missing, and REQUIRE_TOOLS=1 says that nothing may be skipped");
        let _ = writeln!(std::io::stderr(), "skipped: {name} is missing");
    }
    found
}
