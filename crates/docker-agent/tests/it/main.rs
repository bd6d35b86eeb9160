//! The real program: arguments and environment in; stdout, stderr, exit code, files and requests out.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking, their helpers too")]

mod arguments;
mod canaries;
mod docker;
mod errors;
mod looking;
mod p1_told_first;
mod p2_off;
mod p7_visible;
mod p8_wrapped;
mod p9_free;
mod page;
mod plugin;
mod run;
mod screens;
mod server;
mod setup;
mod surroundings;
mod telemetry;
mod terminal;
mod tools;
