//! A collector on a loopback port that does what a test says, and remembers what it got.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a server behaves.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answers with a status, headers and a body.
    Answer(u16, &'static str, &'static str),
    /// Reads the request and never answers.
    BlackHole,
    /// Refuses batches that contain the text.
    RefuseBatchesWith(u16, &'static str),
}

/// What a server got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: String,
    /// Which connection brought it.
    pub(crate) connection: usize,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a request body is JSON")
    }
}

#[derive(Debug, Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    behaviour: Mutex<Option<Behaviour>>,
    changed: Condvar,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    port: u16,
}

/// Longer than anything here takes; a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { behaviour: Mutex::new(Some(behaviour)), ..Shared::default() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (Ok(stream), shared) = (stream, Arc::clone(&own)) else { continue };
                std::thread::spawn(move || serve(&shared, stream, connection));
            }
        });
        Self { shared, port }
    }

    /// Stores everything.
    pub(crate) fn healthy() -> Self {
        Self::start(Behaviour::Answer(200, "", "{}"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/events/v1/track", self.port)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = Some(behaviour);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// The records of all requests, in order of arrival.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.got()
            .iter()
            .flat_map(|got| got.json()["records"].as_array().cloned().unwrap_or_default())
            .collect()
    }

    /// Waits until that many requests arrived.
    pub(crate) fn wait_for(&self, requests: usize) -> Vec<Got> {
        let deadline = Instant::now() + PATIENCE;
        let mut got = self.shared.got.lock().unwrap();
        while got.len() < requests {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {requests} requests, got {}", got.len());
            got = self.shared.changed.wait_timeout(got, left).unwrap().0;
        }
        got.clone()
    }
}

fn serve(shared: &Shared, stream: TcpStream, connection: usize) {
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => head.push_str(&line),
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
        let body = String::from_utf8(body).expect("a request body is UTF-8");
        let behaviour = shared.behaviour.lock().unwrap().clone().expect("a behaviour");
        let many = body.matches("\"event_id\"").count() > 1;
        let answer = match behaviour {
            Behaviour::Answer(status, headers, body) => Some((status, headers, body)),
            Behaviour::BlackHole => None,
            Behaviour::RefuseBatchesWith(status, text) if body.contains(text) => {
                Some((if many { status } else { 400 }, "", "{}"))
            }
            Behaviour::RefuseBatchesWith(..) => Some((200, "", "{}")),
        };
        shared.got.lock().unwrap().push(Got { head, body, connection });
        shared.changed.notify_all();
        let Some((status, headers, body)) = answer else { continue };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
