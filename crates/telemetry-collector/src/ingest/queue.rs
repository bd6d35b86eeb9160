//! The way from many requests to the one writer, and back.
//!
//! Invariants: the queue is bounded, in requests and in events, and a full one refuses at once; a result is given only
//! after the commit is on disk; new rows are announced to the live tail only then. Requests that wait together are
//! committed together.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};

use crate::metrics::Commits;
use crate::report;
use crate::store::sqlite::{Job as Chore, Writer};
use crate::store::{Batch, EventRow, StoreError, Stored};

/// At most this many requests share a commit.
const GROUP_MAX: usize = 256;
/// At most this many events wait or are being stored; an event takes about 2 KiB of memory until it is.
const EVENTS_MAX: usize = 16_384;
/// Commits whose answers wait to be given; the writer waits for them to become fewer.
const SETTLED_GROUPS: usize = 4;
/// The live tail's memory; a reader that falls behind further is told how much it missed.
const TAIL_EVENTS: usize = 1024;

/// Why a batch was not stored; nothing of it is in the store.
#[derive(Debug, Clone)]
pub(crate) enum QueueError {
    Full,
    Closed,
    Store(StoreError),
}

type Settled = Result<Stored, StoreError>;
/// The batch goes back to where it came from: memory is freed cheaply only by the thread that takes it again.
type Done = oneshot::Sender<(Settled, Batch)>;
type Answer = (Done, (Settled, Batch));

struct Job {
    batch: Batch,
    done: Done,
    /// The batch's share of [`EVENTS_MAX`].
    room: Option<OwnedSemaphorePermit>,
}

/// Hands batches to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
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

/// Starts the writer's thread; to be called on the runtime whose tasks use the queue.
pub(crate) fn start(writer: Writer, capacity: usize) -> std::io::Result<(Queue, WriterThread)> {
    let (jobs, waiting) = mpsc::channel(capacity);
    let (settled, answers) = mpsc::channel(SETTLED_GROUPS);
    let tail = broadcast::Sender::new(TAIL_EVENTS);
    let announce = tail.clone();
    let chores = Chores::default();
    let to_do = chores.clone();
    let commits = Arc::new(Commits::default());
    let measured = Arc::clone(&commits);
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || write_all(writer, waiting, &settled, &announce, &measured, &to_do))?;
    tokio::spawn(give_answers(answers));
    let room = Arc::new(Semaphore::new(EVENTS_MAX));
    Ok((Queue { jobs, room, tail, commits, chores }, WriterThread(thread)))
}

/// Wakes those who wait for a commit.
///
/// From within the runtime that is cheap; from the writer's thread, each would cost a call to the system.
async fn give_answers(mut settled: mpsc::Receiver<Vec<Answer>>) {
    while let Some(group) = settled.recv().await {
        for (done, answer) in group {
            // A client that went away meanwhile does not read its answer; its events are stored all the same.
            let _ = done.send(answer);
        }
    }
}

impl Queue {
    /// Stores a batch; returns when it is on disk.
    pub(crate) async fn store(&self, batch: Batch) -> Result<Stored, QueueError> {
        let (done, result) = oneshot::channel();
        // At most 64: a request has no more.
        let events = u32::try_from(batch.events.len().max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(events).map_err(|_| QueueError::Full)?;
        self.jobs.try_send(Job { batch, done, room: Some(room) }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueueError::Full,
            mpsc::error::TrySendError::Closed(_) => QueueError::Closed,
        })?;
        match result.await {
            Ok((result, _batch)) => result.map_err(QueueError::Store),
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
        let job = Job { batch: Batch::default(), done, room: None };
        self.jobs.blocking_send(job).map_err(|_| ended())?;
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
    settled: &mpsc::Sender<Vec<Answer>>,
    tail: &broadcast::Sender<Arc<EventRow>>,
    commits: &Commits,
    chores: &Chores,
) {
    let mut trouble = Trouble::default();
    let mut jobs = Vec::with_capacity(GROUP_MAX);
    while waiting.blocking_recv_many(&mut jobs, GROUP_MAX) > 0 {
        let (mut batches, mut waiters, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        for Job { batch, done, room } in jobs.drain(..) {
            batches.push(batch);
            waiters.push(done);
            rooms.push(room);
        }
        let began = Instant::now();
        let committed = writer.commit(&batches);
        commits.add(began.elapsed());
        let results: Vec<_> = match committed {
            Ok(results) => {
                // What has nothing to store says nothing about the room for it.
                if batches.iter().any(|batch| !batch.events.is_empty()) {
                    trouble.over();
                }
                results.into_iter().map(Ok).collect()
            }
            Err(error) => {
                trouble.is(&error);
                vec![Err(error); waiters.len()]
            }
        };
        // Nobody is left to answer only when the runtime ended without waiting.
        let _ = settled.blocking_send(waiters.into_iter().zip(results.into_iter().zip(batches)).collect());
        drop(rooms);
        announce(&mut writer, tail);
        chores.do_all(&mut writer);
    }
    writer.close();
}

/// Rows are read again for those who watch; mostly nobody does.
fn announce(writer: &mut Writer, tail: &broadcast::Sender<Arc<EventRow>>) {
    if tail.receiver_count() == 0 {
        return;
    }
    match writer.newly_stored() {
        Ok(rows) => {
            for row in rows {
                let _ = tail.send(Arc::new(row));
            }
        }
        Err(error) => report::line(&format!("the live tail misses events: {error}")),
    }
}

/// Says on stderr what keeps events from being taken: once per trouble, not once per request.
#[derive(Debug, Default)]
struct Trouble(Option<String>);

impl Trouble {
    fn is(&mut self, error: &StoreError) {
        let text = error.to_string();
        if self.0.as_ref() != Some(&text) {
            report::line(&format!("no events are taken: {text}"));
            self.0 = Some(text);
        }
    }

    fn over(&mut self) {
        if self.0.take().is_some() {
            report::line("events are taken again");
        }
    }
}
