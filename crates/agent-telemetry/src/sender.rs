//! The sender: one plain thread named `telemetry`, one connection, one request at a time.
//!
//! It reads journaled bytes back, wraps them into a request, logs it, sends it, and marks in the segment what is done.
//! Before each request it asks again whether somebody said no. Nobody waits for it but an exit, for its allowance.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::delivery::{self, Breaker, Verdict};
use crate::files;
use crate::journal::{Adopted, Batch, Ledger, Owned};
use crate::recorder::{Live, Recorder, Sender, Setup};
use crate::request_log::RequestLog;
use crate::transport::{self, Request, Transport};
use crate::wire::{self, ClientCounters, Losses, MAX_BODY_BYTES, MAX_RECORDS};

/// What `client` and the frame around the records take of a body at most.
const FRAME_BYTES: usize = 1024;
const BREAKER: &str = "breaker.json";

/// What is known of the endpoint from earlier runs.
pub(crate) fn recall(setup: &Setup) -> Breaker {
    let endpoint = setup.endpoint.url().unwrap_or_default().to_owned();
    let read = || {
        let bytes = fs::read(setup.dirs.telemetry()?.join(BREAKER)).ok()?;
        serde_json::from_slice::<Breaker>(&bytes).ok()
    };
    match read() {
        Some(breaker) if breaker.endpoint == endpoint => breaker,
        _ => Breaker { endpoint, ..Breaker::default() },
    }
}

/// Changes what later runs will know of the endpoint; the caller does not hold the lock.
pub(crate) fn remember(recorder: &Recorder, change: impl FnOnce(&mut Breaker)) {
    let breaker = {
        let mut live = recorder.lock();
        change(live.breaker(recorder));
        live.breaker(recorder).clone()
    };
    let (Some(telemetry), Ok(bytes)) = (recorder.setup.dirs.telemetry(), serde_json::to_vec(&breaker)) else {
        return;
    };
    if telemetry.is_dir() {
        // Without it, the next run tries once more than it had to.
        let _ = files::replace(&telemetry.join(BREAKER), &bytes);
    }
}

/// Starts the thread; the caller holds the lock.
pub(crate) fn start(recorder: &Arc<Recorder>, live: &mut Live) {
    let own = Arc::clone(recorder);
    let started = thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
        let mut sender = Thread::new(own);
        sender.run();
    });
    if started.is_ok() {
        live.sender = Sender::Busy;
    }
}

struct Thread {
    recorder: Arc<Recorder>,
    transport: Option<Box<dyn Transport>>,
    log: Option<RequestLog>,
    ledger: Option<Ledger>,
    adopted: Option<VecDeque<Adopted>>,
    /// How many records at a time, after a request with more was refused as a whole.
    at_a_time: usize,
}

/// The next thing to do.
enum Next {
    Send(Source, Batch),
    Adopt,
    Stop,
}

#[derive(Debug, Clone)]
enum Source {
    /// The named segment of this process.
    Own(String),
    /// The first adopted segment.
    Adopted,
}

/// How an attempt went on.
enum After {
    Continue,
    Pause,
    Stop,
}

impl Thread {
    fn new(recorder: Arc<Recorder>) -> Self {
        let log = recorder.setup.dirs.telemetry().map(|telemetry| RequestLog::new(&telemetry));
        Self { recorder, transport: None, log, ledger: None, adopted: None, at_a_time: MAX_RECORDS }
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
                After::Pause => self.set(Sender::Paused),
                After::Stop => {
                    self.set(Sender::None);
                    return;
                }
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
        loop {
            let now = Instant::now();
            if let Some(pause) = self.pause(&live) {
                if live.is_abandoned() {
                    return Next::Stop;
                }
                live.sender = Sender::Paused;
                recorder.changed.notify_all();
                live = recorder.changed.wait_timeout(live, pause).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let has_time = live.has_time_for_a_request(now);
            let own = live.segments.iter().find(|segment| segment.unresolved() > 0);
            if let (Some(segment), true) = (own, has_time) {
                let (name, tail) = (segment.name.clone(), segment.tail());
                live.sender = Sender::Busy;
                drop(live);
                let batch = tail.read(self.at_a_time, MAX_BODY_BYTES - FRAME_BYTES).unwrap_or_default();
                if !batch.records.is_empty() {
                    return Next::Send(Source::Own(name), batch);
                }
                // The file is gone or damaged: there is nothing to send from it.
                live = recorder.lock();
                let lost = live.segments.iter().position(|segment| segment.name == name);
                if let Some(lost) = lost.and_then(|at| live.segments.remove(at)) {
                    live.give_up(lost.unresolved());
                }
                continue;
            }
            if has_time {
                match &self.adopted {
                    None if recorder.folder.is_some() => return Next::Adopt,
                    Some(adopted) => {
                        if let Some(first) = adopted.front() {
                            live.sender = Sender::Busy;
                            return Next::Send(
                                Source::Adopted,
                                first.next(self.at_a_time, MAX_BODY_BYTES - FRAME_BYTES),
                            );
                        }
                    }
                    None => {}
                }
            }
            let finished = take_finished(&mut live);
            if !finished.is_empty() {
                drop(live);
                self.finish(finished);
                live = recorder.lock();
                continue;
            }
            if live.is_abandoned() {
                return Next::Stop;
            }
            live.sender = if has_time { Sender::Idle } else { Sender::Paused };
            recorder.changed.notify_all();
            live = recorder.changed.wait(live).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How long to wait because of a failure.
    fn pause(&self, live: &Live) -> Option<Duration> {
        if live.flush_until.is_some() {
            return None;
        }
        let now_ms = files::unix_ms();
        let breaker = live.breaker.as_ref()?;
        if breaker.allows(now_ms, self.recorder.setup.version) {
            return None;
        }
        Some(Duration::from_millis(breaker.open_until_ms.saturating_sub(now_ms).max(1000)))
    }

    fn adopt(&mut self) {
        let Some(folder) = &self.recorder.folder else { return };
        self.adopted = Some(folder.adopt(self.recorder.generation, files::unix_ms()).into());
    }

    /// Makes one request.
    fn attempt(&mut self, source: &Source, batch: &Batch) -> After {
        if self.recorder.said_no() {
            return self.obey_no();
        }
        let recorder = Arc::clone(&self.recorder);
        let now_ms = files::unix_ms();
        let request = self.request(batch, now_ms);
        let begun = Instant::now();
        let timeout = {
            let mut live = recorder.lock();
            live.sender = Sender::InFlight(begun);
            let flush = live.flush_until.map(|until| until.saturating_duration_since(begun));
            flush.map_or(delivery::REQUEST_TIMEOUT, |left| left.min(delivery::REQUEST_TIMEOUT))
        };
        recorder.changed.notify_all();
        let logged = self.log.as_ref().map(|log| log.request(&request, now_ms));
        let transport = self.transport.get_or_insert_with(|| transport::connect(&recorder.setup.endpoint));
        let result = transport.send(&request, timeout);
        let took = begun.elapsed();
        self.set(Sender::Busy);
        let now_ms = files::unix_ms();
        if let (Some(log), Some(id)) = (&self.log, logged) {
            log.answer(id, &result, u64::try_from(took.as_millis()).unwrap_or(u64::MAX), now_ms);
        }
        let verdict = match &result {
            Ok(response) => delivery::judge(response, batch.records.len(), now_ms),
            Err(_) => Verdict::Retry { after_ms: None },
        };
        if matches!(verdict, Verdict::Done { .. } | Verdict::Split | Verdict::Drop) {
            self.note_answer(now_ms, took);
        }
        self.obey(&verdict, source, batch, now_ms)
    }

    fn request(&mut self, batch: &Batch, now_ms: u64) -> Request {
        let setup = Arc::clone(&self.recorder.setup);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", format!("{}/{}", setup.app, crate::Version::parse(setup.version))),
        ];
        if let crate::endpoint::Endpoint::Url { api_key: Some(key), .. } = &setup.endpoint {
            headers.push(("x-api-key", key.clone()));
        }
        let body = wire::body(batch.records.iter().map(Vec::as_slice), &self.counters(now_ms));
        Request { url: setup.endpoint.url().unwrap_or_default().to_owned(), headers, body }
    }

    /// The installation's counters: what the ledger says of segments that are gone, and the segments in hand.
    fn counters(&mut self, now_ms: u64) -> ClientCounters {
        if self.ledger.is_none() {
            self.ledger = self.recorder.folder.as_ref().and_then(|folder| folder.ledger().ok());
        }
        let mut recorded = 0;
        let mut losses = Losses::default();
        let mut epoch = uuid::Uuid::nil();
        if let Some(ledger) = &self.ledger {
            (epoch, recorded, losses) = (ledger.epoch, ledger.recorded, ledger.losses);
        }
        let live = self.recorder.lock();
        let own = live.segments.iter().map(|segment| (segment.records, segment.mark));
        let adopted = self.adopted.iter().flatten().map(|segment| (segment.records(), segment.mark));
        for (records, mark) in own.chain(adopted) {
            recorded += records + mark.too_big;
            losses.rejected += mark.rejected;
            losses.too_big += mark.too_big;
        }
        ClientCounters { epoch, sent_at: now_ms, recorded, losses }
    }

    /// Remembers that the endpoint answers, and how fast; written only when later runs would act on it.
    fn note_answer(&self, now_ms: u64, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let worth_it = {
            let mut live = self.recorder.lock();
            let breaker = live.breaker(&self.recorder);
            let moved = breaker.answer_ms.is_none_or(|usual| took_ms.abs_diff(usual) > usual / 4 + 5);
            let stale = breaker.delivered_ms.is_none_or(|last| now_ms.abs_diff(last) > 60_000);
            moved || stale || breaker.failures > 0
        };
        if worth_it {
            remember(&self.recorder, |breaker| breaker.answered(now_ms, took));
        }
    }

    fn obey(&mut self, verdict: &Verdict, source: &Source, batch: &Batch, now_ms: u64) -> After {
        match verdict {
            Verdict::Done { rejected } => {
                self.at_a_time = MAX_RECORDS;
                self.resolve(source, batch, rejected);
                After::Continue
            }
            Verdict::Split => {
                self.at_a_time = (batch.records.len() / 2).max(1);
                After::Continue
            }
            Verdict::Drop => {
                self.at_a_time = MAX_RECORDS;
                let all: Vec<usize> = (0..batch.records.len()).collect();
                self.resolve(source, batch, &all);
                After::Continue
            }
            Verdict::Retry { after_ms } => {
                remember(&self.recorder, |breaker| breaker.failed(now_ms, *after_ms, random()));
                self.give_up_flush()
            }
            Verdict::Stop => {
                let version = self.recorder.setup.version.to_owned();
                remember(&self.recorder, |breaker| breaker.stopped_version = Some(version));
                self.give_up_flush()
            }
        }
    }

    /// After a failure even `flush` waits for the next run.
    fn give_up_flush(&self) -> After {
        self.recorder.lock().flush_until = None;
        After::Pause
    }

    /// Marks a batch as done and finishes segments that are.
    fn resolve(&mut self, source: &Source, batch: &Batch, rejected: &[usize]) {
        let records = batch.records.len() as u64;
        let refused = rejected.len() as u64;
        match source {
            Source::Own(name) => {
                let finished = {
                    let mut live = self.recorder.lock();
                    if let Some(segment) = live.segments.iter_mut().find(|segment| segment.name == *name) {
                        segment.resolve(records, refused, batch.bytes);
                        live.delivered(records, rejected);
                    }
                    take_finished(&mut live)
                };
                self.finish(finished);
            }
            Source::Adopted => {
                let Some(adopted) = &mut self.adopted else { return };
                let Some(first) = adopted.front_mut() else { return };
                first.resolve(records, refused);
                if first.unresolved() == 0
                    && let (Some(folder), Some(first)) = (&self.recorder.folder, adopted.pop_front())
                {
                    self.ledger = folder.finish_resolved(&first.name, first.records(), first.mark).ok();
                }
            }
        }
        self.recorder.changed.notify_all();
    }

    /// Counts and unlinks segments whose every record is resolved.
    fn finish(&mut self, segments: Vec<Owned>) {
        let Some(folder) = &self.recorder.folder else { return };
        for segment in segments.iter().filter(|segment| segment.is_durable()) {
            self.ledger = folder.finish_resolved(&segment.name, segment.records, segment.mark).ok();
        }
    }

    /// Somebody said no: nothing of this process or an earlier one is kept.
    fn obey_no(&mut self) -> After {
        let mut live = self.recorder.lock();
        self.recorder.stop(&mut live);
        for segment in self.adopted.take().into_iter().flatten() {
            let _ = fs::remove_file(&segment.path);
        }
        After::Stop
    }
}

/// Takes this process's segments, from the oldest, while all their records are resolved; the one being written only at
/// the end.
fn take_finished(live: &mut Live) -> Vec<Owned> {
    let ending = live.closing.is_some() || live.flush_until.is_some();
    let mut finished = Vec::new();
    while live.segments.front().is_some_and(|segment| segment.unresolved() == 0)
        && (ending || live.segments.len() > 1)
    {
        finished.extend(live.segments.pop_front());
    }
    finished
}

/// Uniform in 0..1.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() & u128::from(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "32 bits are exact")]
    let random = bits as f64 / f64::from(u32::MAX);
    random
}

/// Deletes what is known of endpoints.
pub(crate) fn forget(telemetry: &std::path::Path) {
    let _ = fs::remove_file(telemetry.join(BREAKER));
}
