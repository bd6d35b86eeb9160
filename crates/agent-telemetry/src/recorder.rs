//! Recording: an event becomes bytes, the bytes go to the journal, the sender is woken.
//!
//! This is the hot path: one lock, one serialisation into a reused buffer, one `write(2)`.
//! The lock is held across that write, and only there: it keeps the segment's bookkeeping and its bytes together, and a
//! write to a local file takes a microsecond. Nothing waits for the network here.

mod closing;
mod live;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

pub(crate) use live::{Live, Sender};

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
        if !live.segments.back().is_some_and(Owned::has_room)
            && let Err(outcome) = self.begin_segment(live, now_ms)
        {
            return Receipt::known(outcome);
        }
        let Live { buffer, segments, .. } = live;
        let (Some(Identity { common, .. }), Some(segment)) = (self.identity.get(), segments.back_mut())
        else {
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
            segment.count_unwritten(1);
            return Receipt::known(Outcome::Dropped(Dropped::Io));
        }
        let number = live.take_number();
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
                folder.keep_bounds(self.generation, now_ms, |stem| live.evict(stem, folder)).saturating_sub(1)
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

    /// Starts or wakes the sender's thread, unless an attempt would be in vain.
    fn wake_sender(self: &Arc<Self>, live: &mut Live, now_ms: u64) {
        if live.sender == Sender::None {
            if live.may_start(self, now_ms) {
                sender::start(self, live);
            }
        } else if matches!(live.sender, Sender::Idle | Sender::OutOfTime)
            && live.has_time_for_a_request(Instant::now())
        {
            live.sender = Sender::Busy;
            self.changed.notify_all();
        }
        // Otherwise it looks for work again before it waits.
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
