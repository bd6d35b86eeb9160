//! For tests of tools that embed this crate: recording into memory, and a collector that does as it is told.
//!
//! [`capture`] and [`capture_with`] need no file, no thread and no socket, and are what most tests want:
//!
//! ```
//! use agent_telemetry::testing::capture;
//!
//! let (cx, capture) = capture();
//! cx.record_token_usage("gpt-4", 100, 50, 0.01);
//!
//! assert_eq!(capture.only("token")["total_tokens"], 150);
//! assert_eq!(capture.count("session.end"), 0);
//! capture.assert_no_text(&["a prompt that must not leak"]);
//! ```
//!
//! [`FakeCollector`] is for tests of the whole way, up to the bytes of the requests.

mod assertions;
mod collector;
mod http;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use self::collector::{Behaviour, FakeCollector, ReceivedRequest};
use crate::catalogue;
use crate::catalogue::Catalogue;
use crate::context::Cx;
use crate::events::{CommandEnded, SessionEnded, SessionStarted, TokensUsed, ToolCalled};
use crate::telemetry::Telemetry;

catalogue! {
    static CATALOGUE = {
        events: [CommandEnded, SessionStarted, SessionEnded, ToolCalled, TokensUsed],
        commands: ["test"],
        flags: [],
    };
}

/// The records of a test, in order.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Capture {
    /// The records so far, as they would be sent.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        assertions::parse(&self.lines())
    }

    /// The records so far, byte for byte as they would be sent.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    assertions::questions!("were recorded");

    /// Looks for texts that must not be in any record, in upper or lower case.
    ///
    /// # Panics
    ///
    /// When one of them is there; says where.
    #[track_caller]
    pub fn assert_no_text(&self, texts: &[&str]) {
        for (at, line) in self.lines().iter().enumerate() {
            assertions::no_text(&format!("record {at}"), line.as_bytes(), texts);
        }
    }
}

/// A context that records into memory: no file, no thread, no socket.
///
/// It knows the events of this crate and the command `test`; see [`capture_with`] for a tool's own.
#[must_use]
pub fn capture() -> (Cx, Capture) {
    let (telemetry, capture) = capture_with("test", "0.0.0", &CATALOGUE);
    (telemetry.cx(), capture)
}

/// A tool's telemetry that records into memory: no file, no thread, no socket.
///
/// ```
/// use agent_telemetry::{Ended, catalogue, events::CommandEnded, testing::capture_with};
///
/// catalogue! {
///     static CATALOGUE = { events: [CommandEnded], commands: ["greet"], flags: ["loud"] };
/// }
///
/// let (telemetry, capture) = capture_with("acme", "1.2.3", &CATALOGUE);
/// telemetry.command_with("greet", &["loud"], |_cx| Ended::SUCCESS);
/// assert_eq!(capture.only("command.greet")["flags"][0], "loud");
/// ```
#[must_use]
pub fn capture_with(
    app: &'static str,
    version: &'static str,
    catalogue: &'static Catalogue,
) -> (Telemetry, Capture) {
    let capture = Capture::default();
    let lines = Arc::clone(&capture.lines);
    let telemetry = Telemetry::builder(app, version, catalogue)
        .memory_only()
        .observer(move |record| {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(record.to_owned());
        })
        .build();
    (telemetry, capture)
}
