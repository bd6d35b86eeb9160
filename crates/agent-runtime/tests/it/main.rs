//! Tests at the boundary: agent files, user messages and a provider's bytes in; events, files and counts out.
#![expect(unreachable_pub, reason = "modules of one test binary")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod alloy;
mod cassettes;
mod chat;
mod compaction;
mod config;
mod conversations;
mod endpoints;
mod fallback;
mod filesystem;
mod formats;
mod headers;
mod jobs;
mod killed;
mod many;
mod mcp;
mod mcp_servers;
mod messages;
mod mutations;
mod permissions;
mod prices;
mod provider_errors;
mod responses;
mod rubbish;
mod server;
mod setup;
mod shell;
mod sse;
mod stored;
mod teams;
mod telemetry;
mod toolsets;
