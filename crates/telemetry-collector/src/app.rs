//! What every handler may use: the queue to the writer, snapshots of the store, the catalogue and the time.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::access::Doors;
use crate::catalogue::Catalogues;
use crate::ingest::queue::Queue;
use crate::settings::Clock;
use crate::store::sqlite::{Reader, Snapshot, check_free_space};
use crate::store::{StoreError, UnixMs};

/// Queries that run at the same time; others wait.
const READERS: usize = 4;
/// Live tails that are open at the same time; others are refused.
const TAILS: usize = 64;

/// Wrong keys and tokens that wait for their answer at the same time; with each taking half a second, this is twice as
/// many guesses a second.
const GUESSES: usize = 8;

/// Shared by all handlers; a clone is one counter.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// See [`App`].
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) catalogues: Catalogues,
    pub(crate) doors: Doors,
    /// Wrong secrets that wait for their answer.
    pub(crate) guesses: Semaphore,
    pub(crate) tails: Arc<Semaphore>,
    /// Becomes true when the collector ends.
    pub(crate) ending: watch::Receiver<bool>,
    reader: Arc<Reader>,
    readers: Arc<Semaphore>,
    clock: Clock,
    folder: PathBuf,
    min_free: u64,
}

impl App {
    pub(crate) fn new(
        queue: Queue,
        reader: Reader,
        settings: crate::settings::Settings,
        ending: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Shared {
            queue,
            catalogues: settings.catalogues,
            doors: Doors::new(settings.access, settings.listen, settings.tls.is_some()),
            guesses: Semaphore::new(GUESSES),
            tails: Arc::new(Semaphore::new(TAILS)),
            ending,
            reader: Arc::new(reader),
            readers: Arc::new(Semaphore::new(READERS)),
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

    /// Runs `read` on one consistent state of the store, off the threads that answer requests.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(|error| StoreError::Failed(error.to_string()))?;
        let reader = Arc::clone(&self.reader);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            reader.snapshot(read)
        });
        task.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    /// Why events cannot be taken now, if so.
    pub(crate) async fn check_ready(&self) -> Result<(), StoreError> {
        if !self.queue.is_open() {
            return Err(StoreError::Failed("the writer thread has ended".to_owned()));
        }
        let (reader, folder, min_free) = (Arc::clone(&self.reader), self.folder.clone(), self.min_free);
        let check = move || check_free_space(&folder, min_free).and_then(|()| reader.check());
        let task = tokio::task::spawn_blocking(check);
        task.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }
}
