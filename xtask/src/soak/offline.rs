//! Many short commands without a network: who asks it, how often, and what the files grow to.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Soak;
use super::books::Books;
use crate::terminal;

/// Attempts that are fine before the pause begins.
const FIRST_ATTEMPTS: usize = 3;
/// The shortest pause after a failure.
const PAUSE: Duration = Duration::from_secs(60);
/// What the journal and the log may grow to.
const LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// A listener that closes every connection at once, and counts them.
#[derive(Debug)]
struct Closing {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Closing {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free loopback port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let connections = Arc::new(AtomicUsize::new(0));
        let own = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                own.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Ok(Self { url, connections })
    }
}

/// Runs commands against a port that closes connections and against one where nobody listens; returns what is wrong.
pub(super) fn run(soak: &Soak, runs: usize) -> anyhow::Result<Vec<String>> {
    let closing = Closing::start()?;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free loopback port")?;
        format!("http://{}", listener.local_addr()?)
    };
    let mut faults = Vec::new();
    for (part, url) in [("offline, connection closed", &closing.url), ("offline, closed port", &closed)] {
        let mut home = soak.home()?;
        home.send_to(url);
        let before = closing.connections.load(Ordering::SeqCst);
        let begun = Instant::now();
        let half = runs.div_ceil(2);
        for _ in 0..half {
            soak.interrupt.check()?;
            home.run(&["version"])?;
        }
        let took = begun.elapsed();
        home.must_record(half);
        let attempts = closing.connections.load(Ordering::SeqCst) - before;
        let allowed = FIRST_ATTEMPTS + usize::try_from(took.as_secs() / PAUSE.as_secs()).unwrap_or(0);
        let (journal, files) = home.size("journal");
        let (log, _) = home.size("log");
        home.send_to(&soak.collector);
        home.flush().with_context(|| format!("{part}: not everything was taken"))?;
        faults.extend(Books::balance(&home, &soak.collector, 0)?.report(part));
        terminal::out(&format!(
            "  {half} commands in {:.1} s: {} connections, journal {journal} bytes in {files} files, log {log} bytes",
            took.as_secs_f64(),
            if url == &closing.url { attempts.to_string() } else { "uncounted".to_owned() },
        ));
        if attempts > allowed {
            faults.push(format!("{part}: {attempts} connections, at most {allowed} expected"));
        }
        if journal > LIMIT_BYTES || log > LIMIT_BYTES {
            faults.push(format!("{part}: the files are too big"));
        }
    }
    Ok(faults)
}
