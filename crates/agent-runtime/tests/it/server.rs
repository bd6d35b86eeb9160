//! A scripted provider: a real HTTP server on loopback that answers each request with the next script.
//!
//! Every request body is checked on arrival for what providers check; see `rules`. `format` has the same answers in
//! each of the three wire formats.

pub mod format;
mod rules;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What the server does with one request.
pub enum Script {
    /// Answers with these events and ends the stream.
    Events(Vec<String>),
    /// Answers with raw bytes as the body.
    Raw(Vec<u8>),
    /// Answers with a status, headers and a body.
    Refusal(u16, Vec<(&'static str, String)>, String),
    /// Sends the first events, then waits for the gate, then sends the rest.
    Gated(Vec<String>, Receiver<()>, Vec<String>),
    /// Answers with these bytes, one at a time.
    Dripping(Vec<u8>),
    /// Sends these bytes and then nothing, with the connection open until the client closes it.
    Stuck(Vec<u8>),
    /// Sends these events and breaks the connection.
    Broken(Vec<String>),
    /// Closes the connection without a word.
    Hangup,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

pub struct Server {
    pub base_url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let problems = Arc::new(Mutex::new(Vec::new()));
        let scripts = Arc::new(Mutex::new(scripts.into_iter().collect::<std::collections::VecDeque<_>>()));
        let (s, p) = (Arc::clone(&seen), Arc::clone(&problems));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (s, p, scripts) = (Arc::clone(&s), Arc::clone(&p), Arc::clone(&scripts));
                thread::spawn(move || {
                    let Some(request) = read_request(&stream) else { return };
                    rules::check(&request.path, &request.body, &mut p.lock().unwrap());
                    s.lock().unwrap().push(request);
                    let script = scripts.lock().unwrap().pop_front();
                    match script {
                        Some(script) => play(script, stream),
                        None => p.lock().unwrap().push("a request more than was scripted".to_owned()),
                    }
                });
            }
        });
        Self { base_url, seen, problems }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<Value> {
        self.seen().into_iter().map(|seen| seen.body).collect()
    }

    /// Fails the test if a request broke a rule.
    pub fn assert_clean(&self) {
        let problems = self.problems.lock().unwrap();
        assert!(problems.is_empty(), "{problems:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.assert_clean();
        }
    }
}

fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { path, headers, body: serde_json::from_slice(&body).ok()? })
}

fn play(script: Script, mut stream: TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    // A client that has gone is a test's business, not the server's.
    let _gone = (|| -> std::io::Result<()> {
        match script {
            Script::Events(events) => {
                stream.write_all(head.as_bytes())?;
                stream.write_all(sse(&events).as_bytes())
            }
            Script::Raw(bytes) => {
                stream.write_all(head.as_bytes())?;
                stream.write_all(&bytes)
            }
            Script::Refusal(status, headers, body) => {
                let headers: String =
                    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} Refused\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
            }
            Script::Gated(before, gate, after) => {
                stream.write_all(head.as_bytes())?;
                stream.write_all(sse(&before).as_bytes())?;
                stream.flush()?;
                let _opened = gate.recv();
                stream.write_all(sse(&after).as_bytes())
            }
            Script::Broken(events) => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000000\r\n\r\n";
                stream.write_all(head.as_bytes())?;
                stream.write_all(sse(&events).as_bytes())
            }
            Script::Dripping(bytes) => {
                stream.set_nodelay(true)?;
                stream.write_all(head.as_bytes())?;
                bytes.chunks(1).try_for_each(|byte| stream.write_all(byte))
            }
            Script::Stuck(bytes) => {
                stream.write_all(head.as_bytes())?;
                stream.write_all(&bytes)?;
                stream.read(&mut [0]).map(drop)
            }
            Script::Hangup => Ok(()),
        }
    })();
}

/// The bytes of a stream of events; those that have a type of their own are named by it.
pub fn sse(events: &[String]) -> String {
    let event = |data: &String| {
        let json: Value = serde_json::from_str(data).unwrap_or_default();
        let name = json["type"].as_str().map(|kind| format!("event: {kind}\n")).unwrap_or_default();
        format!("{name}data: {data}\n\n")
    };
    events.iter().map(event).collect()
}

/// A gate and its handle.
pub fn gate() -> (Sender<()>, Receiver<()>) {
    channel()
}

/// A chunk of text.
pub fn text(content: &str) -> String {
    chunk(json!({ "content": content }), None)
}

/// A whole tool call in one chunk.
pub fn call(index: u64, id: &str, name: &str, arguments: &Value) -> String {
    chunk(
        json!({ "tool_calls": [{
            "index": index, "id": id, "type": "function",
            "function": { "name": name, "arguments": arguments.to_string() },
        }] }),
        None,
    )
}

/// The last chunk of an answer.
pub fn finish(reason: &str) -> String {
    chunk(json!({}), Some(reason))
}

/// The chunk with the token counts.
pub fn usage(input: u64, output: u64, cached: u64) -> String {
    json!({
        "model": "gpt-4o", "choices": [],
        "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": cached },
        },
    })
    .to_string()
}

pub fn done() -> String {
    "[DONE]".to_owned()
}

/// A whole answer of text.
pub fn says(content: &str) -> Script {
    let role = chunk(json!({ "role": "assistant", "content": null }), None);
    Script::Events(vec![role, text(content), finish("stop"), usage(100, 10, 0), done()])
}

/// A whole answer that asks for tools.
pub fn calls(list: &[(&str, Value)]) -> Script {
    let mut events: Vec<String> = list
        .iter()
        .enumerate()
        .map(|(index, (name, arguments))| call(index as u64, &fresh_id(), name, arguments))
        .collect();
    events.extend([finish("tool_calls"), usage(200, 20, 50), done()]);
    Script::Events(events)
}

fn fresh_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("call_{:08}x", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn chunk(delta: Value, finish_reason: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
    })
    .to_string()
}
