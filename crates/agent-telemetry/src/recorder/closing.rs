//! Waiting: for a receipt, and at the end of a process, each with its deadline.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Recorder;
use super::live::Sender;
use crate::delivery::{self, remembered};
use crate::files;
use crate::journal::{Folder, Owned};
use crate::receipt::Outcome;
use crate::sender;

impl Recorder {
    /// What became of a record, waiting for at most `timeout`.
    pub(crate) fn outcome(&self, number: u64, timeout: Duration) -> Outcome {
        let deadline = files::deadline_in(timeout);
        let mut live = self.lock();
        loop {
            if let Some(fate) = live.fate(number) {
                return fate;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let nobody_sends =
                matches!(live.sender, Sender::None | Sender::Impossible | Sender::OutOfTime | Sender::Paused);
            if left.is_zero() || nobody_sends {
                let durable = live.segments.back().is_none_or(Owned::is_durable);
                return if durable { Outcome::Journaled } else { Outcome::NotDurable };
            }
            live = self.changed.wait_timeout(live, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes that nobody can record any more: the sender ends when it has nothing to do.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }

    /// Begins the end: from now on nothing is started that could not be answered in time.
    pub(crate) fn begin_closing(&self) {
        let patient = self.may_send && self.may_be_patient();
        let mut live = self.lock();
        live.patient = patient;
        live.closing = Some(Instant::now() + delivery::exit_allowance(self.setup.started.elapsed(), patient));
    }

    /// Whether this is the one run a day that waits for longer; it is, only if the next one will know.
    fn may_be_patient(&self) -> bool {
        let (Some(folder), Some(telemetry)) = (&self.folder, self.setup.dirs.telemetry()) else {
            return false;
        };
        let now_ms = files::unix_ms();
        let breaker = self.lock().breaker(&self.setup).clone();
        breaker.allows(now_ms, self.setup.version)
            && delivery::may_be_patient(Folder::oldest_ms(folder), &breaker, now_ms)
            && remembered::remember_patience(&telemetry, now_ms).is_ok()
    }

    /// Waits for what is on its way, within the exit allowance; what is not answered by then stays in the journal.
    pub(crate) fn close(&self) {
        if self.said_no() {
            self.stop(&mut self.lock());
            return;
        }
        let mut live = self.lock();
        let Some(deadline) = live.closing else { return };
        self.changed.notify_all();
        loop {
            let now = Instant::now();
            let over = match live.sender {
                Sender::None | Sender::Impossible | Sender::OutOfTime | Sender::Paused => true,
                Sender::Idle => live.segments.is_empty(),
                Sender::Busy => false,
                Sender::InFlight(since) => live.answer_expected_after(since, deadline),
            };
            if over || now >= deadline {
                break;
            }
            live = self.changed.wait_timeout(live, deadline - now).unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Sender::InFlight(since) = live.sender {
            drop(live);
            sender::remember_no_answer(self, since.elapsed());
        }
    }

    /// Undoes [`begin_closing`](Self::begin_closing): the process goes on after a command.
    pub(crate) fn reopen(&self) {
        let mut live = self.lock();
        live.closing = None;
        live.patient = false;
    }
}
