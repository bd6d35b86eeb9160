//! Recording into memory, for tests of code that records.
//!
//! ```
//! let (cx, capture) = agent_telemetry::testing::capture();
//! cx.record_token_usage("gpt-4", 100, 50, 0.01);
//! assert_eq!(capture.records()[0]["properties"]["total_tokens"], 150);
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::catalogue;
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
    records: Arc<Mutex<Vec<Value>>>,
}

impl Capture {
    /// The records so far, as they would be sent.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A context that records into memory: no file, no thread, no socket.
#[must_use]
pub fn capture() -> (Cx, Capture) {
    let capture = Capture::default();
    let records = Arc::clone(&capture.records);
    let telemetry = Telemetry::builder("test", "0.0.0", &CATALOGUE)
        .memory_only()
        .observer(move |record| {
            if let Ok(value) = serde_json::from_str(record) {
                records.lock().unwrap_or_else(PoisonError::into_inner).push(value);
            }
        })
        .build();
    (telemetry.cx(), capture)
}
