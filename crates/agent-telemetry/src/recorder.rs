//! Recording: an event becomes bytes, the bytes go to the journal, the sender is woken.
//!
//! This is the hot path: one lock, one serialisation into a reused buffer, one `write(2)`.
//! The lock is held across that write, and only there: it keeps the segment's bookkeeping and its bytes together, and a
//! write to a local file takes a microsecond. Nothing waits for the network here.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::catalogue::Catalogue;
use crate::consent::{self, Effect, Saved, State};
use crate::delivery::{self, Breaker};
use crate::endpoint::Endpoint;
use crate::event::{Event, MAX_RECORD_BYTES};
use crate::events::{Common, SCHEMA};
use crate::files;
use crate::identity;
use crate::inputs::{Dirs, Inputs};
use crate::journal::{FOLDER_BYTES, Folder, Owned, SEGMENT_BYTES};
use crate::name::NamePolicy;
use crate::receipt::{Dropped, Outcome, Receipt, Suppressed};
use crate::record;
use crate::sender;
use crate::value::{Arch, Caller, Count, EventId, InstallId, LanguageTag, Os, Version};

/// Sees each record as it was journaled.
pub(crate) type Observer = Box<dyn Fn(&str) + Send + Sync>;

/// What does not change while a process runs.
pub(crate) struct Setup {
    pub(crate) app: &'static str,
    pub(crate) version: &'static str,
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) inputs: Inputs,
    pub(crate) dirs: Dirs,
    pub(crate) endpoint: Endpoint,
    pub(crate) started: Instant,
    pub(crate) observer: Option<Observer>,
    /// Events are kept in memory and not sent.
    pub(crate) memory_only: bool,
}

/// Reads `telemetry.json` in the configuration folder and, when that is another one, in the default folder.
pub(crate) fn read_saved(dirs: &Dirs) -> (Saved, Option<Saved>) {
    let saved = dirs.config.as_deref().map_or(Saved::Missing, consent::read);
    let other = dirs.default_config.as_deref().filter(|dir| Some(*dir) != dirs.config.as_deref());
    (saved, other.map(consent::read))
}

/// The generation of the saved choices: it rises when either file's does.
pub(crate) fn generation(saved: &Saved, other: Option<&Saved>) -> u64 {
    saved.generation().saturating_add(other.map_or(0, Saved::generation))
}

/// A process's journal and what its sender has done with it.
pub(crate) struct Recorder {
    pub(crate) setup: Arc<Setup>,
    /// Whether events may leave in this process.
    pub(crate) may_send: bool,
    pub(crate) generation: u64,
    /// Whether the environment said yes explicitly.
    explicit_env: bool,
    /// `None`: events are kept in memory.
    pub(crate) folder: Option<Folder>,
    names: NamePolicy,
    common: OnceLock<Vec<u8>>,
    off: AtomicBool,
    live: Mutex<Live>,
    pub(crate) changed: Condvar,
}

/// What changes while a process runs.
#[derive(Default)]
pub(crate) struct Live {
    /// This process's segments, the one being written last.
    pub(crate) segments: VecDeque<Owned>,
    buffer: Vec<u8>,
    /// Records of this process; also the next one's number.
    recorded: u64,
    /// Records of this process that are resolved; they are sent in order.
    resolved: u64,
    /// Those among the resolved that were given up.
    given_up: Vec<Range<u64>>,
    /// What is known of the endpoint; read when first needed.
    pub(crate) breaker: Option<Breaker>,
    pub(crate) sender: Sender,
    /// When the process will stop waiting, once it is ending.
    pub(crate) closing: Option<Instant>,
    /// Whether this exit ignores how long an answer usually takes.
    pub(crate) patient: bool,
    /// Whether somebody asked to send everything now, breaker or not, and until when.
    pub(crate) flush_until: Option<Instant>,
    /// Whether the last handle is gone, so that the sender may end.
    abandoned: bool,
}

/// What the sender's thread is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// There is no thread.
    #[default]
    None,
    /// Looking for work.
    Busy,
    /// A request is on its way since then.
    InFlight(Instant),
    /// Nothing is left to send.
    Idle,
    /// The last attempt failed.
    Paused,
}

impl Recorder {
    /// A recorder for a process that may record; writes nothing yet.
    pub(crate) fn new(setup: Arc<Setup>, decision: &consent::Decision, generation: u64) -> Self {
        let hide =
            setup.inputs.names.as_deref().is_some_and(|value| !value.trim().eq_ignore_ascii_case("show"));
        let private = setup.inputs.private_words.iter().map(String::as_str);
        let names = NamePolicy::new(setup.catalogue.known, private, hide);
        Self {
            may_send: decision.state == State::On && setup.endpoint.url().is_some() && !setup.memory_only,
            generation,
            explicit_env: decision.explicit_env,
            folder: setup.dirs.telemetry().map(|telemetry| Folder::new(&telemetry)),
            names,
            common: OnceLock::new(),
            off: AtomicBool::new(false),
            live: Mutex::default(),
            changed: Condvar::new(),
            setup,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        // A panic while the lock was held leaves at worst an unsent record.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event; see [`crate::Telemetry::track`].
    pub(crate) fn record<E: Event>(self: &Arc<Self>, event: &E) -> Receipt {
        if self.off.load(Ordering::Relaxed) {
            return Receipt::known(Outcome::Suppressed(Suppressed::Off));
        }
        if !self.setup.catalogue.contains(&E::DEF) {
            return Receipt::known(Outcome::Suppressed(Suppressed::NotInCatalogue));
        }
        let now_ms = files::unix_ms();
        let mut guard = self.lock();
        let live = &mut *guard;
        if let Err(outcome) = self.ensure_segment(live, now_ms) {
            return Receipt::known(outcome);
        }
        let Some(common) = self.common.get() else {
            return Receipt::known(Outcome::Suppressed(Suppressed::NoJournal));
        };
        let Live { buffer, segments, .. } = live;
        let Some(segment) = segments.back_mut() else {
            return Receipt::known(Outcome::Suppressed(Suppressed::NoJournal));
        };
        buffer.clear();
        record::write_record(buffer, event, EventId::at(now_ms), now_ms, self.setup.app, common, &self.names);
        if buffer.len() > MAX_RECORD_BYTES {
            segment.count_too_big();
            return Receipt::known(Outcome::Dropped(Dropped::TooBig));
        }
        buffer.push(b'\n');
        if segment.append(buffer).is_err() {
            return Receipt::known(Outcome::Dropped(Dropped::Io));
        }
        let number = live.recorded;
        live.recorded += 1;
        let observed =
            self.setup.observer.is_some().then(|| String::from_utf8_lossy(&live.buffer).into_owned());
        if self.may_send {
            self.wake_sender(live, now_ms);
        }
        drop(guard);
        if let (Some(observer), Some(record)) = (&self.setup.observer, observed) {
            observer(record.trim_end());
        }
        Receipt::recorded(Arc::clone(self), number)
    }

    /// Makes sure that there is a segment with room.
    fn ensure_segment(&self, live: &mut Live, now_ms: u64) -> Result<(), Outcome> {
        match live.segments.back() {
            Some(segment) if segment.len < SEGMENT_BYTES => return Ok(()),
            Some(_) => {
                if self.said_no() {
                    self.stop(live);
                    return Err(Outcome::Suppressed(Suppressed::Off));
                }
                self.keep_bounds(live, now_ms);
            }
            None => {}
        }
        let segment = match &self.folder {
            Some(folder) => {
                folder.create_segment(self.generation, now_ms).or_else(|_| self.in_memory(now_ms))
            }
            None => self.in_memory(now_ms),
        };
        let Ok(segment) = segment else { return Err(Outcome::Suppressed(Suppressed::NoJournal)) };
        if self.common.get().is_none() {
            let id = match (&self.setup.dirs.telemetry(), segment.is_durable()) {
                (Some(telemetry), true) => {
                    identity::obtain(telemetry, now_ms).unwrap_or_else(|_| InstallId::random())
                }
                _ => InstallId::random(),
            };
            let _ = self.common.set(self.common_suffix(id));
        }
        live.segments.push_back(segment);
        Ok(())
    }

    /// Where nothing can be written, events are kept in memory if somebody said explicitly, here, that they be sent.
    fn in_memory(&self, now_ms: u64) -> io::Result<Owned> {
        if self.setup.memory_only || (self.may_send && self.explicit_env) {
            Ok(Owned::in_memory(now_ms))
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    fn keep_bounds(&self, live: &mut Live, now_ms: u64) {
        let Some(folder) = &self.folder else { return };
        folder.enforce_bounds(now_ms);
        let mut own: u64 = live.segments.iter().map(|segment| segment.len).sum();
        while own + SEGMENT_BYTES > FOLDER_BYTES {
            let Some(segment) = live.segments.pop_front() else { break };
            own = own.saturating_sub(segment.len);
            folder.evict_own(&segment);
            live.give_up(segment.unresolved());
        }
    }

    fn common_suffix(&self, id: InstallId) -> Vec<u8> {
        let common = Common {
            user_uuid: id,
            version: Version::parse(self.setup.version),
            os: Os::current(),
            arch: Arch::current(),
            os_language: self.setup.inputs.language.unwrap_or(LanguageTag::ENGLISH),
            caller: self.setup.inputs.caller.unwrap_or(Caller::Human),
            schema: Count::new(SCHEMA),
        };
        record::common_suffix(&common, &self.names)
    }

    /// Starts or wakes the sender's thread, unless an attempt would be in vain.
    fn wake_sender(self: &Arc<Self>, live: &mut Live, now_ms: u64) {
        match live.sender {
            Sender::None => {
                if live.may_start(self, now_ms) {
                    sender::start(self, live);
                }
            }
            Sender::Idle => {
                // Not idle any more, whether it has woken up yet or not.
                live.sender = Sender::Busy;
                self.changed.notify_all();
            }
            // Otherwise it looks for work again before it waits.
            Sender::Busy | Sender::InFlight(_) | Sender::Paused => {}
        }
    }

    /// Whether somebody said no since this process started, or said something that makes its events void.
    pub(crate) fn said_no(&self) -> bool {
        let (saved, other) = read_saved(&self.setup.dirs);
        let off = |saved: &Saved| saved.effect() == Effect::Off;
        off(&saved)
            || other.as_ref().is_some_and(off)
            || generation(&saved, other.as_ref()) != self.generation
    }

    /// Stops recording and deletes what this process recorded.
    pub(crate) fn stop(&self, live: &mut Live) {
        self.off.store(true, Ordering::Relaxed);
        for segment in live.segments.drain(..) {
            if let Some(path) = segment.path() {
                let _ = std::fs::remove_file(path);
            }
        }
        live.give_up(live.recorded.saturating_sub(live.resolved));
    }

    /// What became of a record, waiting for at most `timeout`.
    pub(crate) fn outcome(&self, number: u64, timeout: Duration) -> Outcome {
        let deadline = Instant::now() + timeout;
        let mut live = self.lock();
        loop {
            if number < live.resolved {
                let given_up = live.given_up.iter().any(|range| range.contains(&number));
                return if given_up { Outcome::Dropped(Dropped::GivenUp) } else { Outcome::Delivered };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || matches!(live.sender, Sender::None | Sender::Paused) {
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
        let patient = self.may_send && {
            let oldest_ms = self.folder.as_ref().and_then(Folder::oldest_ms);
            let now_ms = files::unix_ms();
            let patient = delivery::may_be_patient(oldest_ms, self.lock().breaker(self), now_ms);
            if patient {
                sender::remember(self, |breaker| breaker.patient_ms = now_ms);
            }
            patient
        };
        let mut live = self.lock();
        live.patient = patient;
        live.closing = Some(Instant::now() + delivery::exit_allowance(self.setup.started.elapsed(), patient));
    }

    /// Waits for what is on its way, within the exit allowance; what is not answered by then stays in the journal.
    pub(crate) fn close(&self) {
        let mut live = self.lock();
        if self.said_no() {
            self.stop(&mut live);
            return;
        }
        let Some(deadline) = live.closing else { return };
        self.changed.notify_all();
        loop {
            let now = Instant::now();
            let over = match live.sender {
                Sender::None | Sender::Paused => true,
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
            // Not a failure, but the next short run need not try.
            let waited = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            let news = live.breaker(self).answer_ms.is_none_or(|usual| usual < waited);
            drop(live);
            if news {
                sender::remember(self, |breaker| breaker.answer_ms = Some(waited));
            }
        }
    }
}

impl Live {
    /// Whether nobody can record any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// What is known of the endpoint; read when first asked.
    pub(crate) fn breaker(&mut self, recorder: &Recorder) -> &mut Breaker {
        self.breaker.get_or_insert_with(|| sender::recall(&recorder.setup))
    }

    fn may_start(&mut self, recorder: &Recorder, now_ms: u64) -> bool {
        self.breaker(recorder).allows(now_ms, recorder.setup.version)
            && self.has_time_for_a_request(Instant::now())
    }

    /// Whether a request that begins now is likely to be answered before the process ends.
    pub(crate) fn has_time_for_a_request(&self, now: Instant) -> bool {
        match self.closing {
            None => true,
            Some(_) if self.flush_until.is_some() => true,
            Some(deadline) => now < deadline && (self.patient || !self.answer_expected_after(now, deadline)),
        }
    }

    fn answer_expected_after(&self, begun: Instant, deadline: Instant) -> bool {
        let usual = self.breaker.as_ref().and_then(|breaker| breaker.answer_ms).map(Duration::from_millis);
        !self.patient
            && usual.is_some_and(|usual| begun.checked_add(usual).is_none_or(|answer| answer > deadline))
    }

    /// Notes that the next `records` of this process are delivered, those at `rejected` positions refused.
    pub(crate) fn delivered(&mut self, records: u64, rejected: &[usize]) {
        let first = self.resolved;
        self.given_up.extend(rejected.iter().map(|at| {
            let number = first + *at as u64;
            number..number + 1
        }));
        self.resolved += records;
    }

    /// Notes that the next `records` of this process are given up.
    pub(crate) fn give_up(&mut self, records: u64) {
        if records > 0 {
            self.given_up.push(self.resolved..self.resolved + records);
            self.resolved += records;
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("may_send", &self.may_send).finish_non_exhaustive()
    }
}
