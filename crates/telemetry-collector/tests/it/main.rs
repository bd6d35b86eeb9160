//! HTTP in, JSON out: the real server with a real SQLite file, on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod asking;
mod catalogues;
mod contract;
mod crash;
mod formats;
mod harness;
mod ingest;
mod live;
mod maintenance;
mod metrics;
mod page;
mod process;
mod reading;
mod reading_by_command;
mod refusals;
mod summary;
mod views;
