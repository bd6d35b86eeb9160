//! The SDK at its boundary: the public API in, bytes at a transport and files out.
//!
//! Tests that carry a promise are named after it: `p1_…` to `p12_…`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by failing")]

mod consent;
mod definitions;
mod delivery;
mod faults;
mod folder;
mod held;
mod journal;
mod off;
mod process;
mod seen;
mod server;
mod tls;
