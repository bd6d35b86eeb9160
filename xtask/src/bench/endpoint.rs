//! Endpoints in every state that a network has in store, on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Context;

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
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Healthy,
        Self::After(Duration::from_millis(100)),
        Self::After(Duration::from_secs(2)),
        Self::Closed,
        Self::BlackHole,
    ];
}

/// A running endpoint; it ends with the program.
#[derive(Debug)]
pub(super) struct Endpoint {
    kind: Kind,
    url: String,
}

impl Endpoint {
    pub(super) fn start(kind: Kind) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free loopback port")?;
        let url = format!("http://{}/events/v1/track", listener.local_addr()?);
        if kind != Kind::Closed {
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    thread::spawn(move || serve(stream, kind));
                }
            });
        }
        Ok(Self { kind, url })
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
        }
    }
}

/// Reads requests and answers them; a request ends where its declared length does.
fn serve(mut stream: TcpStream, kind: Kind) {
    let mut got = Vec::new();
    let mut part = [0; 65_536];
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            return;
        }
        got.extend_from_slice(&part[..read]);
        while let Some(length) = whole_request(&got) {
            got.drain(..length);
            match kind {
                Kind::BlackHole | Kind::Closed => continue,
                Kind::After(delay) => thread::sleep(delay),
                Kind::Healthy => {}
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").is_err() {
                return;
            }
        }
    }
}

fn whole_request(got: &[u8]) -> Option<usize> {
    let head = got.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
    let body =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    (got.len() >= head + body).then_some(head + body)
}
