//! A request with fresh event ids each time: made once, then patched in place, so that load costs little to make.

use std::fmt::Write as _;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A request whose ids can be changed.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the event ids start.
    ids: Vec<usize>,
    next: u64,
}

impl Request {
    /// `records` tool calls of one installation; `lane` keeps ids of different connections apart.
    pub fn new(host: &str, records: u64, lane: u64, now_ms: u64) -> Self {
        let records: Vec<String> = (0..records).map(|index| record(lane, index, now_ms)).collect();
        let body = format!("{{\"records\":[{}]}}", records.join(","));
        let head = format!(
            "POST /events/v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             User-Agent: docker-agent/1.2.3\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let text = head + &body;
        let mark = "\"event_id\":\"";
        let ids = text.match_indices(mark).map(|(at, _)| at + mark.len()).collect();
        Self { bytes: text.into_bytes(), ids, next: 0 }
    }

    /// The bytes with ids that were never used: version 7, so that ids of one moment lie together, as those of real
    /// clients do.
    pub fn fresh(&mut self, now_ms: u64) -> &[u8] {
        for at in &self.ids {
            self.next += 1;
            write_hex(&mut self.bytes[*at..*at + 8], now_ms >> 16);
            write_hex(&mut self.bytes[*at + 9..*at + 13], now_ms);
            write_hex(&mut self.bytes[*at + 28..*at + 36], self.next);
        }
        &self.bytes
    }
}

fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number & 15) as usize];
        number >>= 4;
    }
}

fn record(lane: u64, index: u64, now_ms: u64) -> String {
    let tool = ["read_file", "shell", "edit_file", "search_files_content"][(index % 4) as usize];
    let mut text = String::new();
    let _ = write!(
        text,
        "{{\"event_id\":\"00000000-0000-7000-8000-{lane:04x}00000000\",\"event\":\"tool\",\"event_timestamp\":{now_ms},\
         \"source\":\"docker-agent\",\"properties\":{{\"action\":\"call\",\
         \"session_id\":\"5e551011-0000-4000-8000-{:012x}\",\"agent_name\":\"root\",\"tool_name\":\"{tool}\",\
         \"tool_kind\":\"builtin\",\"duration_ms\":{},\"outcome\":\"ok\",\"is_success\":true,\
         \"user_uuid\":\"1257a11a-0000-4000-8000-{:012x}\",\"version\":\"1.2.3\",\"os\":\"linux\",\"arch\":\"amd64\",\
         \"os_language\":\"en-US\",\"caller\":\"human\",\"schema\":1}}}}",
        lane,
        20 + index * 7,
        lane,
    );
    text
}
