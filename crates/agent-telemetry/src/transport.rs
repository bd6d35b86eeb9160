//! How a request leaves: a trait, so that tests and other tools can stand in for HTTP.

#[cfg(feature = "http")]
#[path = "transport/http_enabled.rs"]
mod http;
#[cfg(not(feature = "http"))]
#[path = "transport/http_disabled.rs"]
mod http;

use std::fmt;
use std::time::Duration;

pub(crate) use http::connect;

use crate::delivery::Response;

/// A request as it is sent and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Something that carries requests; built and used on the sender's thread only.
pub(crate) trait Transport {
    /// Sends one request and reads its answer, all within `timeout`.
    fn send(&mut self, request: &Request, timeout: Duration) -> Result<Response, Failure>;
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "builds without `http` only say that they cannot send")
)]
pub(crate) enum Failure {
    /// The name has no address.
    Resolve,
    /// No connection.
    Connect,
    /// The time was up.
    Timeout,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// TLS failed.
    Tls,
    /// This build cannot send.
    #[cfg_attr(feature = "http", expect(dead_code, reason = "builds without `http` say so"))]
    NotBuilt,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the host's name was not found",
            Self::Connect => "no connection",
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection broke",
            Self::Tls => "no secure connection",
            Self::NotBuilt => "this build cannot send",
        })
    }
}
