//! The work that every peer program does, with or without its telemetry client.
//!
//! The work is a command that calls tools: synthetic values, and a pause between two calls. It is the same for all
//! clients, and the same with telemetry off, so the difference between two runs is the client.
//! No client is named here, and no client's behaviour is mended here.

use std::hint::black_box;
use std::time::Duration;

/// The calls of a short run: a command that does one thing.
const SHORT_CALLS: u32 = 1;
/// The calls of a session.
const SESSION_CALLS: u32 = 23;
/// The work between two calls.
const PAUSE: Duration = Duration::from_millis(20);

/// One tool call, the event that is reported.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// What happened to the tool: always `call`.
    pub action: &'static str,
    /// The conversation that the call belongs to.
    pub session_id: String,
    /// The agent that called.
    pub agent_name: &'static str,
    /// The tool that was called.
    pub tool_name: &'static str,
    /// Where the tool comes from.
    pub tool_kind: &'static str,
    /// How long the call took, in milliseconds.
    pub duration_ms: i64,
    /// How the call ended: `ok` or `error`.
    pub outcome: &'static str,
    /// Whether it ended well.
    pub is_success: bool,
    /// The class of the error, if it did not.
    pub error: Option<&'static str>,
    /// The operating system.
    pub os: &'static str,
    /// The processor's architecture.
    pub arch: &'static str,
}

impl ToolCall {
    /// Makes the values of call number `index` up: every eighth call fails.
    fn synthetic(index: u32) -> Self {
        const TOOLS: [(&str, &str); 4] =
            [("read_file", "builtin"), ("shell", "builtin"), ("search_issues", "mcp"), ("deploy", "script")];
        let (tool_name, tool_kind) = TOOLS[index as usize % TOOLS.len()];
        let failed = index % 8 == 7;
        Self {
            action: "call",
            session_id: "0193a5f0-7c1e-7d43-9b6a-2f4e8c5d1a70".to_owned(),
            agent_name: "reviewer",
            tool_name,
            tool_kind,
            duration_ms: i64::from(index * 37 % 500),
            outcome: if failed { "error" } else { "ok" },
            is_success: !failed,
            error: failed.then_some("timeout"),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        }
    }
}

/// What one run is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the client sends to; `None` with telemetry off.
    pub endpoint: Option<String>,
    calls: u32,
}

impl Run {
    /// The arguments that [`Run::from_args`] takes.
    pub const USAGE: &str = "off|on BASE_URL short|session";

    /// Reads the arguments after the program's name; `None` if they are not [`Run::USAGE`].
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut args = args.into_iter();
        let (switch, base_url, length) = (args.next()?, args.next()?, args.next()?);
        let endpoint = match switch.as_str() {
            "off" => None,
            "on" => Some(base_url.trim_end_matches('/').to_owned()),
            _ => return None,
        };
        let calls = match length.as_str() {
            "short" => SHORT_CALLS,
            "session" => SESSION_CALLS,
            _ => return None,
        };
        args.next().is_none().then_some(Self { endpoint, calls })
    }

    /// Does the work and hands each call to `record` as it ends.
    pub fn work(&self, mut record: impl FnMut(ToolCall)) {
        for index in 0..self.calls {
            if index > 0 {
                std::thread::sleep(PAUSE);
            }
            record(black_box(ToolCall::synthetic(index)));
        }
    }

    /// Does the work without telemetry.
    pub fn work_unobserved(&self) {
        self.work(|call| {
            black_box(call);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    fn run(line: &str) -> Option<Run> {
        Run::from_args(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn reads_its_arguments() {
        let off = Run { endpoint: None, calls: 1 };
        assert_eq!(run("off http://127.0.0.1:1 short"), Some(off));
        let on = Run { endpoint: Some("http://127.0.0.1:1".to_owned()), calls: 23 };
        assert_eq!(run("on http://127.0.0.1:1/ session"), Some(on));
        for wrong in ["", "on", "on http://127.0.0.1:1", "maybe x short", "on x long", "on x short more"] {
            assert_eq!(run(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_short_run_records_once() {
        let mut calls = Vec::new();
        Run { endpoint: None, calls: 1 }.work(|call| calls.push(call));
        assert_eq!(calls.len(), 1);
        assert!(calls[0].is_success);
    }
}
