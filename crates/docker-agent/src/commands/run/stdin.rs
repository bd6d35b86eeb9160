//! All of stdin, read on a thread of its own so that nobody who waits for it misses a signal.
//!
//! The thread ends with the process; it is never waited for.

use std::io::{self, Read as _};
use std::thread;

use tokio::sync::oneshot;

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
