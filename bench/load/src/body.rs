//! A request with fresh event ids each time: made once, then patched in place, so that load costs little to make.

use std::fmt::Write as _;

/// Where an id's last 12 digits stand, and how many there are.
const COUNTER_DIGITS: usize = 12;

/// A request whose ids can be changed.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the counters of the event ids start.
    counters: Vec<usize>,
    next: u64,
}

impl Request {
    /// `records` tool calls of one installation; `lane` keeps ids of different connections and runs apart.
    pub fn new(host: &str, records: u64, lane: u64, now_ms: u64) -> Self {
        let mut body = String::from("{\"records\":[");
        for index in 0..records {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&record(lane, index, now_ms));
        }
        body.push_str("]}");
        let head = format!(
            "POST /events/v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             User-Agent: docker-agent/1.2.3\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let text = head + &body;
        let mark = "\"event_id\":\"";
        let counters = text.match_indices(mark).map(|(at, _)| at + mark.len() + 36 - COUNTER_DIGITS).collect();
        Self { bytes: text.into_bytes(), counters, next: 0 }
    }

    /// The bytes with ids that were never used.
    pub fn fresh(&mut self) -> &[u8] {
        for at in &self.counters {
            self.next += 1;
            let mut rest = self.next;
            for digit in self.bytes[*at..*at + COUNTER_DIGITS].iter_mut().rev() {
                *digit = b"0123456789abcdef"[(rest & 15) as usize];
                rest >>= 4;
            }
        }
        &self.bytes
    }
}

fn record(lane: u64, index: u64, now_ms: u64) -> String {
    let tool = ["read_file", "shell", "edit_file", "search_files_content"][(index % 4) as usize];
    let mut text = String::new();
    // A version 7 id begins with its time, so ids of one moment lie together, as those of real clients do.
    let _ = write!(
        text,
        "{{\"event_id\":\"{:08x}-{:04x}-7{:03x}-8{:03x}-000000000000\",\"event\":\"tool\",\"event_timestamp\":{now_ms},\
         \"source\":\"docker-agent\",\"properties\":{{\"action\":\"call\",\
         \"session_id\":\"5e551011-0000-4000-8000-{:012x}\",\"agent_name\":\"root\",\"tool_name\":\"{tool}\",\
         \"tool_kind\":\"builtin\",\"duration_ms\":{},\"outcome\":\"ok\",\"is_success\":true,\
         \"user_uuid\":\"1257a11a-0000-4000-8000-{:012x}\",\"version\":\"1.2.3\",\"os\":\"linux\",\"arch\":\"amd64\",\
         \"os_language\":\"en-US\",\"caller\":\"human\",\"schema\":1}}}}",
        now_ms >> 16,
        now_ms & 0xffff,
        lane >> 12 & 0xfff,
        lane & 0xfff,
        lane,
        20 + index * 7,
        lane,
    );
    text
}
