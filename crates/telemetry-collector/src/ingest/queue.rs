//! The way from many requests to the one writer, and back.
//!
//! Invariants: the queue is bounded and a full one refuses at once; a result is given only after the commit is on
//! disk; new rows are announced to the live tail only then. Requests that wait together are committed together.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::metrics::Commits;
use crate::report;
use crate::store::sqlite::{Job as Chore, Writer};
use crate::store::{Batch, EventRow, StoreError, Stored};

/// At most this many requests share a commit.
const GROUP_MAX: usize = 256;
/// The live tail's memory; a reader that falls behind further is told how much it missed.
const TAIL_EVENTS: usize = 1024;

/// Why a batch was not stored; nothing of it is in the store.
#[derive(Debug, Clone)]
pub(crate) enum QueueError {
    Full,
    Closed,
    Store(StoreError),
}

struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<Stored, StoreError>>,
}

/// Hands batches to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Job>,
    tail: broadcast::Sender<Arc<EventRow>>,
    commits: Arc<Commits>,
    chores: Chores,
}

/// What upkeep wants done between commits.
#[derive(Clone, Default)]
struct Chores(Arc<Mutex<Vec<Chore>>>);

impl std::fmt::Debug for Chores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chores").finish_non_exhaustive()
    }
}

impl Chores {
    fn do_all(&self, writer: &mut Writer) {
        let chores = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        chores.into_iter().for_each(|chore| chore(writer));
    }
}

/// The writer's thread; ends when every [`Queue`] is gone and everything queued is stored.
#[derive(Debug)]
pub(crate) struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits for the end.
    pub(crate) fn join(self) {
        if self.0.join().is_err() {
            report::line("the writer thread panicked");
        }
    }
}

/// Starts the writer's thread.
pub(crate) fn start(writer: Writer, capacity: usize) -> std::io::Result<(Queue, WriterThread)> {
    let (jobs, waiting) = mpsc::channel(capacity);
    let tail = broadcast::Sender::new(TAIL_EVENTS);
    let announce = tail.clone();
    let chores = Chores::default();
    let to_do = chores.clone();
    let commits = Arc::new(Commits::default());
    let measured = Arc::clone(&commits);
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || write_all(writer, waiting, &announce, &measured, &to_do))?;
    Ok((Queue { jobs, tail, commits, chores }, WriterThread(thread)))
}

impl Queue {
    /// Stores a batch; returns when it is on disk.
    pub(crate) async fn store(&self, batch: Batch) -> Result<Stored, QueueError> {
        let (done, result) = oneshot::channel();
        self.jobs.try_send(Job { batch, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueueError::Full,
            mpsc::error::TrySendError::Closed(_) => QueueError::Closed,
        })?;
        match result.await {
            Ok(result) => result.map_err(QueueError::Store),
            Err(_) => Err(QueueError::Closed),
        }
    }

    /// Has a piece of upkeep done by the writer after its next commit, which is an empty one if nothing arrives;
    /// waits for it, so not to be called on the runtime.
    pub(crate) fn upkeep(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let ended = || StoreError::Failed("the writer thread has ended".to_owned());
        let (done, result) = std::sync::mpsc::channel();
        let chore: Chore = Box::new(move |writer| drop(done.send(work(writer))));
        self.chores.0.lock().unwrap_or_else(PoisonError::into_inner).push(chore);
        let (done, _) = oneshot::channel();
        self.jobs.blocking_send(Job { batch: Batch::default(), done }).map_err(|_| ended())?;
        result.recv().map_err(|_| ended())?
    }

    /// Whether the writer's thread lives.
    pub(crate) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// How many requests wait for the writer.
    pub(crate) fn depth(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// How long commits took.
    pub(crate) fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Every event that is stored from now on.
    pub(crate) fn tail(&self) -> broadcast::Receiver<Arc<EventRow>> {
        self.tail.subscribe()
    }
}

fn write_all(
    mut writer: Writer,
    mut waiting: mpsc::Receiver<Job>,
    tail: &broadcast::Sender<Arc<EventRow>>,
    commits: &Commits,
    chores: &Chores,
) {
    let mut batches = Vec::with_capacity(GROUP_MAX);
    let mut answers = Vec::with_capacity(GROUP_MAX);
    let mut trouble = None;
    while let Some(first) = waiting.blocking_recv() {
        let mut next = Some(first);
        while let Some(Job { batch, done }) = next {
            batches.push(batch);
            answers.push(done);
            next = if batches.len() < GROUP_MAX { waiting.try_recv().ok() } else { None };
        }
        // A client that went away meanwhile does not read its answer; its events are stored all the same.
        let began = Instant::now();
        let committed = writer.commit(&batches);
        commits.add(began.elapsed());
        match committed {
            Ok(results) => {
                if trouble.take().is_some() {
                    report::line("events are taken again");
                }
                for (stored, done) in results.into_iter().zip(answers.drain(..)) {
                    let rows = stored.rows.clone();
                    let _ = done.send(Ok(stored));
                    for row in rows {
                        let _ = tail.send(row);
                    }
                }
            }
            Err(error) => {
                let text = error.to_string();
                // Once per trouble, not once per request.
                if trouble.as_ref() != Some(&text) {
                    report::line(&format!("no events are taken: {text}"));
                    trouble = Some(text);
                }
                for done in answers.drain(..) {
                    let _ = done.send(Err(error.clone()));
                }
            }
        }
        batches.clear();
        chores.do_all(&mut writer);
    }
    writer.close();
}
