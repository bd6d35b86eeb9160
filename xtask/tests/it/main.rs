//! The promises, kept by the programs that users get: release builds, real files, real processes, real faults.
//!
//! The programs come from `RELEASE_BIN_DIR`; see ARCHITECTURE.md for what happens without it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by failing")]

mod canary;
mod chat;
mod consent;
mod contract;
mod killed;
mod machine;
mod network;
mod sink;
mod soak;
mod traced;
