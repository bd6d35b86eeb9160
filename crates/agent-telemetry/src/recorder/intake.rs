//! Where threads that record at once meet: whoever gets to write takes along what the others have ready.
//!
//! A thread adds its record, which is a short copy, and then either writes all that is there or sees that somebody else
//! did. So nobody returns before its record is in the journal, and a system that writes to a file one after another in
//! any case does so a few times less often ("flat combining", Hendler and others, SPAA 2010).

use std::hint;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use crate::receipt::Outcome;

/// Together the records that wait are not longer: a segment must not become much longer than it should. That is about
/// what threads record while a segment is begun.
const MOST_BYTES: usize = 32 * 1024;
/// How often a thread tries to get a lock before it waits for it like everybody.
const TURNS: usize = 32 * TURNS_AT_A_TIME;
/// After so many of these attempts it lets others run.
const TURNS_AT_A_TIME: usize = 8;

/// Records on their way into a segment.
#[derive(Debug, Default)]
pub(super) struct Intake {
    waiting: Mutex<Lines>,
    /// All records with lower numbers were written, or refused.
    settled: AtomicU64,
    /// The refused ones whose threads do not know yet, and how many these are.
    refused: Mutex<Vec<(u64, Outcome)>>,
    refusals: AtomicUsize,
}

/// Consecutive records, each with its line break.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) numbers: Range<u64>,
}

impl Intake {
    /// Adds a record; answers its number, or `None` when there is no room before somebody writes.
    pub(super) fn add(&self, line: &[u8]) -> Option<u64> {
        let mut waiting = lock_soon(&self.waiting);
        if !waiting.bytes.is_empty() && waiting.bytes.len() + line.len() > MOST_BYTES {
            return None;
        }
        if waiting.bytes.capacity() == 0 {
            waiting.bytes.reserve_exact(MOST_BYTES);
        }
        waiting.bytes.extend_from_slice(line);
        waiting.numbers.end += 1;
        Some(waiting.numbers.end - 1)
    }

    /// Moves what waits into `lines`; only one thread does so at a time.
    pub(super) fn take(&self, lines: &mut Lines) {
        lines.bytes.clear();
        if lines.bytes.capacity() == 0 {
            lines.bytes.reserve_exact(MOST_BYTES);
        }
        let mut waiting = lock_soon(&self.waiting);
        lines.numbers = waiting.numbers.clone();
        waiting.numbers.start = waiting.numbers.end;
        std::mem::swap(&mut waiting.bytes, &mut lines.bytes);
    }

    /// Notes that records were written, or why they were not.
    pub(super) fn settle(&self, numbers: Range<u64>, result: Result<(), Outcome>) {
        if let Err(outcome) = result {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.extend(numbers.clone().map(|number| (number, outcome)));
            self.refusals.store(refused.len(), Ordering::Release);
        }
        self.settled.store(numbers.end, Ordering::Release);
    }

    /// Whether a record was written, and if not, why; `None` while it waits. Asked until it answers, by one thread.
    pub(super) fn result(&self, number: u64) -> Option<Result<u64, Outcome>> {
        if self.settled.load(Ordering::Acquire) <= number {
            return None;
        }
        if self.refusals.load(Ordering::Acquire) == 0 {
            return Some(Ok(number));
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let at = refused.iter().position(|(refused, _)| *refused == number);
        let refusal = at.map(|at| refused.swap_remove(at));
        self.refusals.store(refused.len(), Ordering::Release);
        Some(refusal.map_or(Ok(number), |(_, outcome)| Err(outcome)))
    }
}

/// Takes a lock that is held for about a microsecond, which is far less than falling asleep and being woken takes.
pub(super) fn lock_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let mut patience = Patience::default();
    loop {
        if let Some(guard) = try_lock(mutex) {
            return guard;
        }
        if !patience.wait() {
            return mutex.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes a lock if nobody has it.
pub(super) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// How long a thread has waited awake.
#[derive(Debug, Default)]
pub(super) struct Patience(usize);

impl Patience {
    /// Waits for a moment; false when it is better to fall asleep.
    pub(super) fn wait(&mut self) -> bool {
        self.0 += 1;
        if self.0.is_multiple_of(TURNS_AT_A_TIME) {
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
        self.0 < TURNS
    }
}
