//! The sender: one plain thread named `telemetry`, one connection, one request at a time.
//!
//! It reads journaled bytes back, wraps them into a request, logs it, sends it, and marks in the segment what is done.
//! Before each request it asks again whether somebody said no. Nobody waits for it but an exit, for its allowance.
//! Of what dead processes left it holds one segment at a time: others may want to send, and a host has few open files.

mod attempt;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::delivery::{Breaker, remembered};
use crate::files;
use crate::journal::{Adopted, Batch, Ledger, Left, Measured, Own, Owned};
use crate::recorder::{Live, Recorder, Sender};
use crate::request_log::RequestLog;
use crate::transport::Transport;
use crate::wire::{ClientCounters, MAX_BODY_BYTES, MAX_RECORDS};

/// What `client` and the frame around the records take of a body at most.
const FRAME_BYTES: usize = 1024;
/// How long to wait before asking the clock again whether a pause is over.
const PAUSE_CHECK: Duration = Duration::from_secs(60);

/// Changes what later runs will know of the endpoint; the caller does not hold the lock.
pub(crate) fn remember(recorder: &Recorder, change: impl FnOnce(&mut Breaker)) -> io::Result<()> {
    let breaker = {
        let mut live = recorder.lock();
        let breaker = live.breaker(&recorder.setup);
        change(breaker);
        breaker.clone()
    };
    match recorder.setup.dirs.telemetry() {
        Some(telemetry) if telemetry.is_dir() => remembered::remember(&telemetry, &breaker),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Notes that an answer did not come in the time there was: no failure, but the next short run need not try.
pub(crate) fn remember_no_answer(recorder: &Recorder, waited: Duration) {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let is_news = recorder.lock().breaker(&recorder.setup).answer_ms.is_none_or(|usual| usual < waited_ms);
    if is_news {
        let _ = remember(recorder, |breaker| breaker.answer_ms = Some(waited_ms));
    }
}

/// Starts the thread; the caller holds the lock.
pub(crate) fn start(recorder: &Arc<Recorder>, live: &mut Live) {
    let own = Arc::clone(recorder);
    let started = thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
        let mut sender = Thread::new(own);
        sender.run();
    });
    live.sender = if started.is_ok() { Sender::Busy } else { Sender::Impossible };
}

struct Thread {
    recorder: Arc<Recorder>,
    transport: Option<Box<dyn Transport>>,
    log: Option<RequestLog>,
    ledger: Option<Ledger>,
    /// The segments that were there when it last looked; `None`: it should look.
    waiting: Option<VecDeque<PathBuf>>,
    /// The one of them that it sends from.
    adopted: Option<Adopted>,
    /// The counters that the collector has from this process.
    reported: Option<ClientCounters>,
    /// Whether this machine's clock is not that of the collector, which says so of events when it is told the time.
    clock_is_off: bool,
    /// How many records at a time, after a request with more was refused as a whole.
    at_a_time: usize,
    /// Whether the last request was answered, so that the next one goes over the same connection.
    is_connected: bool,
}

/// The next thing to do.
enum Next {
    Send(Source, Batch),
    Adopt,
    Stop,
}

#[derive(Debug, Clone)]
enum Source {
    /// The segment of this process with that stem.
    Own(String),
    /// The adopted segment.
    Adopted,
}

/// How an attempt went on.
enum After {
    Continue,
    Pause,
    Stop,
}

impl Drop for Thread {
    fn drop(&mut self) {
        // Also when something panicked: nobody should wait for a thread that is gone.
        self.set(Sender::None);
    }
}

impl Thread {
    fn new(recorder: Arc<Recorder>) -> Self {
        let log = recorder.setup.dirs.telemetry().map(|telemetry| RequestLog::new(&telemetry));
        Self {
            recorder,
            transport: None,
            log,
            ledger: None,
            waiting: None,
            adopted: None,
            reported: None,
            clock_is_off: false,
            at_a_time: MAX_RECORDS,
            is_connected: false,
        }
    }

    fn run(&mut self) {
        loop {
            let after = match self.next() {
                Next::Stop => After::Stop,
                Next::Adopt => {
                    self.adopt();
                    After::Continue
                }
                Next::Send(source, batch) => self.attempt(&source, &batch),
            };
            match after {
                After::Continue => {}
                After::Pause => {
                    // Others may be luckier with it, or be told to flush.
                    (self.adopted, self.waiting) = (None, None);
                    self.set(Sender::Paused);
                }
                After::Stop => return,
            }
        }
    }

    fn set(&self, state: Sender) {
        self.recorder.lock().sender = state;
        self.recorder.changed.notify_all();
    }

    /// Waits until there is something to do.
    fn next(&mut self) -> Next {
        let recorder = Arc::clone(&self.recorder);
        let mut live = recorder.lock();
        live.sending = None;
        loop {
            let now = Instant::now();
            if let Some(pause) = self.pause(&live, now) {
                if live.abandoned {
                    return Next::Stop;
                }
                live.sender = Sender::Paused;
                recorder.changed.notify_all();
                live = recorder.changed.wait_timeout(live, pause).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            if std::mem::take(&mut live.look_again) {
                self.waiting = None;
            }
            let has_time = live.has_time_for_a_request(now);
            let own = live.segments.iter().find(|segment| segment.unresolved() > 0);
            if let (Some(segment), true) = (own, has_time) {
                let (stem, tail) = (segment.stem.clone(), segment.tail());
                live.sender = Sender::Busy;
                live.sending = Some(stem.clone());
                drop(live);
                let batch = tail.read(self.at_a_time, MAX_BODY_BYTES - FRAME_BYTES).unwrap_or_default();
                if !batch.records.is_empty() {
                    return Next::Send(Source::Own(stem), batch);
                }
                self.lose(&stem);
                live = recorder.lock();
                continue;
            }
            if has_time && recorder.folder.is_some() {
                live.sender = Sender::Busy;
                if let Some(adopted) = &self.adopted {
                    let batch = adopted.next(self.at_a_time, MAX_BODY_BYTES - FRAME_BYTES);
                    return Next::Send(Source::Adopted, batch);
                }
                if self.waiting.as_ref().is_none_or(|waiting| !waiting.is_empty()) {
                    return Next::Adopt;
                }
            }
            let finished = take_finished(&mut live);
            if !finished.is_empty() {
                drop(live);
                self.finish(&finished);
                live = recorder.lock();
                continue;
            }
            if live.abandoned {
                return Next::Stop;
            }
            live.sender = if has_time { Sender::Idle } else { Sender::OutOfTime };
            recorder.changed.notify_all();
            live = recorder.changed.wait(live).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How long to wait because of a failure.
    fn pause(&self, live: &Live, now: Instant) -> Option<Duration> {
        if live.is_flushing(now) {
            return None;
        }
        let now_ms = files::unix_ms();
        let breaker = live.breaker.as_ref()?;
        if breaker.allows(now_ms, self.recorder.setup.version) {
            return None;
        }
        let left = Duration::from_millis(breaker.open_until_ms.saturating_sub(now_ms).saturating_add(1));
        Some(if breaker.open_until_ms > now_ms { left.min(PAUSE_CHECK) } else { PAUSE_CHECK })
    }

    /// Takes over the next segment that a dead process left.
    fn adopt(&mut self) {
        let recorder = Arc::clone(&self.recorder);
        let Some(folder) = &recorder.folder else { return };
        let now_ms = files::unix_ms();
        let waiting = self.waiting.get_or_insert_with(|| {
            folder.remove_stale_temporaries(now_ms);
            // Those of this process are locked, and stay.
            let _room =
                folder.keep_bounds(recorder.generation, now_ms, &mut Measured::default(), |_| Own::Foreign);
            folder.segments().into()
        });
        while let Some(path) = waiting.pop_front() {
            self.adopted = folder.adopt(&path, recorder.generation, now_ms);
            if self.adopted.is_some() {
                return;
            }
        }
    }

    /// A segment of this process cannot be read: what waits in it is lost, and counted.
    fn lose(&mut self, stem: &str) {
        let lost = {
            let mut live = self.recorder.lock();
            let at = live.segments.iter().position(|segment| segment.stem == stem);
            let lost = at.and_then(|at| live.segments.remove(at));
            if let Some(lost) = &lost {
                live.give_up(lost.unresolved_numbers());
            }
            lost
        };
        if let (Some(lost), Some(folder)) = (lost, &self.recorder.folder) {
            self.ledger = folder.finish_own(&lost, Left::Evicted(lost.unresolved())).ok();
        }
    }

    /// Counts and unlinks segments whose every record is resolved.
    fn finish(&mut self, segments: &[Owned]) {
        for segment in segments {
            match &self.recorder.folder {
                Some(folder) if segment.is_durable() => {
                    self.ledger = folder.finish_own(segment, Left::Nothing).ok();
                }
                _ => self.recorder.lock().count_in_memory(segment, Left::Nothing),
            }
        }
    }
}

/// Takes this process's segments, from the oldest, while all their records are resolved; the one being written only at
/// the end.
fn take_finished(live: &mut Live) -> Vec<Owned> {
    let mut finished = Vec::new();
    while live.segments.front().is_some_and(|segment| segment.unresolved() == 0)
        && (live.is_ending() || live.segments.len() > 1)
    {
        finished.extend(live.segments.pop_front());
    }
    finished
}
