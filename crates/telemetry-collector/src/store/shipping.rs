//! From the spool to the store that all collectors share.
//!
//! A thread of its own takes the spool's rows in their order, in batches whose content is settled and written down
//! before the first attempt. An attempt that fails, however it fails, is made again with the same rows and the same
//! token until it has succeeded; only then the mark moves, and only rows before the mark are removed from the spool.
//! So an event is in the spool or in the store at any moment, and being in both is harmless.
//!
//! Nobody who sends events waits for this, unless the collector was told to acknowledge no earlier.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::clickhouse::ClickHouse;
use super::question::Arrival;
use super::shipment::Shipment;
use super::sqlite::spool::{Counted, sweep};
use super::sqlite::{Desk, Reader};
use super::{Day, StoreError, UnixMs, day_of};
use crate::report;

/// Rows that stay in the spool after they have arrived: a client that asks again soon hears of a duplicate.
const KEPT_ROWS: i64 = 1 << 16;
/// Removed rows after which it is looked for sessions and installations that nothing names any more.
const SWEEP_ROWS: usize = 1 << 20;
/// How often counters of arrivals are told while nothing else is.
const COUNTERS_EVERY: Duration = Duration::from_secs(5);
/// How often it is counted how many rows are there twice.
const DUPLICATES_EVERY: Duration = Duration::from_secs(300);
/// The pauses after failures: doubled each time, and up to half of it again by chance.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Points in time that are remembered to tell how old the oldest waiting row is.
const SIGHTINGS: usize = 1024;

/// When a batch is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) rows: u32,
    pub(crate) age: Duration,
}

/// How far shipping is, for those who wait for it or watch it.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Everything up to this row has arrived.
    shipped: watch::Sender<i64>,
    pub(crate) batches: AtomicU64,
    pub(crate) events: AtomicU64,
    /// Attempts that failed.
    pub(crate) failures: AtomicU64,
    /// Events of attempts that followed a failed one: if that had succeeded, they arrived twice and were dropped once.
    pub(crate) repeated: AtomicU64,
    /// Rows in the store, of the last two days, that repeat another one and were not merged yet.
    pub(crate) unmerged: AtomicU64,
    /// Days that were touched since they were added up, see [`super::summing`]; [`u64::MAX`] when that is not known.
    pub(crate) unsummed_days: AtomicU64,
    /// Days that this collector has added up.
    pub(crate) summed_days: AtomicU64,
    began: Instant,
    /// When the oldest waiting row was seen first, in milliseconds after `began` and one more; 0 when none waits.
    oldest_ms: AtomicU64,
    is_up: AtomicBool,
}

impl Progress {
    pub(crate) fn new(shipped: i64) -> Self {
        Self {
            shipped: watch::Sender::new(shipped),
            batches: AtomicU64::default(),
            events: AtomicU64::default(),
            failures: AtomicU64::default(),
            repeated: AtomicU64::default(),
            unmerged: AtomicU64::default(),
            unsummed_days: AtomicU64::new(u64::MAX),
            summed_days: AtomicU64::default(),
            began: Instant::now(),
            oldest_ms: AtomicU64::default(),
            is_up: AtomicBool::default(),
        }
    }

    pub(crate) fn shipped(&self) -> i64 {
        *self.shipped.borrow()
    }

    /// Whether the last attempt succeeded.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Relaxed)
    }

    /// How long the oldest row that was seen and has not arrived has been waiting.
    pub(crate) fn lag(&self) -> Duration {
        match self.oldest_ms.load(Relaxed) {
            0 => Duration::ZERO,
            oldest => self.began.elapsed().saturating_sub(Duration::from_millis(oldest - 1)),
        }
    }

    fn note_oldest(&self, seen: Option<Instant>) {
        let ms = |at: Instant| at.saturating_duration_since(self.began).as_millis() as u64 + 1;
        self.oldest_ms.store(seen.map_or(0, ms), Relaxed);
    }

    /// Waits until everything up to a row has arrived; `false` when that takes longer than `limit`.
    pub(crate) async fn arrival_of(&self, row: i64, limit: Duration) -> bool {
        let mut shipped = self.shipped.subscribe();
        let arrived = shipped.wait_for(|shipped| *shipped >= row);
        matches!(tokio::time::timeout(limit, arrived).await, Ok(Ok(_)))
    }
}

/// Ships one folder to one store, a batch at a time.
pub(crate) struct Lane<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) store: &'a ClickHouse,
    pub(crate) desk: &'a Desk,
}

impl Lane<'_> {
    /// Ships the batch that is settled, or settles and ships the next one, of at most `rows`; says how many it had.
    pub(crate) fn ship(
        &self,
        shipment: &mut Shipment,
        rows: u32,
        now_ms: UnixMs,
    ) -> Result<usize, StoreError> {
        let names = self.reader.names_after(shipment.names)?;
        if let Some(last) = names.last() {
            self.store.add_names(&names)?;
            shipment.names = last.number;
        }
        let planned = match shipment.planned {
            Some(planned) => planned,
            None => {
                let Some((to, count)) = self.reader.next_rows(shipment.shipped, rows)? else { return Ok(0) };
                let planned = shipment.plan(to, count, now_ms);
                self.keep(shipment)?;
                planned
            }
        };
        let facts = self.reader.facts(shipment.shipped, planned.to)?;
        self.store.add_facts(&facts, shipment.node, planned.place, &shipment.token(planned))?;
        shipment.arrived();
        self.keep(shipment)?;
        Ok(facts.len())
    }

    /// Tells the folder's counters, but for those that `told` has already.
    pub(crate) fn tell(&self, node: Uuid, from: Day, told: &mut Vec<Arrival>) -> Result<(), StoreError> {
        let Counted { arrivals, losses } = self.reader.counted(from)?;
        let news: Vec<Arrival> = arrivals.iter().filter(|arrival| !told.contains(arrival)).cloned().collect();
        self.store.add_arrivals(node, &news)?;
        *told = arrivals;
        self.store.add_losses(&losses)?;
        match losses.is_empty() {
            true => Ok(()),
            false => (self.desk)(Box::new(move |writer| writer.drop_losses(&losses))),
        }
    }

    fn keep(&self, shipment: &Shipment) -> Result<(), StoreError> {
        let shipment = shipment.clone();
        (self.desk)(Box::new(move |writer| writer.keep_shipment(&shipment)))
    }
}

/// What the thread is told.
pub(crate) struct Shipping {
    pub(crate) reader: Arc<Reader>,
    pub(crate) store: ClickHouse,
    pub(crate) desk: Desk,
    pub(crate) now: Arc<dyn Fn() -> UnixMs + Send + Sync>,
    pub(crate) pace: Pace,
    /// Bytes of the spool from which on nothing is taken.
    pub(crate) spool_max: u64,
    /// Days that events are kept for in the store.
    pub(crate) raw_days: i64,
    pub(crate) progress: Arc<Progress>,
    /// Whether the store was found to be usable.
    pub(crate) prepared: bool,
}

/// The thread; ends when it is told to.
#[derive(Debug)]
pub(crate) struct ShippingThread {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl ShippingThread {
    pub(crate) fn start(shipping: Shipping, shipment: Shipment) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let course = Course::new(shipping, shipment);
        let thread =
            std::thread::Builder::new().name("shipping".to_owned()).spawn(move || course.run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it after the attempt that is under way.
    pub(crate) fn join(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            report::line("the shipping thread panicked");
        }
    }
}

/// The thread's own state.
struct Course {
    shipping: Shipping,
    shipment: Shipment,
    /// Rows as they were seen first, oldest first.
    sightings: VecDeque<(i64, Instant)>,
    told: Vec<Arrival>,
    told_at: Option<Instant>,
    counted_at: Option<Instant>,
    cut_on: Option<Day>,
    trimmed: usize,
    /// The last attempt failed.
    again: bool,
}

impl Course {
    fn new(shipping: Shipping, shipment: Shipment) -> Self {
        Self {
            shipping,
            shipment,
            sightings: VecDeque::new(),
            told: Vec::new(),
            told_at: None,
            counted_at: None,
            cut_on: None,
            trimmed: 0,
            again: false,
        }
    }

    fn run(mut self, stopped: &mpsc::Receiver<()>) {
        let tick = (self.shipping.pace.age / 10).clamp(Duration::from_millis(5), Duration::from_secs(1));
        let mut pause = PAUSE_MIN;
        let mut trouble: Option<String> = None;
        let mut wait = tick;
        while stopped.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
            let result = self.look().and_then(|()| self.work(stopped));
            self.shipping.progress.is_up.store(result.is_ok(), Relaxed);
            self.again = result.is_err();
            match result {
                Ok(()) => {
                    if trouble.take().is_some() {
                        report::line("the store can be used again");
                    }
                    (pause, wait) = (PAUSE_MIN, tick);
                }
                Err(error) => {
                    self.shipping.progress.failures.fetch_add(1, Relaxed);
                    let text = error.to_string();
                    if trouble.as_ref() != Some(&text) {
                        report::line(&format!("the store cannot be used, events wait in the spool: {text}"));
                        trouble = Some(text);
                    }
                    // Collectors that failed together do not come back together.
                    let share = (Uuid::new_v4().as_u128() % 512) as u32;
                    wait = pause + pause * share / 1024;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        // What is there at an orderly end goes now, if it can; it is safe either way, and a store that is away is not
        // waited for.
        if !self.again
            && let Err(error) =
                self.look().and_then(|()| self.ship_all(stopped, false)).and_then(|()| self.tell())
        {
            report::line(&format!("the store cannot be used: {error}"));
        }
        let waiting = self.shipping.reader.last_row().map_or(0, |last| last - self.shipment.shipped);
        if waiting > 0 {
            report::line(&format!("{waiting} events stay in the data folder until it is started with again"));
        }
    }

    /// Notes what waits.
    fn look(&mut self) -> Result<(), StoreError> {
        let last_row = self.shipping.reader.last_row()?;
        let newest = self.sightings.back().map_or(self.shipment.shipped, |(row, _)| *row);
        if last_row > newest {
            self.sightings.push_back((last_row, Instant::now()));
            if self.sightings.len() > SIGHTINGS {
                let mut at = 0;
                self.sightings.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
            }
        }
        self.note_oldest();
        Ok(())
    }

    fn note_oldest(&mut self) {
        while self.sightings.front().is_some_and(|(row, _)| *row <= self.shipment.shipped) {
            self.sightings.pop_front();
        }
        self.shipping.progress.note_oldest(self.sightings.front().map(|(_, at)| *at));
    }

    fn work(&mut self, stopped: &mpsc::Receiver<()>) -> Result<(), StoreError> {
        if !self.shipping.prepared {
            match self.shipping.store.prepare() {
                Ok(asked) => asked?,
                Err(refused) => return Err(StoreError::Failed(refused.to_string())),
            }
            self.shipping.prepared = true;
        }
        self.ship_all(stopped, true)?;
        self.trim(stopped)?;
        if is_due(self.told_at, COUNTERS_EVERY.max(self.shipping.pace.age)) {
            self.tell()?;
        }
        self.keep_house()
    }

    /// Ships what is complete; with `wait`, what is neither many nor old is left for later.
    fn ship_all(&mut self, stopped: &mpsc::Receiver<()>, wait: bool) -> Result<(), StoreError> {
        let Pace { rows, age } = self.shipping.pace;
        loop {
            let waiting = self.shipping.reader.last_row()? - self.shipment.shipped;
            let is_old = self.sightings.front().is_some_and(|(_, at)| at.elapsed() >= age);
            let is_complete =
                self.shipment.planned.is_some() || waiting >= i64::from(rows) || is_old || !wait;
            if waiting <= 0 || !is_complete {
                return Ok(());
            }
            self.ship(rows)?;
            self.note_oldest();
            if wait && stopped.try_recv() != Err(mpsc::TryRecvError::Empty) {
                return Ok(());
            }
        }
    }

    fn ship(&mut self, rows: u32) -> Result<(), StoreError> {
        let Shipping { reader, store, desk, now, progress, .. } = &self.shipping;
        let lane = Lane { reader, store, desk };
        let shipped = lane.ship(&mut self.shipment, rows, now())? as u64;
        if std::mem::take(&mut self.again) {
            progress.repeated.fetch_add(shipped, Relaxed);
        }
        progress.batches.fetch_add(1, Relaxed);
        progress.events.fetch_add(shipped, Relaxed);
        progress.shipped.send_replace(self.shipment.shipped);
        Ok(())
    }

    fn tell(&mut self) -> Result<(), StoreError> {
        let Shipping { reader, store, desk, now, .. } = &self.shipping;
        // The first time everything: the store may have missed the end of the last run.
        let from = self.told_at.map_or(Day::MIN, |_| day_of(now()) - 1);
        Lane { reader, store, desk }.tell(self.shipment.node, from, &mut self.told)?;
        self.told_at = Some(Instant::now());
        Ok(())
    }

    /// Removes what has arrived from the spool, but for the newest of it.
    fn trim(&mut self, stopped: &mpsc::Receiver<()>) -> Result<(), StoreError> {
        let Shipping { reader, desk, spool_max, .. } = &self.shipping;
        // What has arrived must not take the room of what has not.
        let is_tight = reader.used_bytes()? >= spool_max / 2;
        let last = self.shipment.shipped - if is_tight { 0 } else { KEPT_ROWS };
        while last > 0 && stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let (told, gone) = mpsc::channel();
            desk(Box::new(move |writer| {
                let _ = told.send(writer.trim(last)?);
                Ok(())
            }))?;
            match gone.recv().unwrap_or(0) {
                0 => break,
                rows => self.trimmed += rows,
            }
        }
        if self.trimmed >= SWEEP_ROWS || (is_tight && self.trimmed > 0) {
            self.trimmed = 0;
            sweep(reader, desk)?;
        }
        Ok(())
    }

    fn keep_house(&mut self) -> Result<(), StoreError> {
        let Shipping { store, now, raw_days, progress, .. } = &self.shipping;
        let today = day_of(now());
        if self.cut_on != Some(today) {
            store.cut(today - raw_days)?;
            self.cut_on = Some(today);
        }
        if is_due(self.counted_at, DUPLICATES_EVERY) {
            let (events, rows) = store.counts(today - 1)?;
            progress.unmerged.store(rows.saturating_sub(events), Relaxed);
            self.counted_at = Some(Instant::now());
        }
        Ok(())
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}
