//! HTTP in, JSON out: the real server with a real SQLite file, on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod catalogues;
mod crash;
mod harness;
mod ingest;
mod live;
mod page;
mod process;
mod reading;
mod refusals;
mod summary;
