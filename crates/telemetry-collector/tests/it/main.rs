//! HTTP in, JSON out: the real server with a real SQLite file, on loopback.

mod access;
mod crash;
mod harness;
mod ingest;
mod live;
mod page;
mod process;
mod reading;
mod refusals;
mod summary;
