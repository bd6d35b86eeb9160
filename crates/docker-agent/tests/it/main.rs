//! The real program: arguments and environment in; stdout, stderr, exit code, files and requests out.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking, their helpers too")]

mod arguments;
mod canaries;
mod debug;
mod docker;
mod dry_run;
mod errors;
mod looking;
mod mcp_servers;
mod models;
mod p1_told_first;
mod p2_off;
mod p7_visible;
mod p8_wrapped;
mod p9_free;
mod page;
mod piece_by_piece;
mod plugin;
mod real_model;
mod recorded;
mod run;
mod screens;
mod server;
mod sessions;
mod setup;
mod surroundings;
mod telemetry;
mod terminal;
mod tools;
