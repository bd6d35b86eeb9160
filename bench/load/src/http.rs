//! Keep-alive connections that post without a pause, or at a rate.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::body::Request;

/// What all connections saw together.
#[derive(Default)]
struct Seen {
    latencies_us: Vec<u32>,
    not_ok: u64,
    broken: u64,
}

pub fn run(
    address: &str,
    connections: u64,
    records: u64,
    seconds: u64,
    rate: Option<u64>,
) -> io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = Rc::new(RefCell::new(Seen::default()));
    let now_ms = now_ms();
    let wall = runtime.block_on(LocalSet::new().run_until(async {
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let interval = rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate as f64));
        let tasks: Vec<_> = (0..connections)
            .map(|lane| {
                let request = Request::new(address, records, lane, now_ms);
                // Due times are spread evenly.
                let share = lane as f64 / connections as f64;
                let pace = interval.map(|interval| (begun + interval.mul_f64(share), interval));
                let (address, seen) = (address.to_owned(), Rc::clone(&seen));
                tokio::task::spawn_local(async move {
                    if connection(&address, request, until, pace, &seen).await.is_err() {
                        seen.borrow_mut().broken += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        begun.elapsed()
    }));
    let mut seen = seen.borrow_mut();
    seen.latencies_us.sort_unstable();
    let at = |share: f64| {
        let last = seen.latencies_us.len().saturating_sub(1);
        seen.latencies_us.get((last as f64 * share) as usize).copied().unwrap_or(0)
    };
    let requests = seen.latencies_us.len();
    Ok(serde_json::json!({
        "requests": requests, "seconds": wall.as_secs_f64(),
        "requests_per_second": requests as f64 / wall.as_secs_f64(),
        "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0),
        "not_ok": seen.not_ok, "broken": seen.broken,
    })
    .to_string())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}

async fn connection(
    address: &str,
    mut request: Request,
    until: Instant,
    pace: Option<(Instant, Duration)>,
    seen: &RefCell<Seen>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut due = pace.map(|(first, _)| first);
    loop {
        let begun = match (&mut due, pace) {
            (Some(due), Some((_, interval))) => {
                let this = *due;
                *due += interval;
                sleep_until(this).await;
                this
            }
            _ => Instant::now(),
        };
        if begun >= until {
            return Ok(());
        }
        stream.write_all(request.fresh(now_ms())).await?;
        let ok = answer(&mut stream, &mut buffer).await?;
        let mut seen = seen.borrow_mut();
        seen.latencies_us.push(begun.elapsed().as_micros() as u32);
        seen.not_ok += u64::from(!ok);
    }
}

/// Reads one answer to its end; whether its status is 200.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        let bytes = &buffer[..filled];
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if filled >= head + 4 + content_length(&bytes[..head]) {
            return Ok(bytes.starts_with(b"HTTP/1.1 200"));
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.split_once("content-length:")
        .and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok())
        .unwrap_or(0)
}
