//! The SDK at its boundary: the public API in, bytes at a transport and files out.
//!
//! Tests that carry a promise are named after it: `p1_…` to `p12_…`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by failing")]

mod canaries;
mod consent;
mod context;
mod definitions;
mod delivery;
mod fakes;
mod faults;
mod folder;
mod held;
mod journal;
mod off;
mod process;
mod public_api;
mod refused;
mod schema;
mod seen;
mod server;
mod threads;
mod tls;
mod usage;
