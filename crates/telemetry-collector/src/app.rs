//! What every handler may use: the queue to the writer, snapshots of the store, the catalogue and the time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::access::Doors;
use crate::answer::range::Range;
use crate::api::endpoints;
use crate::catalogue::Catalogues;
use crate::ingest::queue::{Queue, QueueError};
use crate::metrics::Requests;
use crate::settings::{Ack, Clock, SharedStore};
use crate::store::question::View;
use crate::store::shipping::Progress;
use crate::store::sqlite::{Reader, check_free_space};
use crate::store::{Batch, Day, Store, StoreError, StoreSize, Stored, UnixMs};

/// Queries that run at the same time; others wait.
const READERS: usize = 4;
/// Live tails that are open at the same time; others are refused.
const TAILS: usize = 64;

/// Wrong keys and tokens that wait for their answer at the same time; with each taking half a second, this is twice as
/// many guesses a second.
const GUESSES: usize = 8;

/// What those who watch the collector want to know of its store.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// Counts by fate and code, over all time.
    pub(crate) arrivals: BTreeMap<(String, String), u64>,
    pub(crate) last_row: i64,
    pub(crate) store: StoreSize,
}

/// How this collector stands to a store that it shares with others.
pub(crate) struct Shared {
    pub(crate) settings: SharedStore,
    pub(crate) progress: Arc<Progress>,
}

/// How much waits to be shipped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) events: i64,
    pub(crate) bytes: u64,
}

/// Shared by all handlers; a clone is one counter.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// See [`App`].
pub(crate) struct Parts {
    pub(crate) queue: Queue,
    pub(crate) catalogues: Catalogues,
    pub(crate) doors: Doors,
    /// Wrong secrets that wait for their answer.
    pub(crate) guesses: Semaphore,
    pub(crate) tails: Arc<Semaphore>,
    pub(crate) requests: Arc<Requests>,
    /// Becomes true when the collector ends.
    pub(crate) ending: watch::Receiver<bool>,
    store: Store,
    /// The collector's own folder: the store itself, or the spool of one.
    folder_reader: Arc<Reader>,
    pub(crate) shared: Option<Shared>,
    readers: Arc<Semaphore>,
    clock: Clock,
    started_ms: UnixMs,
    folder: PathBuf,
    min_free: u64,
}

impl App {
    pub(crate) fn new(
        queue: Queue,
        store: Store,
        folder_reader: Arc<Reader>,
        shared: Option<Shared>,
        settings: crate::settings::Settings,
        ending: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Parts {
            queue,
            catalogues: settings.catalogues,
            doors: Doors::new(settings.access, settings.listen, settings.tls.is_some()),
            guesses: Semaphore::new(GUESSES),
            tails: Arc::new(Semaphore::new(TAILS)),
            requests: Arc::new(Requests::to(endpoints().into_iter().map(|endpoint| endpoint.path))),
            ending,
            store,
            folder_reader,
            shared,
            readers: Arc::new(Semaphore::new(READERS)),
            started_ms: (settings.clock)(),
            clock: settings.clock,
            folder: settings.data,
            min_free: settings.min_free,
        }))
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    pub(crate) fn now_ms(&self) -> UnixMs {
        (self.clock)()
    }

    pub(crate) fn started_ms(&self) -> UnixMs {
        self.started_ms
    }

    pub(crate) fn open_tails(&self) -> usize {
        TAILS - self.tails.available_permits()
    }

    /// What those who watch the collector want to know of its store.
    pub(crate) async fn vitals(&self) -> Result<Vitals, StoreError> {
        let reader = Arc::clone(&self.folder_reader);
        self.read(move |view| {
            let mut arrivals = BTreeMap::new();
            for arrival in view.arrivals(Range { from: Day::MIN, to: Day::MAX })? {
                // Properties of refused records are no records.
                if !arrival.fate.ends_with("_property") {
                    *arrivals.entry((arrival.fate, arrival.code)).or_default() += arrival.n;
                }
            }
            Ok(Vitals { arrivals, last_row: view.last_row()?, store: reader.size()? })
        })
        .await
    }

    /// Runs `read` on one consistent state of the store, off the threads that answer requests.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        self.apart(move || store.read(read)).await
    }

    /// Runs `read` on the events that this collector itself has taken and still has: all of them, unless it ships them
    /// elsewhere.
    pub(crate) async fn read_own<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = Arc::clone(&self.folder_reader);
        match &self.store {
            Store::Embedded(_) => self.read(read).await,
            Store::Shared(_) => self.apart(move || reader.rows(read)).await,
        }
    }

    /// Runs something that waits, with a few others at most.
    async fn apart<T: Send + 'static>(
        &self,
        run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(|error| StoreError::Failed(error.to_string()))?;
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            run()
        });
        task.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    /// Takes a batch; returns when it is as safe as clients were promised.
    pub(crate) async fn take(&self, batch: Batch) -> Result<Stored, QueueError> {
        let stored = self.queue.store(batch).await?;
        let Some(Shared { settings, progress }) = &self.shared else { return Ok(stored) };
        let is_safe = settings.ack == Ack::Spool
            || stored.accepted + stored.duplicates == 0
            || progress.arrival_of(stored.last_row, settings.timeout).await;
        if is_safe { Ok(stored) } else { Err(QueueError::Store(StoreError::NotShipped)) }
    }

    /// How much waits to be shipped.
    pub(crate) async fn waiting(&self, shared: &Shared) -> Result<Waiting, StoreError> {
        let (reader, shipped) = (Arc::clone(&self.folder_reader), shared.progress.shipped());
        self.apart(move || Ok(Waiting { events: reader.last_row()? - shipped, bytes: reader.used_bytes()? }))
            .await
    }

    /// Why events cannot be taken now, if so.
    pub(crate) async fn check_ready(&self) -> Result<(), StoreError> {
        if !self.queue.is_open() {
            return Err(StoreError::Failed("the writer thread has ended".to_owned()));
        }
        let (reader, folder, min_free) =
            (Arc::clone(&self.folder_reader), self.folder.clone(), self.min_free);
        let most_bytes = self.shared.as_ref().map(|shared| shared.settings.spool_max);
        let check = move || {
            check_free_space(&folder, min_free)?;
            reader.check()?;
            match most_bytes {
                Some(max) if reader.used_bytes()? >= max => Err(StoreError::SpoolFull { max }),
                _ => Ok(()),
            }
        };
        let task = tokio::task::spawn_blocking(check);
        task.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }
}
