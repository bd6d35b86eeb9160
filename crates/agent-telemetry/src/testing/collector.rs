//! A collector on a loopback port that does as a test says, and remembers what it got.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::assertions;
use super::http::{self, Reply};
use crate::inputs::Inputs;
use crate::wire::TRACK_PATH;

/// Longer than anything here takes; a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a [`FakeCollector`] treats requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// Takes all records, and says which it had already.
    Accept,
    /// Gives always the same answer.
    Answer {
        /// The status.
        status: u16,
        /// Headers beside `content-length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Reads requests and never answers.
    NeverAnswer,
    /// Accepts after a while.
    AnswerAfter(Duration),
    /// Reads a request and closes the connection.
    Close,
    /// Refuses requests that contain a text, accepts others.
    RefuseWith {
        /// The text.
        text: String,
        /// The status of the refusal.
        status: u16,
    },
    /// Accepts requests, but not the records at these positions.
    RejectRecords {
        /// Positions, from 0.
        indices: Vec<usize>,
        /// Why, such as `bad_type`.
        code: String,
    },
}

impl Behaviour {
    /// Gives always the same answer.
    #[must_use]
    pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Answer { status, headers: headers.iter().map(owned).collect(), body: body.to_owned() }
    }
}

/// A request that a [`FakeCollector`] got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The request line and the headers, byte for byte.
    pub head: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Which connection brought it, from 0.
    pub connection: usize,
}

impl ReceivedRequest {
    /// The value of a header; its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        http::header(&self.head, name)
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(body) => body,
            Err(error) => panic!("a body is not JSON ({error}): {}", String::from_utf8_lossy(&self.body)),
        }
    }

    /// The records in the body; none when it is no JSON.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["records"].as_array().cloned().unwrap_or_default()
    }
}

/// A collector on a loopback port that does as a test says, and remembers what it got.
///
/// ```
/// # #[cfg(feature = "http")] {
/// use std::time::Duration;
///
/// use agent_telemetry::testing::{Behaviour, FakeCollector};
/// use agent_telemetry::{Outcome, Telemetry, catalogue, events::TokensUsed};
///
/// catalogue! {
///     static CATALOGUE = { events: [TokensUsed], commands: [], flags: [] };
/// }
///
/// let collector = FakeCollector::start();
/// let telemetry = Telemetry::builder("acme", "1.2.3", &CATALOGUE).inputs(collector.inputs()).build();
/// let receipt = telemetry.cx().record_token_usage("gpt-4", 100, 50, 0.01);
///
/// assert_eq!(receipt.wait(Duration::from_secs(20)), Outcome::Delivered);
/// assert_eq!(collector.only("token")["model_name"], "gpt-4");
/// assert_eq!(collector.requests()[0].header("content-type"), Some("application/json"));
/// collector.assert_no_text(&["a prompt that must not leak"]);
///
/// // And when it is down?
/// collector.behave(Behaviour::answer(503, &[("retry-after", "120")], ""));
/// # }
/// ```
///
/// It stops when it is dropped. It understands requests with `content-length` only.
pub struct FakeCollector {
    shared: Arc<Shared>,
    port: u16,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    behaviour: Behaviour,
    requests: Vec<ReceivedRequest>,
    /// The ids of accepted records.
    seen: HashSet<String>,
    connections: Vec<TcpStream>,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeCollector {
    /// Starts one that accepts everything.
    ///
    /// # Panics
    ///
    /// When there is no loopback port.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(collector) => collector,
            Err(error) => panic!("no fake collector on 127.0.0.1: {error}"),
        }
    }

    /// Starts one that behaves from the beginning.
    #[must_use]
    #[track_caller]
    pub fn behaving(behaviour: Behaviour) -> Self {
        let collector = Self::start();
        collector.behave(behaviour);
        collector
    }

    fn try_start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = State {
            behaviour: Behaviour::Accept,
            requests: Vec::new(),
            seen: HashSet::new(),
            connections: Vec::new(),
            stopped: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        thread::Builder::new().name("fake-collector".to_owned()).spawn(move || accept(&own, &listener))?;
        Ok(Self { shared, port })
    }

    /// Changes how it treats requests from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().behaviour = behaviour;
    }

    /// Where it listens, for `TELEMETRY_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{TRACK_PATH}", self.port)
    }

    /// An environment in which somebody said yes and events go here.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        Inputs { enabled: Some("true".to_owned()), endpoint: Some(self.url()), ..Inputs::default() }
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.lock().requests.clone()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// The records of all requests, in order of arrival, repeated ones included.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.shared.lock().requests.iter().flat_map(ReceivedRequest::records).collect()
    }

    assertions::questions!("arrived");

    /// Looks for texts that must not be in any head or body, in upper or lower case.
    ///
    /// # Panics
    ///
    /// When one of them is there; says where.
    #[track_caller]
    pub fn assert_no_text(&self, texts: &[&str]) {
        for (at, request) in self.requests().iter().enumerate() {
            assertions::no_text(&format!("the head of request {at}"), request.head.as_bytes(), texts);
            assertions::no_text(&format!("the body of request {at}"), &request.body, texts);
        }
    }

    /// Waits until that many requests arrived; returns all.
    ///
    /// # Panics
    ///
    /// After 20 seconds.
    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) -> Vec<ReceivedRequest> {
        let enough = self.wait(|requests| requests.len() >= count);
        let requests = self.requests();
        assert!(enough, "waited for {count} requests, got {}", requests.len());
        requests
    }

    /// Waits until that many records arrived, repeated ones included; returns all.
    ///
    /// # Panics
    ///
    /// After 20 seconds.
    #[track_caller]
    pub fn wait_for_records(&self, count: usize) -> Vec<Value> {
        let arrived = |requests: &[ReceivedRequest]| -> usize {
            requests.iter().map(|request| request.records().len()).sum()
        };
        let enough = self.wait(|requests| arrived(requests) >= count);
        let records = self.records();
        assert!(enough, "waited for {count} records, got {}{}", records.len(), assertions::listed(&records));
        records
    }

    fn wait(&self, enough: impl Fn(&[ReceivedRequest]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !enough(&state.requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl fmt::Debug for FakeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCollector").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for FakeCollector {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts connections, so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let Ok(kept) = stream.try_clone() else { continue };
        let mut state = shared.lock();
        if state.stopped {
            return;
        }
        let connection = state.connections.len();
        state.connections.push(kept);
        drop(state);
        let shared = Arc::clone(shared);
        let serve = move || {
            http::serve(stream, |head, body| shared.take(ReceivedRequest { head, body, connection }));
        };
        let _ = thread::Builder::new().name("fake-collector".to_owned()).spawn(serve);
    }
}

impl Shared {
    /// Remembers a request; says what to do about it.
    fn take(&self, request: ReceivedRequest) -> Reply {
        let mut state = self.lock();
        let behaviour = state.behaviour.clone();
        let contains = |text: &str| {
            !text.is_empty() && request.body.windows(text.len()).any(|part| part == text.as_bytes())
        };
        let refused = matches!(&behaviour, Behaviour::RefuseWith { text, .. } if contains(text));
        let records = request.records();
        state.requests.push(request);
        self.changed.notify_all();
        match behaviour {
            Behaviour::NeverAnswer => Reply::Nothing,
            Behaviour::Close => Reply::Close,
            Behaviour::Answer { status, headers, body } => Reply::Answer { status, headers, body },
            Behaviour::RefuseWith { status, .. } if refused => {
                Reply::Answer { status, headers: Vec::new(), body: "{}".to_owned() }
            }
            Behaviour::Accept | Behaviour::RefuseWith { .. } => state.accept(&records, &[], ""),
            Behaviour::RejectRecords { indices, code } => state.accept(&records, &indices, &code),
            Behaviour::AnswerAfter(pause) => {
                let deadline = Instant::now() + pause;
                loop {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || state.stopped {
                        break state.accept(&records, &[], "");
                    }
                    state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

impl State {
    fn accept(&mut self, records: &[Value], refused: &[usize], code: &str) -> Reply {
        let (mut accepted, mut duplicates) = (0, 0);
        let mut rejected = Vec::new();
        for (index, record) in records.iter().enumerate() {
            if refused.contains(&index) {
                rejected.push(json!({ "index": index, "code": code, "detail": "" }));
            } else if record["event_id"].as_str().is_some_and(|id| !self.seen.insert(id.to_owned())) {
                duplicates += 1;
            } else {
                accepted += 1;
            }
        }
        let body = json!({ "accepted": accepted, "duplicates": duplicates, "rejected": rejected });
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Reply::Answer { status: 200, headers, body: body.to_string() }
    }
}
