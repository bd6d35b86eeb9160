//! Programs that tests need and that not every machine has.

use std::io::Write as _;
use std::path::PathBuf;

/// Finds a program in the search path. Where it is absent, the test that needs it is skipped, or fails if nothing may be.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.or_else(|| missing(name))
}

/// Finds the program of an MCP server that `.ci/mcp-servers` installed into `MCP_SERVERS_DIR`; absent like any other.
pub(crate) fn mcp_server(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MCP_SERVERS_DIR").map(PathBuf::from);
    let found = folder.map(|folder| folder.join(path)).filter(|program| program.exists());
    found.or_else(|| missing(&format!("{path} in MCP_SERVERS_DIR")))
}

fn missing<T>(what: &str) -> Option<T> {
    let may_skip = std::env::var("REQUIRE_TOOLS").as_deref() != Ok("1");
    assert!(may_skip, "{what} is missing, and REQUIRE_TOOLS=1 says that nothing may be skipped");
    let _ = writeln!(std::io::stderr(), "skipped: {what} is missing");
    None
}
