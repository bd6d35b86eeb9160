//! stdin as lines or as a whole, read on a thread of its own so that nobody who waits for it misses a signal.
//!
//! The thread ends with the process; it is never waited for.

use std::io::{self, BufRead as _, Read as _};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Lines that were typed and not read yet.
const TYPED_AHEAD: usize = 64;

/// Lines of a terminal.
#[derive(Debug)]
pub(super) struct Lines {
    receiver: mpsc::Receiver<String>,
}

impl Lines {
    /// Begins to read.
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(TYPED_AHEAD);
        thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                // An error is taken as the end: there is nothing more to come.
                if stdin.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                    let line = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                    if sender.blocking_send(line).is_ok() {
                        continue;
                    }
                }
                return;
            }
        });
        Self { receiver }
    }

    /// The next line; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<String> {
        self.receiver.recv().await
    }

    /// Forgets what was typed before a question was asked, so that it cannot answer it.
    pub(super) fn forget_typed_ahead(&mut self) {
        while self.receiver.try_recv().is_ok() {}
    }
}

/// Reads everything.
pub(super) async fn all() -> io::Result<String> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()));
    });
    receiver.await.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))
}
