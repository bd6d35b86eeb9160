//! The thread that adds up days of a shared store, so that answers need not read their events.
//!
//! It looks which days were touched since they were added up, and adds up those that have been calm for a while: a day
//! that is touched again at once would have been added up for nothing. It works a fifth of the time at most. Every
//! collector does this; two that take the same day do the same thing twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::clickhouse::{ClickHouse, Unsummed};
use super::shipping::Progress;
use super::{Day, StoreError};
use crate::report;

/// How long a day stays as it is before it is added up, in ages of a batch.
const CALM_BATCHES: u32 = 5;
const CALM_MIN: Duration = Duration::from_secs(1);
const CALM_MAX: Duration = Duration::from_secs(300);
/// Pauses are so many times as long as the work before them.
const PAUSES: u32 = 4;

/// What the thread is told.
pub(crate) struct Summing {
    pub(crate) store: ClickHouse,
    pub(crate) runtime: Handle,
    /// The age of a batch: the time in which a collector touches a day again.
    pub(crate) batch_age: Duration,
    pub(crate) progress: Arc<Progress>,
}

/// The thread; ends when it is told to, in the middle of its work if need be.
#[derive(Debug)]
pub(crate) struct SummingThread {
    stop: watch::Sender<()>,
    thread: JoinHandle<()>,
}

impl SummingThread {
    pub(crate) fn start(summing: Summing) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(());
        let calm = (summing.batch_age * CALM_BATCHES).clamp(CALM_MIN, CALM_MAX);
        let course = Course { summing, calm, stopped, seen: HashMap::new() };
        let thread = std::thread::Builder::new().name("summing".to_owned()).spawn(move || course.run())?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn join(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            report::line("the summing thread panicked");
        }
    }
}

/// The thread's own state.
struct Course {
    summing: Summing,
    calm: Duration,
    /// Nothing is ever sent: it closes.
    stopped: watch::Receiver<()>,
    /// The days that were touched, and since when they are as they are.
    seen: HashMap<Day, (u64, Instant)>,
}

impl Course {
    fn run(mut self) {
        let look = self.calm / 2;
        let mut wait = look;
        let mut trouble: Option<String> = None;
        while !self.is_stopped_within(wait) {
            wait = look;
            // A store that takes nothing is told of elsewhere.
            if !self.summing.progress.is_up() {
                self.summing.progress.unsummed_days.store(u64::MAX, Relaxed);
                continue;
            }
            let began = Instant::now();
            match self.round() {
                Ok(true) => wait = began.elapsed() * PAUSES,
                Ok(false) => {}
                Err(_) if self.is_stopped_within(Duration::ZERO) => return,
                Err(error) => {
                    self.summing.progress.unsummed_days.store(u64::MAX, Relaxed);
                    let text = error.to_string();
                    if trouble.as_ref() != Some(&text) {
                        report::line(&format!("days are not added up: {text}"));
                        trouble = Some(text);
                    }
                    continue;
                }
            }
            if trouble.take().is_some() {
                report::line("days are added up again");
            }
        }
    }

    fn is_stopped_within(&mut self, wait: Duration) -> bool {
        let stopped = async { tokio::time::timeout(wait, self.stopped.changed()).await };
        self.summing.runtime.block_on(stopped).is_ok()
    }

    /// Adds up one day, the newest that is ready; says whether there was one.
    fn round(&mut self) -> Result<bool, StoreError> {
        let unsummed = self.summing.store.unsummed_days()?;
        self.summing.progress.unsummed_days.store(unsummed.len() as u64, Relaxed);
        let now = Instant::now();
        let before = std::mem::take(&mut self.seen);
        let since = |day: &Unsummed| match before.get(&day.day) {
            Some((state, since)) if *state == day.state => *since,
            _ => now,
        };
        self.seen = unsummed.iter().map(|day| (day.day, (day.state, since(day)))).collect();
        let is_ready = |day: &&Unsummed| day.is_whole && now - since(day) >= self.calm;
        let Some(day) = unsummed.iter().rfind(is_ready) else { return Ok(false) };
        let stopped = async || drop(self.stopped.clone().changed().await);
        self.summing.store.sum_day(*day, stopped)?;
        self.summing.progress.summed_days.fetch_add(1, Relaxed);
        Ok(true)
    }
}
