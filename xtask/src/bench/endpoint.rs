//! Endpoints in every state that a network has in store, on loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Answers at once.
    Healthy,
    /// Answers after a while.
    After(Duration),
    /// Nobody listens.
    Closed,
    /// Accepts, reads, never answers.
    BlackHole,
    /// Has no room for another connection: the system drops every attempt.
    SynDropped,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Healthy,
        Self::After(Duration::from_millis(100)),
        Self::After(Duration::from_secs(2)),
        Self::Closed,
        Self::BlackHole,
        Self::SynDropped,
    ];
}

/// A running endpoint; it ends with the program.
#[derive(Debug)]
pub(super) struct Endpoint {
    kind: Kind,
    url: String,
    received: Arc<Received>,
    /// Connections that nobody accepts.
    _waiting: Vec<TcpStream>,
}

/// What arrived.
#[derive(Debug, Default)]
struct Received {
    requests: AtomicUsize,
    heads: AtomicUsize,
    bodies: AtomicUsize,
}

/// How much arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    pub(super) requests: usize,
    /// Bytes of request lines and headers.
    pub(super) heads: usize,
    /// Bytes of bodies.
    pub(super) bodies: usize,
}

impl Endpoint {
    pub(super) fn start(kind: Kind) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free loopback port")?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}/events/v1/track");
        let received = Arc::new(Received::default());
        let mut waiting = Vec::new();
        match kind {
            Kind::Closed => drop(listener),
            Kind::SynDropped => {
                waiting = fill(address)?;
                // It listens and accepts nothing, for as long as this program runs.
                std::mem::forget(listener);
            }
            _ => {
                let own = Arc::clone(&received);
                thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        let own = Arc::clone(&own);
                        thread::spawn(move || serve(stream, kind, &own));
                    }
                });
            }
        }
        Ok(Self { kind, url, received, _waiting: waiting })
    }

    /// What arrived.
    pub(super) fn arrived(&self) -> Arrived {
        let Received { requests, heads, bodies } = &*self.received;
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        Arrived { requests: count(requests), heads: count(heads), bodies: count(bodies) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn name(&self) -> String {
        match self.kind {
            Kind::Healthy => "healthy".to_owned(),
            Kind::After(delay) => format!("after {} ms", delay.as_millis()),
            Kind::Closed => "closed port".to_owned(),
            Kind::BlackHole => "never answers".to_owned(),
            Kind::SynDropped => "drops connections".to_owned(),
        }
    }
}

/// Connects until the system has no room for another connection.
fn fill(address: SocketAddr) -> anyhow::Result<Vec<TcpStream>> {
    const PATIENCE: Duration = Duration::from_millis(300);
    let mut waiting = Vec::new();
    while waiting.len() < 10_000 {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => waiting.push(stream),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Ok(waiting),
            Err(error) => return Err(error).context("cannot fill a listener"),
        }
    }
    bail!("a listener took 10,000 connections without accepting one")
}

/// Reads requests and answers them; a request ends where its declared length does.
fn serve(mut stream: TcpStream, kind: Kind, received: &Received) {
    let mut got = Vec::new();
    let mut part = [0; 65_536];
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            return;
        }
        got.extend_from_slice(&part[..read]);
        while let Some((head, body)) = whole_request(&got) {
            got.drain(..head + body);
            received.heads.fetch_add(head, Ordering::SeqCst);
            received.bodies.fetch_add(body, Ordering::SeqCst);
            received.requests.fetch_add(1, Ordering::SeqCst);
            match kind {
                Kind::BlackHole | Kind::Closed | Kind::SynDropped => continue,
                Kind::After(delay) => thread::sleep(delay),
                Kind::Healthy => {}
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").is_err() {
                return;
            }
        }
    }
}

/// The lengths of the head and of the body of the request that is there as a whole.
fn whole_request(got: &[u8]) -> Option<(usize, usize)> {
    let head = got.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
    let body =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    (got.len() >= head + body).then_some((head, body))
}
