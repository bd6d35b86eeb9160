//! From the embedded store to a shared one: everything is copied, then compared.
//!
//! The folder keeps what it has, and a mark of how far the copy is: whoever starts again continues there, and what was
//! on its way when it stopped is sent again as it was. Copied is what is shipped (see [`crate::store::shipping`]), with
//! the totals of days whose events are gone and the first day of every installation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Crc;
use tokio::runtime::Handle;

use crate::answer::range::{Range, show};
use crate::maintenance::{MaintenanceError, with_runtime};
use crate::settings::SharedStore;
use crate::store::clickhouse::ClickHouse;
use crate::store::question::{DailyTotals, View};
use crate::store::shipment::{Fact, Role, Shipment};
use crate::store::shipping::Lane;
use crate::store::sqlite::{Desk, Folder, Reader, Writer};
use crate::store::totals::measured;
use crate::store::{Day, OpenError, StoreError, day_of};

/// Events that are read at a time when copies are compared.
const CHUNK: u32 = 1 << 14;
/// Days whose totals are compared at a time.
const DAYS: i64 = 16;

/// What was copied and found to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// Events that are in the shared store and were compared.
    pub events: u64,
    /// Events that this run had to copy.
    pub copied: u64,
    /// Days of the client's clock that they are of.
    pub days: u64,
}

/// Why a folder could not be copied, or is not the same over there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The folder or the store cannot be used.
    #[error(transparent)]
    Open(#[from] MaintenanceError),
    /// It stopped on the way; starting again continues.
    #[error("{0}\n  start again to continue where it stopped")]
    Stopped(String),
    /// The copy differs.
    #[error("{0}")]
    Differs(String),
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        Self::Stopped(error.to_string())
    }
}

impl From<OpenError> for MigrateError {
    fn from(error: OpenError) -> Self {
        Self::Open(error.into())
    }
}

/// A copy that is to be made.
#[derive(Debug)]
pub struct Migration {
    store: SharedStore,
}

impl Migration {
    /// To a store, which has to have nothing but what is copied from the same folder.
    #[must_use]
    pub fn to(store: SharedStore) -> Self {
        Self { store }
    }

    /// Copies a folder that no collector uses; `tell` is called with the number of events after each batch.
    ///
    /// # Errors
    ///
    /// When something cannot be read or written, and when the copy is not the same.
    pub fn run(&self, data: &Path, mut tell: impl FnMut(u64)) -> Result<Migrated, MigrateError> {
        with_runtime(|runtime| self.copy(data, runtime, &mut tell))
    }

    fn copy(
        &self,
        data: &Path,
        runtime: Handle,
        tell: &mut impl FnMut(u64),
    ) -> Result<Migrated, MigrateError> {
        let store = ClickHouse::new(&self.store.address, self.store.timeout, runtime);
        store.prepare()??;
        let folder = Arc::new(Folder::existing(data).map_err(MigrateError::from)?);
        let mut shipment = match folder.shipment()? {
            Some(Shipment { role: Role::Spool, target, .. }) => {
                return Err(MigrateError::Differs(format!(
                    "{} is the spool of {target}: its events are shipped by the collector",
                    data.display()
                )));
            }
            Some(shipment) => shipment.towards(store.name()),
            None => Shipment::new(Role::Store, store.name()),
        };
        let is_begun = shipment.shipped > 0 || shipment.planned.is_some();
        if !is_begun && store.read(|view: &mut dyn View| view.span())?.is_some() {
            return Err(MigrateError::Differs(format!(
                "{} has events already; nothing was copied\n  choose a database without any",
                store.name()
            )));
        }
        let writer = Mutex::new(Some(Writer::open(Arc::clone(&folder), 0).map_err(MigrateError::from)?));
        let reader = Reader::new(folder);
        let writer = Arc::new(writer);
        let desk = desk(&writer);
        let lane = Lane { reader: &reader, store: &store, desk: &desk };
        let mut copied = 0;
        loop {
            let now_ms = jiff::Timestamp::now().as_millisecond();
            match lane.ship(&mut shipment, self.store.batch_rows, now_ms)? {
                0 => break,
                events => copied += events as u64,
            }
            tell(copied);
        }
        store.add_first_days(reader.first_days()?)?;
        store.add_totals(&reader.kept_totals()?)?;
        let counted = reader.counted(Day::MIN)?;
        store.add_arrivals(shipment.node, &counted.arrivals)?;
        store.add_losses(&counted.losses)?;
        store.sum_all()?;
        // Questions about a folder without segments would read every row, each.
        if let Some(writer) = writer.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            writer.seal_complete(&reader)?;
        }
        let migrated = compare(&reader, &store)?;
        if let Some(writer) = writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            writer.close();
        }
        Ok(Migrated { copied, ..migrated })
    }
}

/// A desk whose work is done at once.
pub(crate) fn desk(writer: &Arc<Mutex<Option<Writer>>>) -> Desk {
    let writer = Arc::clone(writer);
    Box::new(move |work| match writer.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        Some(writer) => work(writer),
        None => Err(StoreError::Failed("the folder is closed".to_owned())),
    })
}

/// Events of a day, and the sum of their checksums: over id, time, name, source and properties as they were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DaySum {
    pub(crate) events: u64,
    pub(crate) checksum: u64,
}

/// Compares every day's count, checksum and totals: what was sent, and what was made of it.
fn compare(reader: &Reader, store: &ClickHouse) -> Result<Migrated, MigrateError> {
    let here = day_sums(reader)?;
    let there = store.day_sums()?;
    for day in here.keys().chain(there.keys()) {
        let [ours, theirs] = [&here, &there].map(|sums| sums.get(day).copied().unwrap_or_default());
        if ours != theirs {
            return Err(MigrateError::Differs(format!(
                "{} has {} events here (checksum {}) and {} there (checksum {}); \
                 the store must have nothing but what is copied from this folder",
                show(*day),
                ours.events,
                ours.checksum,
                theirs.events,
                theirs.checksum
            )));
        }
    }
    if let (Some(first), Some(last)) = (here.keys().next(), here.keys().next_back()) {
        for from in (*first..=*last).step_by(DAYS as usize) {
            let range = Range { from, to: (from + DAYS - 1).min(*last) };
            let ours = reader.snapshot(|view| measured(view, range))?;
            let theirs = store.read(|view: &mut dyn View| measured(view, range))?;
            let differing = ours.iter().zip(&theirs).find(|(a, b)| a != b);
            if differing.is_some() || ours.len() != theirs.len() {
                let day = differing.map_or(range.from, |(DailyTotals { day, .. }, _)| *day);
                return Err(MigrateError::Differs(format!("the totals of {} differ", show(day))));
            }
        }
    }
    Ok(Migrated { events: here.values().map(|day| day.events).sum(), copied: 0, days: here.len() as u64 })
}

fn day_sums(reader: &Reader) -> Result<BTreeMap<Day, DaySum>, StoreError> {
    let mut sums: BTreeMap<Day, DaySum> = BTreeMap::new();
    let mut after = 0;
    while let Some((to, _)) = reader.next_rows(after, CHUNK)? {
        for fact in reader.facts(after, to)? {
            let sum = sums.entry(day_of(fact.event.event_timestamp)).or_default();
            sum.events += 1;
            sum.checksum += u64::from(checksum(&fact));
        }
        after = to;
    }
    Ok(sums)
}

/// The CRC-32 of an event as it was sent.
fn checksum(fact: &Fact) -> u32 {
    let event = &fact.event;
    let mut crc = Crc::new();
    for part in [
        event.event_id.to_string().as_str(),
        &event.event_timestamp.to_string(),
        &event.event,
        &event.source,
        &serde_json::to_string(&event.properties).unwrap_or_default(),
    ] {
        crc.update(part.as_bytes());
        crc.update(b"\n");
    }
    crc.sum()
}
