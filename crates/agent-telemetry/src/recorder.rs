//! Recording: an event becomes bytes, the bytes go to the journal, the sender is woken.
//!
//! This is the hot path: one serialisation into the thread's own buffer, one `write(2)`.
//! Only the write is made under a lock, which keeps the segment's bookkeeping and its bytes together. It costs threads
//! that record at once nothing: the system writes to a file one after another in any case. Nothing waits for the network
//! here, and nothing that a caller brought along runs under the lock.

mod closing;
mod intake;
mod line;
mod live;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

pub(crate) use live::{Live, Sender};

use intake::{Intake, Patience};

use crate::catalogue::Catalogue;
use crate::consent::{self, SavedChoices, State};
use crate::endpoint::Endpoint;
use crate::event::{Event, MAX_RECORD_BYTES};
use crate::events::{Common, SCHEMA};
use crate::files;
use crate::identity;
use crate::inputs::{Dirs, Inputs};
use crate::journal::{Folder, Owned};
use crate::name::NamePolicy;
use crate::receipt::{Dropped, Outcome, Receipt, Suppressed};
use crate::record;
use crate::sender;
use crate::value::{Arch, Caller, Count, EventId, InstallId, LanguageTag, Os, Version};

/// Sees each record as it was journaled.
pub(crate) type Observer = Box<dyn Fn(&str) + Send + Sync>;

/// How long one who records relies on what was last known of an opt-out elsewhere, in milliseconds. Whoever sends asks
/// before each request.
const ASK_AGAIN_MS: u64 = 1000;

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
    identity: OnceLock<Identity>,
    off: AtomicBool,
    /// When one who records last looked whether somebody said no.
    asked_ms: AtomicU64,
    intake: Intake,
    live: Mutex<Live>,
    pub(crate) changed: Condvar,
}

/// The installation, and what every record of this process ends with because of it.
struct Identity {
    install: InstallId,
    common: Vec<u8>,
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
            identity: OnceLock::new(),
            off: AtomicBool::new(false),
            asked_ms: AtomicU64::new(files::unix_ms()),
            intake: Intake::default(),
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
        if self.is_off() {
            return Receipt::known(Outcome::Suppressed(Suppressed::Off));
        }
        if !self.setup.catalogue.contains(&E::DEF) {
            return Receipt::known(Outcome::Suppressed(Suppressed::NotInCatalogue));
        }
        let now_ms = files::unix_ms();
        if self.is_time_to_ask(now_ms) && self.said_no() {
            self.stop(&mut self.lock());
            return Receipt::known(Outcome::Suppressed(Suppressed::Off));
        }
        let common = match self.common(now_ms) {
            Ok(common) => common,
            Err(outcome) => return Receipt::known(outcome),
        };
        line::with(|line| {
            let id = EventId::at(now_ms);
            record::write_record(line, event, id, now_ms, self.setup.app, common, &self.names);
            let kept = self.keep(line, now_ms);
            if let (Some(observer), Ok(_)) = (&self.setup.observer, &kept) {
                observer(String::from_utf8_lossy(line).trim_end());
            }
            kept.map_or_else(Receipt::known, |number| Receipt::recorded(Arc::clone(self), number))
        })
    }

    /// Whether it is a while ago that somebody looked whether telemetry was turned off elsewhere.
    fn is_time_to_ask(&self, now_ms: u64) -> bool {
        let asked_ms = self.asked_ms.load(Ordering::Relaxed);
        if now_ms.abs_diff(asked_ms) < ASK_AGAIN_MS {
            return false;
        }
        self.asked_ms.store(now_ms, Ordering::Relaxed);
        true
    }

    /// What every record of this process ends with; the first one makes a segment, to know whose it is.
    fn common(&self, now_ms: u64) -> Result<&[u8], Outcome> {
        if self.identity.get().is_none() {
            self.make_room(&mut self.lock(), now_ms)?;
        }
        let identity = self.identity.get().ok_or(Outcome::Suppressed(Suppressed::NoJournal))?;
        Ok(&identity.common)
    }

    /// Appends a record to the journal, ends its line, and wakes the sender; answers its number.
    fn keep(self: &Arc<Self>, line: &mut Vec<u8>, now_ms: u64) -> Result<u64, Outcome> {
        if line.len() > MAX_RECORD_BYTES {
            return Err(self.refuse_too_big(now_ms));
        }
        line.push(b'\n');
        let mut patience = Patience::default();
        let mut number = None;
        loop {
            number = number.or_else(|| self.intake.add(line));
            if let Some(result) = number.and_then(|number| self.intake.result(number)) {
                return result;
            }
            let live = intake::try_lock(&self.live);
            if let Some(live) = live.or_else(|| (!patience.wait()).then(|| self.lock())) {
                self.write_out(live, now_ms);
            }
        }
    }

    fn refuse_too_big(&self, now_ms: u64) -> Outcome {
        let mut live = self.lock();
        if let Err(outcome) = self.make_room(&mut live, now_ms) {
            return outcome;
        }
        live.segments.back_mut().map(Owned::count_too_big);
        Outcome::Dropped(Dropped::TooBig)
    }

    /// Writes what threads have ready, in one write, and wakes the sender.
    fn write_out(self: &Arc<Self>, mut live: MutexGuard<'_, Live>, now_ms: u64) {
        let mut lines = std::mem::take(&mut live.lines);
        self.intake.take(&mut lines);
        let numbers = lines.numbers.clone();
        let mut wake = false;
        if !numbers.is_empty() {
            let written = self.make_room(&mut live, now_ms).and_then(|()| live.append(&lines));
            wake = written.is_ok() && self.may_send && self.has_work_for_sender(&mut live, now_ms);
            live.next_number = numbers.end;
            self.intake.settle(numbers, written);
        }
        live.lines = lines;
        drop(live);
        if wake {
            self.changed.notify_all();
        }
    }

    /// Makes sure that there is a segment with room, unless somebody said no meanwhile.
    fn make_room(&self, live: &mut Live, now_ms: u64) -> Result<(), Outcome> {
        if self.is_off() {
            return Err(Outcome::Suppressed(Suppressed::Off));
        }
        if live.segments.back().is_some_and(Owned::has_room) {
            return Ok(());
        }
        self.begin_segment(live, now_ms)
    }

    /// Whether somebody said no since this process began to record.
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// Begins a segment: the first, or the next because the last one is full.
    fn begin_segment(&self, live: &mut Live, now_ms: u64) -> Result<(), Outcome> {
        if let Some(full) = live.segments.back_mut() {
            if live.folder_changed.is_none()
                || live.folder_changed != self.folder.as_ref().and_then(Folder::changed)
            {
                // Somebody else began or ended a segment.
                live.room = 0;
            }
            full.seal();
            if self.said_no() {
                self.stop(live);
                return Err(Outcome::Suppressed(Suppressed::Off));
            }
        }
        let segment = match self.durable_segment(live, now_ms) {
            Ok(segment) => segment,
            // Where nothing can be written, events are kept in memory if somebody said explicitly, here, to send them.
            Err(_) if self.setup.memory_only || (self.may_send && self.explicit_env) => {
                self.identity.get_or_init(|| self.identity(InstallId::random()));
                live.keep_memory_bounds();
                Owned::in_memory(now_ms)
            }
            Err(error) if is_unwritable(&error) => return Err(Outcome::Suppressed(Suppressed::NoJournal)),
            Err(_) => {
                live.unwritten = live.unwritten.saturating_add(1);
                return Err(Outcome::Dropped(Dropped::Io));
            }
        };
        live.push(segment);
        Ok(())
    }

    fn durable_segment(&self, live: &mut Live, now_ms: u64) -> io::Result<Owned> {
        let (Some(folder), Some(telemetry)) = (&self.folder, self.setup.dirs.telemetry()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        folder.make()?;
        let install = self.install(&telemetry, folder, now_ms)?.uuid();
        if live.segments.is_empty()
            && let Some(segment) = folder.resume_segment(self.generation, install, now_ms)
        {
            return Ok(segment);
        }
        live.leave_oldest_behind();
        live.room = match live.room.checked_sub(1) {
            Some(room) => room,
            None => {
                let mut measured = std::mem::take(&mut live.measured);
                let evict = |stem: &str| live.evict(stem, folder);
                let room = folder.keep_bounds(self.generation, now_ms, &mut measured, evict);
                live.measured = measured;
                room.saturating_sub(1)
            }
        };
        let segment = folder.create_segment(self.generation, install, now_ms)?;
        live.folder_changed = folder.changed();
        Ok(segment)
    }

    /// The installation's id: the same for all records of a process.
    fn install(&self, telemetry: &Path, folder: &Folder, now_ms: u64) -> io::Result<InstallId> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity.install);
        }
        let install = identity::obtain(telemetry, now_ms, || folder.begin_epoch())?;
        Ok(self.identity.get_or_init(|| self.identity(install)).install)
    }

    fn identity(&self, install: InstallId) -> Identity {
        let common = Common {
            user_uuid: install,
            version: Version::parse(self.setup.version),
            os: Os::current(),
            arch: Arch::current(),
            os_language: self.setup.inputs.language.unwrap_or(LanguageTag::ENGLISH),
            caller: self.setup.inputs.caller.unwrap_or(Caller::Human),
            schema: Count::new(SCHEMA),
        };
        Identity { install, common: record::common_suffix(&common, &self.names) }
    }

    /// Starts the sender's thread, or says that it waits for this; not when an attempt would be in vain.
    fn has_work_for_sender(self: &Arc<Self>, live: &mut Live, now_ms: u64) -> bool {
        if live.sender == Sender::None {
            if live.may_start(self, now_ms) {
                sender::start(self, live);
            }
            return false;
        }
        // Otherwise it looks for work again before it waits.
        let waits = matches!(live.sender, Sender::Idle | Sender::OutOfTime)
            && live.has_time_for_a_request(Instant::now());
        if waits {
            live.sender = Sender::Busy;
        }
        waits
    }

    /// Whether somebody said no since this process started, or said something that makes its events void.
    pub(crate) fn said_no(&self) -> bool {
        let saved = SavedChoices::read(&self.setup.dirs);
        saved.says_off() || saved.generation != self.generation
    }

    /// Stops recording and deletes what this process recorded.
    pub(crate) fn stop(&self, live: &mut Live) {
        self.off.store(true, Ordering::Relaxed);
        live.give_up_all();
        if let Some(telemetry) = self.setup.dirs.telemetry()
            && SavedChoices::read(&self.setup.dirs).says_off()
        {
            // A first record makes an id, also when that was deleted a moment before.
            identity::forget(&telemetry);
        }
    }
}

/// Whether this is a place where nobody may write, which is another thing than a full disk.
fn is_unwritable(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), AlreadyExists | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("may_send", &self.may_send).finish_non_exhaustive()
    }
}
