//! A scripted model: a chat completions server on a loopback port that answers what a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// One answer of the model.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// Text, and the end of the turn.
    Text(&'static str),
    /// A call of a tool.
    Call(&'static str, Value),
    /// An HTTP error with a message.
    Error(u16, &'static str),
}

/// A server that gives its answers in order; the last one again and again.
#[derive(Debug)]
pub(crate) struct Model {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Model {
    pub(crate) fn start(script: Vec<Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(&stream, &script, &own);
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The bodies and heads of all requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, script: &[Say], requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match reader.read_line(&mut head) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let at = {
        let mut requests = requests.lock().unwrap();
        requests.push(head + &String::from_utf8_lossy(&body));
        requests.len() - 1
    };
    let answer = match script.get(at).or(script.last()).unwrap() {
        Say::Error(status, message) => {
            let body = json!({ "error": { "message": message } }).to_string();
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Say::Text(text) => streamed(&json!({ "content": text }), "stop"),
        Say::Call(tool, arguments) => {
            let call = json!({ "index": 0, "id": format!("call_{at}"), "type": "function",
                "function": { "name": tool, "arguments": arguments.to_string() } });
            streamed(&json!({ "tool_calls": [call] }), "tool_calls")
        }
    };
    let mut writer = stream;
    let _ = writer.write_all(answer.as_bytes());
}

fn streamed(delta: &Value, reason: &str) -> String {
    let chunk = |delta: &Value, reason: Value| {
        json!({ "id": "c", "object": "chat.completion.chunk", "model": "gpt-4o",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
    };
    let usage = json!({ "id": "c", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [],
        "usage": { "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 } });
    let mut answer =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned();
    for chunk in [chunk(delta, Value::Null), chunk(&json!({}), reason.into()), usage] {
        answer.push_str(&format!("data: {chunk}\n\n"));
    }
    answer + "data: [DONE]\n\n"
}
