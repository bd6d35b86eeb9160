//! One request: made from journaled bytes, logged, sent, judged, and what follows from its answer.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{After, Source, Thread, remember, take_finished};
use crate::delivery::{self, Verdict};
use crate::files;
use crate::journal::{Batch, Ledger, Left};
use crate::recorder::Sender;
use crate::transport::{self, Failure, Request};
use crate::wire::{self, ClientCounters, MAX_RECORDS};

impl Thread {
    /// Makes one request.
    pub(super) fn attempt(&mut self, source: &Source, batch: &Batch) -> After {
        if self.recorder.said_no() {
            return self.obey_no();
        }
        let recorder = Arc::clone(&self.recorder);
        let now_ms = files::unix_ms();
        let (request, sent) = self.request(batch, now_ms);
        let begun = Instant::now();
        self.set(Sender::InFlight(begun));
        let logged = self.log.as_ref().map(|log| log.request(&request, now_ms));
        let transport = self.transport.get_or_insert_with(|| transport::connect(&recorder.setup.endpoint));
        let result = transport.send(&request, delivery::REQUEST_TIMEOUT);
        let took = begun.elapsed();
        self.set(Sender::Busy);
        let now_ms = files::unix_ms();
        if let (Some(log), Some(id)) = (&self.log, logged) {
            log.answer(id, &result, u64::try_from(took.as_millis()).unwrap_or(u64::MAX), now_ms);
        }
        let was_connected = std::mem::replace(&mut self.is_connected, result.is_ok());
        let verdict = match &result {
            // Servers close connections that are idle, also at the moment when something is on its way. That says nothing
            // about the endpoint; whether it is there, a new connection will show.
            Err(Failure::Broken) if was_connected => return After::Continue,
            Ok(response) => delivery::judge(response, batch.records.len(), now_ms),
            Err(_) => Verdict::Retry { after_ms: None },
        };
        if matches!(verdict, Verdict::Done { .. } | Verdict::Split | Verdict::Drop) {
            self.note_answer(now_ms, took);
            self.reported = sent.or_else(|| self.reported.take());
            let date = result.ok().and_then(|response| response.date);
            self.clock_is_off = date.is_some_and(|date| delivery::is_far_off(&date, now_ms));
        }
        self.obey(&verdict, source, batch, now_ms)
    }

    fn request(&mut self, batch: &Batch, now_ms: u64) -> (Request, Option<ClientCounters>) {
        let setup = Arc::clone(&self.recorder.setup);
        let mut headers = vec![
            ("host", setup.endpoint.host().unwrap_or_default().to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", format!("{}/{}", setup.app, crate::Version::parse(setup.version))),
        ];
        if let crate::endpoint::Endpoint::Url { api_key: Some(key), .. } = &setup.endpoint {
            headers.push(("x-api-key", key.clone()));
        }
        let counters = self.counters(now_ms);
        let body = wire::body(batch.records.iter().map(Vec::as_slice), counters.as_ref());
        (Request { url: setup.endpoint.url().unwrap_or_default().to_owned(), headers, body }, counters)
    }

    /// The installation's counters, where they are worth their bytes: what the ledger says of segments that are gone, and
    /// the segments in hand.
    ///
    /// Segments of others are missing until they are counted; the collector keeps the highest that it hears of.
    fn counters(&mut self, now_ms: u64) -> Option<ClientCounters> {
        if self.ledger.is_none() {
            self.ledger = self.recorder.folder.as_ref().and_then(|folder| folder.ledger().ok());
        }
        let mut live = self.recorder.lock();
        let in_memory = live.memory.get_or_insert_with(Ledger::new).clone();
        let mut total = match &self.ledger {
            Some(ledger) => {
                let mut total = ledger.clone();
                total.add_all(&in_memory);
                total
            }
            None => in_memory,
        };
        for segment in &live.segments {
            total.add(segment.records, segment.mark);
        }
        if let Some(segment) = &self.adopted {
            total.add(segment.records(), segment.mark);
        }
        let counters = ClientCounters {
            epoch: total.epoch,
            sent_at: now_ms,
            recorded: total.recorded,
            losses: total.losses,
        };
        let worth_it = live.is_ending()
            || self.clock_is_off
            || self.reported.as_ref().is_none_or(|reported| counters.say_more_than(reported));
        worth_it.then_some(counters)
    }

    /// Remembers that the endpoint answers, and how fast; written only when later runs would act on it.
    fn note_answer(&self, now_ms: u64, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let worth_it = {
            let mut live = self.recorder.lock();
            let breaker = live.breaker(&self.recorder.setup);
            let moved = breaker.answer_ms.is_none_or(|usual| took_ms.abs_diff(usual) > usual / 4 + 5);
            let stale = breaker.delivered_ms.is_none_or(|last| now_ms.abs_diff(last) > 60_000);
            moved || stale || breaker.failures > 0 || breaker.stopped_version.is_some()
        };
        if worth_it {
            // Otherwise the next run learns it again.
            let _ = remember(&self.recorder, |breaker| breaker.answered(now_ms, took));
        }
    }

    fn obey(&mut self, verdict: &Verdict, source: &Source, batch: &Batch, now_ms: u64) -> After {
        let records = batch.records.len();
        match verdict {
            Verdict::Done { rejected } => {
                self.at_a_time = delivery::more_at_a_time(self.at_a_time);
                self.resolve(source, batch, rejected);
                After::Continue
            }
            Verdict::Split => {
                self.at_a_time = (records / 2).max(1);
                After::Continue
            }
            Verdict::Drop => {
                self.at_a_time = delivery::more_at_a_time(self.at_a_time);
                let all: Vec<usize> = (0..records).collect();
                self.resolve(source, batch, &all);
                After::Continue
            }
            Verdict::Retry { after_ms } => {
                // Without the file, the next run tries once more than it had to.
                let _ = remember(&self.recorder, |breaker| breaker.failed(now_ms, *after_ms, random()));
                self.give_up_flush()
            }
            Verdict::Stop => {
                let version = self.recorder.setup.version.to_owned();
                let _ = remember(&self.recorder, |breaker| breaker.stopped_version = Some(version));
                self.give_up_flush()
            }
        }
    }

    /// After a failure even `flush` waits for the next run.
    fn give_up_flush(&mut self) -> After {
        self.at_a_time = MAX_RECORDS;
        self.recorder.lock().flush_until = None;
        After::Pause
    }

    /// Marks a batch as done and finishes segments that are.
    fn resolve(&mut self, source: &Source, batch: &Batch, rejected: &[usize]) {
        let records = batch.records.len() as u64;
        let recorder = Arc::clone(&self.recorder);
        match source {
            Source::Own(stem) => {
                let finished = {
                    let mut live = recorder.lock();
                    live.resolve(stem, records, batch.bytes, rejected);
                    take_finished(&mut live)
                };
                self.finish(&finished);
            }
            Source::Adopted => {
                let Some(adopted) = &mut self.adopted else { return };
                adopted.resolve(records, rejected.len() as u64);
                if adopted.unresolved() == 0
                    && let (Some(folder), Some(done)) = (&recorder.folder, self.adopted.take())
                {
                    let counted =
                        folder.finish(&done.stem, &done.path, done.records(), done.mark, Left::Nothing);
                    self.ledger = counted.ok();
                }
            }
        }
        recorder.changed.notify_all();
    }

    /// Somebody said no: nothing of this process or an earlier one is kept.
    fn obey_no(&mut self) -> After {
        self.recorder.stop(&mut self.recorder.lock());
        if let Some(segment) = self.adopted.take() {
            let _ = fs::remove_file(&segment.path);
        }
        After::Stop
    }
}

/// Uniform in 0..1.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() & u128::from(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "32 bits are exact")]
    let random = bits as f64 / f64::from(u32::MAX);
    random
}
