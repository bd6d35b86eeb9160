//! Servers on loopback: one that collects, one that chats. They remember every connection and every byte.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than anything here takes; a test that waits for this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }
}

type Handler = Box<dyn Fn(&Got, &mut TcpStream) -> std::io::Result<()> + Send + Sync>;

#[derive(Default)]
struct Seen {
    connections: usize,
    got: Vec<Got>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    handler: Handler,
}

#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    port: u16,
}

/// What makes a connection of ours known to the server.
const SENTINEL: &str = "GET /sentinel";

impl Server {
    /// Answers each request with what the handler says: the whole response.
    pub(crate) fn start(handler: impl Fn(&Got) -> String + Send + Sync + 'static) -> Self {
        Self::writing(move |got, stream| stream.write_all(handler(got).as_bytes()))
    }

    /// Has the handler write each response itself, piece by piece.
    pub(crate) fn writing(
        handler: impl Fn(&Got, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Shared { seen: Mutex::default(), changed: Condvar::new(), handler: Box::new(handler) };
        let shared = Arc::new(shared);
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                own.seen.lock().unwrap().connections += 1;
                let shared = Arc::clone(&own);
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { shared, port }
    }

    /// A collector that takes everything.
    pub(crate) fn collector() -> Self {
        Self::start(|_| answer(200, "application/json", "{}"))
    }

    /// A model that gives these answers, one after the other.
    pub(crate) fn chat(answers: impl IntoIterator<Item = String>) -> Self {
        let answers: Mutex<VecDeque<String>> = Mutex::new(answers.into_iter().collect());
        Self::start(move |_| {
            let next = answers.lock().unwrap().pop_front();
            next.map_or_else(
                || answer(500, "application/json", r#"{"error":{"message":"no more answers"}}"#),
                |body| answer(200, "text/event-stream", &body),
            )
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/events/v1/track", self.port)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.seen.lock().unwrap().got.clone()
    }

    /// How many connections others made so far. Connections are accepted in order, so one of ours comes after all
    /// that a process made before it ended.
    pub(crate) fn connections(&self) -> usize {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(format!("{SENTINEL} HTTP/1.1\r\n\r\n").as_bytes()).expect("a request");
        let mut end = String::new();
        let _ = stream.read_to_string(&mut end);
        let mut seen = self.shared.seen.lock().unwrap();
        seen.connections -= 1;
        seen.connections
    }

    /// The records of all requests, in order of arrival, each once: a process that ended before it was answered leaves
    /// its records to the next one, which sends the same bytes again.
    pub(crate) fn records(&self) -> Vec<Value> {
        let mut records: Vec<Value> = Vec::new();
        for record in
            self.got().iter().flat_map(|got| got.json()["records"].as_array().cloned().unwrap_or_default())
        {
            match records.iter().find(|known| known["event_id"] == record["event_id"]) {
                Some(known) => assert_eq!(known, &record, "one id, two contents"),
                None => records.push(record),
            }
        }
        records
    }

    /// Waits until that many requests arrived.
    pub(crate) fn wait_for(&self, requests: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.seen.lock().unwrap();
        while seen.got.len() < requests {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {requests} requests, got {}", seen.got.len());
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream) {
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = BufReader::new(stream);
    while let Some(got) = request(&mut reader) {
        if got.head.starts_with(SENTINEL) {
            return;
        }
        shared.seen.lock().unwrap().got.push(got.clone());
        shared.changed.notify_all();
        if (shared.handler)(&got, &mut writer).is_err() {
            return;
        }
    }
}

/// Reads a request; nothing if there is no whole one any more.
pub(crate) fn request(reader: &mut impl BufRead) -> Option<Got> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => head.push_str(&line),
        }
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Got { head, body: String::from_utf8(body).expect("a body of UTF-8") })
}

/// A whole response.
pub(crate) fn answer(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A model that says something.
pub(crate) fn says(text: &str) -> String {
    events(&[json!({"content": text})], "stop")
}

/// A model that asks for a tool.
pub(crate) fn calls(tool: &str, arguments: &Value) -> String {
    let call = json!([{"index": 0, "id": "c1", "type": "function",
                       "function": {"name": tool, "arguments": arguments.to_string()}}]);
    events(&[json!({"tool_calls": call})], "tool_calls")
}

/// The chunks of an answer, with token counts at its end.
pub(crate) fn events(deltas: &[Value], finish: &str) -> String {
    let chunk = |delta: &Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "x", "model": "gpt-4o", "choices": [choice]}))
    };
    let mut out: String = deltas.iter().map(|delta| chunk(delta, None)).collect();
    out += &chunk(&json!({}), Some(finish));
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150});
    out += &format!("data: {}\n\n", json!({"id": "x", "model": "gpt-4o", "choices": [], "usage": usage}));
    out + "data: [DONE]\n\n"
}
