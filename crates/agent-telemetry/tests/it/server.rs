//! A collector on a loopback port that does what a test says, and remembers what it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with a status, headers and a body.
    Answer(u16, String, String),
    /// Answers, and closes the connection without having said that it would.
    AnswerAndClose(u16),
    /// Closes the connection.
    Close,
    /// Sends half of a good answer, then closes the connection.
    Half,
    /// Sends the beginning of an answer, and then a byte now and then, for ever.
    Trickle,
    /// Nothing.
    Silence,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, String::new(), "{}".to_owned())
    }
}

/// Decides about each request.
type Decide = Arc<dyn Fn(&Got) -> Reply + Send + Sync>;

/// How a server behaves.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Decides about each request.
    Each(Decide),
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

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    behaviour: Mutex<Option<Behaviour>>,
    changed: Condvar,
}

impl Behaviour {
    pub(crate) fn each(decide: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        Self::Each(Arc::new(decide))
    }

    fn reply(&self, got: &Got) -> Reply {
        let many = got.body.matches("\"event_id\"").count() > 1;
        match self {
            Self::Each(decide) => decide(got),
            Self::Answer(status, headers, body) => {
                Reply::Answer(*status, (*headers).to_owned(), (*body).to_owned())
            }
            Self::BlackHole => Reply::Silence,
            Self::RefuseBatchesWith(status, text) if got.body.contains(text) => {
                Reply::status(if many { *status } else { 400 })
            }
            Self::RefuseBatchesWith(..) => Reply::ok(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    port: u16,
}

/// Longer than anything here takes; a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, serve)
    }

    /// A server whose connections begin with something else than HTTP.
    pub(crate) fn with_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::listen(Behaviour::Answer(200, "", "{}"), move |shared, stream, connection| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(shared, rustls::StreamOwned::new(session, stream), connection);
        })
    }

    fn listen(
        behaviour: Behaviour,
        serve: impl Fn(&Shared, TcpStream, usize) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { behaviour: Mutex::new(Some(behaviour)), ..Shared::default() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (Ok(stream), shared) = (stream, Arc::clone(&own)) else { continue };
                let serve = serve.clone();
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

    pub(crate) fn port(&self) -> u16 {
        self.port
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

fn serve(shared: &Shared, stream: impl Read + Write, connection: usize) {
    let mut stream = BufReader::new(stream);
    while let Some(got) = receive(&mut stream, connection) {
        let behaviour = shared.behaviour.lock().unwrap().clone().expect("a behaviour");
        let reply = behaviour.reply(&got);
        shared.got.lock().unwrap().push(got);
        shared.changed.notify_all();
        if !send(stream.get_mut(), &reply) {
            return;
        }
    }
}

/// Reads one request.
fn receive(stream: &mut impl BufRead, connection: usize) -> Option<Got> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => head.push_str(&line),
        }
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).expect("a request body is UTF-8");
    Some(Got { head, body, connection })
}

/// Answers one request; false when the connection is to be closed.
fn send(stream: &mut impl Write, reply: &Reply) -> bool {
    let mut write = |text: &str| stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_ok();
    match reply {
        Reply::Answer(status, headers, body) => {
            write(&format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))
        }
        Reply::AnswerAndClose(status) => {
            write(&format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}"));
            false
        }
        Reply::Silence => true,
        Reply::Close => false,
        Reply::Half => {
            write("HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{\"accepted\":");
            false
        }
        Reply::Trickle => {
            let mut goes_on = write("HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n");
            while goes_on {
                std::thread::sleep(Duration::from_millis(20));
                goes_on = write(" ");
            }
            false
        }
    }
}
