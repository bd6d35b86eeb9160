//! HTTP in, JSON out: the real server with a real SQLite file, on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod asking;
mod browser;
mod catalogues;
mod contract;
mod crash;
mod engine;
mod faults;
mod files;
mod formats;
mod fuzz;
mod go_client;
mod harness;
mod html;
mod ingest;
mod limits;
mod live;
mod login;
mod maintenance;
mod metrics;
mod model;
mod page;
mod process;
mod proxy;
mod reading;
mod reading_by_command;
mod refusals;
mod shared_store;
mod summary;
mod tls;
mod traced;
mod verdict;
mod views;
