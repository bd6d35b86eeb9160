//! Writing that a signal can end.
//!
//! A write to a pipe that nobody reads waits inside the kernel, and with it the event loop that would notice Ctrl-C or
//! SIGTERM. So room is waited for outside, where a signal is noticed, and a write finds the room that it needs.
//! A terminal does not tell how much room it has; its end wakes whoever writes to it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a pipe with room takes at once: a page, and on Linux `PIPE_BUF`.
const ROOM_BYTES: usize = 4_096;

/// How often is looked for a signal while there is no room.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

static STOPPED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Notices signals from now on. They have to be handled elsewhere: the process does not end by them any more.
pub(crate) fn notice_signals() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&STOPPED))?;
    }
    Ok(())
}

/// Whether a signal came that was not forgotten.
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Forgets signals that came: they were heard.
pub(crate) fn forget_signals() {
    STOPPED.store(false, Ordering::Relaxed);
}

/// Writes piece by piece, and gives up where there is no room once a signal came.
pub(super) struct Stoppable<W>(pub(super) W);

impl<W: Write + AsFd> Write for Stoppable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait_for_room(&self.0)?;
        let piece = &bytes[..bytes.len().min(ROOM_BYTES)];
        self.0.write_all(piece)?;
        self.0.flush()?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn wait_for_room(stream: impl AsFd) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&LOOK_EVERY)) {
            Ok(0) | Err(rustix::io::Errno::INTR) if is_stopped() => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // What is wrong with the stream, the write says.
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}
