//! What changes while a process runs: its segments, what became of its records, what its sender does.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use super::intake::Lines;
use super::{Recorder, Setup};
use crate::delivery::{Breaker, remembered};
use crate::journal::{FOLDER_BYTES, Folder, Ledger, Left, Measured, Own, Owned, SEGMENT_BYTES};
use crate::receipt::{Dropped, Outcome, Suppressed};

/// How many segments a process keeps open at most.
const HELD_SEGMENTS: usize = 8;

/// What changes while a process runs.
#[derive(Default)]
pub(crate) struct Live {
    /// This process's segments, the one being written last.
    pub(crate) segments: VecDeque<Owned>,
    /// The segment whose records are on their way: it is not dropped meanwhile.
    pub(crate) sending: Option<String>,
    /// How many more segments fit into the folder, if nobody else begins one.
    pub(super) room: u64,
    /// The sizes of segments in it.
    pub(super) measured: Measured,
    /// When the folder was last changed by this process.
    pub(super) folder_changed: Option<SystemTime>,
    /// The number of the next record that is written.
    pub(super) next_number: u64,
    /// What is being written; kept for its buffer.
    pub(super) lines: Lines,
    /// Records that were given up.
    given_up: Numbers,
    /// Records that were left to whoever takes over their segment.
    left_behind: Numbers,
    /// Events that could not be written, until a segment counts them.
    pub(super) unwritten: u64,
    /// What became of segments in memory.
    pub(crate) memory: Option<Ledger>,
    /// What is known of the endpoint; read when first needed.
    pub(crate) breaker: Option<Breaker>,
    pub(crate) sender: Sender,
    /// Whether the sender should look again at what other processes left.
    pub(crate) look_again: bool,
    /// When the process will stop waiting, once it is ending.
    pub(crate) closing: Option<Instant>,
    /// Whether this exit ignores how long an answer usually takes.
    pub(crate) patient: bool,
    /// Whether somebody asked to send everything now, breaker or not, and until when.
    pub(crate) flush_until: Option<Instant>,
    /// Whether the last handle is gone, so that the sender may end.
    pub(crate) abandoned: bool,
}

/// What the sender's thread is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// There is no thread.
    #[default]
    None,
    /// The system would not give us a thread.
    Impossible,
    /// Looking for work.
    Busy,
    /// A request is on its way since then.
    InFlight(Instant),
    /// Nothing is left to send.
    Idle,
    /// The process ends too soon for another request.
    OutOfTime,
    /// The last attempt failed.
    Paused,
}

impl Live {
    /// What is known of the endpoint; read when first asked.
    pub(crate) fn breaker(&mut self, setup: &Setup) -> &mut Breaker {
        self.breaker.get_or_insert_with(|| {
            remembered::recall(setup.dirs.telemetry().as_deref(), setup.endpoint.url().unwrap_or_default())
        })
    }

    pub(super) fn may_start(&mut self, recorder: &Recorder, now_ms: u64) -> bool {
        self.breaker(&recorder.setup).allows(now_ms, recorder.setup.version)
            && self.has_time_for_a_request(Instant::now())
    }

    /// Whether what is sent now may be the last that this process sends.
    pub(crate) fn is_ending(&self) -> bool {
        self.closing.is_some() || self.flush_until.is_some() || self.abandoned
    }

    /// Whether somebody waits for everything to be sent.
    pub(crate) fn is_flushing(&self, now: Instant) -> bool {
        self.flush_until.is_some_and(|until| now < until)
    }

    /// Whether a request that begins now is likely to be answered before the process ends.
    pub(crate) fn has_time_for_a_request(&self, now: Instant) -> bool {
        match self.closing {
            None => true,
            Some(_) if self.is_flushing(now) => true,
            Some(deadline) => now < deadline && !self.answer_expected_after(now, deadline),
        }
    }

    pub(super) fn answer_expected_after(&self, begun: Instant, deadline: Instant) -> bool {
        let usual = self.breaker.as_ref().and_then(|breaker| breaker.answer_ms).map(Duration::from_millis);
        !self.patient
            && usual.is_some_and(|usual| begun.checked_add(usual).is_none_or(|answer| answer > deadline))
    }

    /// Begins to write to a segment.
    pub(super) fn push(&mut self, mut segment: Owned) {
        segment.first = self.next_number;
        if self.unwritten > 0 {
            segment.count_unwritten(std::mem::take(&mut self.unwritten));
        }
        self.segments.push_back(segment);
    }

    /// Appends records to the segment being written.
    pub(super) fn append(&mut self, lines: &Lines) -> Result<(), Outcome> {
        let segment = self.segments.back_mut().ok_or(Outcome::Suppressed(Suppressed::NoJournal))?;
        let records = lines.numbers.end - lines.numbers.start;
        segment.append(&lines.bytes, records).map_err(|_| {
            segment.count_unwritten(records);
            Outcome::Dropped(Dropped::Io)
        })
    }

    /// What became of a record; `None` while it waits.
    pub(super) fn fate(&self, number: u64) -> Option<Outcome> {
        let waits = self.segments.iter().any(|segment| segment.unresolved_numbers().contains(&number));
        match waits {
            true => None,
            false if self.given_up.contain(number) => Some(Outcome::Dropped(Dropped::GivenUp)),
            false if self.left_behind.contain(number) => Some(Outcome::Journaled),
            false if number < self.given_up.forgotten.max(self.left_behind.forgotten) => {
                Some(Outcome::Journaled)
            }
            false => Some(Outcome::Delivered),
        }
    }

    /// Notes that the next `records` of a segment, `bytes` long, are answered, those at `rejected` positions refused.
    pub(crate) fn resolve(&mut self, stem: &str, records: u64, bytes: u64, rejected: &[usize]) {
        let Some(segment) = self.segments.iter_mut().find(|segment| segment.stem == stem) else { return };
        let refused: Vec<u64> = rejected.iter().filter_map(|at| segment.number_of(*at as u64)).collect();
        segment.resolve(records, rejected.len() as u64, bytes);
        for number in refused {
            self.give_up(number..number + 1);
        }
    }

    /// Notes that records are given up.
    pub(crate) fn give_up(&mut self, numbers: Range<u64>) {
        self.given_up.add(numbers);
    }

    /// Lets go of the oldest full segments when there are many: this process's sender or a later one takes them over, as
    /// if this process had died, and its host has its open files back.
    pub(super) fn leave_oldest_behind(&mut self) {
        while self.segments.len() >= HELD_SEGMENTS {
            let oldest = self.segments.front();
            if !oldest
                .is_some_and(|oldest| oldest.is_durable() && self.sending.as_ref() != Some(&oldest.stem))
            {
                return;
            }
            if let Some(oldest) = self.segments.pop_front() {
                self.left_behind.add(oldest.unresolved_numbers());
                self.look_again = true;
            }
        }
    }

    /// Gives up all that waits, because somebody said no, and deletes it.
    pub(super) fn give_up_all(&mut self) {
        for segment in std::mem::take(&mut self.segments) {
            if let Some(path) = segment.path() {
                let _ = std::fs::remove_file(path);
            }
            self.give_up(segment.unresolved_numbers());
        }
    }

    /// Drops a segment of this process because the folder is full.
    pub(super) fn evict(&mut self, stem: &str, folder: &Folder) -> Own {
        let Some(at) = self.segments.iter().position(|segment| segment.stem == stem) else {
            return Own::Foreign;
        };
        if self.sending.as_deref() == Some(stem) {
            return Own::Stays;
        }
        let counted = self
            .segments
            .get(at)
            .is_some_and(|segment| folder.finish_own(segment, Left::Evicted(segment.unresolved())).is_ok());
        match counted.then(|| self.segments.remove(at)).flatten() {
            Some(segment) => {
                self.give_up(segment.unresolved_numbers());
                Own::Gone
            }
            None => Own::Stays,
        }
    }

    /// Drops the oldest segments in memory while they are too many.
    pub(super) fn keep_memory_bounds(&mut self) {
        let in_memory = |segment: &&Owned| !segment.is_durable();
        let mut bytes: u64 = self.segments.iter().filter(in_memory).map(|segment| segment.len).sum();
        let mut at = 0;
        while bytes + SEGMENT_BYTES > FOLDER_BYTES && at < self.segments.len() {
            let drop_it = self.segments.get(at).is_some_and(|segment| {
                !segment.is_durable() && self.sending.as_deref() != Some(&segment.stem)
            });
            match drop_it.then(|| self.segments.remove(at)).flatten() {
                Some(segment) => {
                    bytes = bytes.saturating_sub(segment.len);
                    self.count_in_memory(&segment, Left::Evicted(segment.unresolved()));
                    self.give_up(segment.unresolved_numbers());
                }
                None => at += 1,
            }
        }
    }

    /// Counts a segment in memory that goes.
    pub(crate) fn count_in_memory(&mut self, segment: &Owned, left: Left) {
        self.memory.get_or_insert_with(Ledger::new).add_gone(segment.records, segment.mark, left);
    }
}

/// Numbers of records, the newest of which are remembered: a process may live for long, and who asks, asks soon.
#[derive(Debug, Default)]
struct Numbers {
    ranges: VecDeque<Range<u64>>,
    /// Lower ones are not remembered.
    forgotten: u64,
}

impl Numbers {
    /// How many ranges are remembered.
    const MOST: usize = 1024;

    fn add(&mut self, numbers: Range<u64>) {
        match self.ranges.back_mut() {
            _ if numbers.is_empty() => {}
            Some(last) if last.end == numbers.start => last.end = numbers.end,
            _ => self.ranges.push_back(numbers),
        }
        if self.ranges.len() > Self::MOST {
            let oldest = self.ranges.pop_front();
            self.forgotten = self.forgotten.max(oldest.map_or(0, |oldest| oldest.end));
        }
    }

    fn contain(&self, number: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&number))
    }
}
