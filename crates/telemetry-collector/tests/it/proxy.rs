//! Something between a collector and its store that does what networks and servers do on bad days.
//!
//! What happens to a request follows from its number and a seed, so a failure can be repeated.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What can happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It takes effect, and nobody answers until the client has given up.
    NoAnswer,
    /// It takes effect, and the connection is cut before the answer.
    Reset,
    /// It takes effect, and half of the answer arrives.
    HalfAnswer,
    /// Half of it arrives at the store.
    HalfRequest,
    /// The store is not asked, and says that something is wrong.
    Error,
}

const FAULTS: [Fault; 5] =
    [Fault::NoAnswer, Fault::Reset, Fault::HalfAnswer, Fault::HalfRequest, Fault::Error];

/// A proxy on loopback; ends with this value.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    upstream: String,
    /// Of a hundred requests, so many go wrong.
    percent: AtomicU64,
    requests: AtomicU64,
    wrong: AtomicU64,
    faults: [AtomicU64; FAULTS.len()],
    is_over: AtomicBool,
}

impl Proxy {
    pub(crate) fn start(upstream: &str, percent: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            percent: AtomicU64::new(percent),
            requests: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            faults: Default::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let state = Arc::clone(&serving);
                std::thread::spawn(move || {
                    // Whoever goes away in the middle is part of the game.
                    let _ = state.serve(stream?);
                    std::io::Result::Ok(())
                });
            }
        });
        Self { address, state }
    }

    /// From now on everything arrives.
    pub(crate) fn behave(&self) {
        self.state.percent.store(0, Ordering::Relaxed);
    }

    /// How often each fault has happened.
    pub(crate) fn faults(&self) -> Vec<(Fault, u64)> {
        FAULTS.into_iter().zip(self.state.faults.iter().map(|n| n.load(Ordering::Relaxed))).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// What happens to the next request.
    fn fault(&self) -> Fault {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut dice = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        dice = (dice ^ (dice >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        dice ^= dice >> 29;
        if dice % 100 >= self.percent.load(Ordering::Relaxed) {
            return Fault::None;
        }
        // In turn, so that each kind happens.
        let which = self.wrong.fetch_add(1, Ordering::Relaxed) as usize % FAULTS.len();
        self.faults[which].fetch_add(1, Ordering::Relaxed);
        FAULTS[which]
    }

    fn serve(&self, client: TcpStream) -> std::io::Result<()> {
        let mut requests = BufReader::new(client.try_clone()?);
        while let Some(request) = message(&mut requests)? {
            let fault = self.fault();
            if fault == Fault::Error {
                (&client)
                    .write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops")?;
                continue;
            }
            let mut store = TcpStream::connect(&self.upstream)?;
            if fault == Fault::HalfRequest {
                store.write_all(&request[..request.len() / 2])?;
                return Ok(());
            }
            store.write_all(&request)?;
            let answer = message(&mut BufReader::new(store))?.unwrap_or_default();
            match fault {
                // Until the other side closes the connection.
                Fault::NoAnswer => return requests.read_to_end(&mut Vec::new()).map(drop),
                Fault::Reset => return Ok(()),
                Fault::HalfAnswer => return (&client).write_all(&answer[..answer.len() / 2]),
                _ => (&client).write_all(&answer)?,
            }
        }
        Ok(())
    }
}

/// A request or an answer, as it came; `None` when there are no more.
fn message(stream: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let from = message.len();
        if stream.read_until(b'\n', &mut message)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&message[from..]).trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        is_chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    if !is_chunked {
        take(stream, length, &mut message)?;
        return Ok(Some(message));
    }
    loop {
        let from = message.len();
        stream.read_until(b'\n', &mut message)?;
        let size = String::from_utf8_lossy(&message[from..]).trim_end().to_owned();
        let size = usize::from_str_radix(&size, 16).map_err(std::io::Error::other)?;
        take(stream, size + 2, &mut message)?;
        if size == 0 {
            return Ok(Some(message));
        }
    }
}

fn take(stream: &mut impl BufRead, bytes: usize, into: &mut Vec<u8>) -> std::io::Result<()> {
    let from = into.len();
    into.resize(from + bytes, 0);
    stream.read_exact(&mut into[from..])
}
