//! Answers from segments: what [`Plain`](super::plain::Plain) says, read from columns.
//!
//! A [`Scan`] walks the sources of one snapshot, on several threads when there are many, and adds up what each has.
//! A helping thread reads through a connection of its own, whose transaction may have begun later; it is used only if
//! the generation is the same, for then every segment of the snapshot is still what it was.
//! A source that does not fit its checksum is made again from its rows on the spot, and reported.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use rusqlite::Connection;

use super::names::Naming;
use super::read::{READ_LIMIT, Reader, failed};
use super::segment::{ReadError, Rows, Source, cell_end};
use super::tail::{Extent, meta};
use crate::answer::range::Range;
use crate::store::StoreError;
use crate::store::question::{Group, Question, Subject};

mod installs;
mod presence;
mod slots;
mod tally;

use self::tally::{Plan, Tally};

/// Fewer sources are not worth another thread.
const SOURCES_A_THREAD: usize = 12;
const THREADS_MAX: usize = 4;

/// Answers questions about one snapshot.
pub(super) struct Scan<'s, 'a> {
    pub(super) naming: &'s mut Naming<'a>,
    pub(super) extent: &'s Extent,
    pub(super) reader: &'s Reader,
}

/// One piece of work.
enum Unit<'s> {
    Source(&'s Source),
    /// A cell that is neither sealed nor in memory.
    Cell(i64),
}

impl Scan<'_, '_> {
    pub(super) fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError> {
        question.check()?;
        let Some(plan) = Plan::new(question, self.naming.conn, &self.extent.envs).map_err(failed)? else {
            return Ok(Vec::new());
        };
        let tallies =
            self.fold(Some(question.subject), question.range, Tally::default, |tally, conn, source| {
                tally.add(&plan, conn, source)
            })?;
        let all = tallies.into_iter().reduce(|mut all, tally| {
            all.merge(&plan, tally);
            all
        });
        all.unwrap_or_default().finish(&plan, self.naming).map_err(failed)
    }

    /// Adds up all sources that concern a question, in no particular order; one result a thread.
    ///
    /// `add` changes nothing when it fails.
    fn fold<T: Send>(
        &self,
        subject: Option<Subject>,
        range: Range,
        new: impl Fn() -> T + Sync,
        add: impl Fn(&mut T, &Connection, &Source) -> Result<(), ReadError> + Sync,
    ) -> Result<Vec<T>, StoreError> {
        let sources = self.extent.sources.iter().filter(|source| source.head().concerns(subject, range));
        let cells = self.extent.backlog.iter().copied().map(Unit::Cell);
        let units: Vec<Unit<'_>> = sources.map(Unit::Source).chain(cells).collect();
        let (reader, extent) = (self.reader, self.extent);
        let place = &Place { reader, extent, subject, range };
        let (next, until) = (AtomicUsize::new(0), Instant::now() + READ_LIMIT);
        let failure = Mutex::new(None);
        let work = |conn: &Connection| {
            let mut total = new();
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = match Instant::now() > until {
                    true => Err(StoreError::TooSlow { seconds: READ_LIMIT.as_secs() }),
                    false => add_unit(place, conn, unit, &mut total, &add).map_err(failed),
                };
                if let Err(error) = result {
                    next.store(units.len(), Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
            total
        };
        let helping = (units.len() / SOURCES_A_THREAD).saturating_sub(1);
        let busy = Busy::with(&reader.scanning, helping);
        let totals = thread::scope(|scope| {
            let help = || {
                let helped = reader.connected(|open| {
                    open.limit()?;
                    let tx = open.conn.unchecked_transaction()?;
                    let same = meta(&tx, "generation")? == extent.generation;
                    Ok(same.then(|| work(&tx)))
                });
                // Without help the work is done all the same.
                helped.ok().flatten()
            };
            let helpers: Vec<_> = (0..busy.helping).map(|_| scope.spawn(help)).collect();
            let own = work(self.naming.conn);
            let helped = helpers.into_iter().map(|helper| helper.join().map_err(|_| ()));
            helped.chain([Ok(Some(own))]).collect::<Result<Vec<_>, ()>>()
        });
        match (failure.into_inner().unwrap_or_else(PoisonError::into_inner), totals) {
            (Some(error), _) => Err(error),
            (None, Err(())) => Err(StoreError::Failed("read failed: a scanning thread panicked".to_owned())),
            (None, Ok(totals)) => Ok(totals.into_iter().flatten().collect()),
        }
    }
}

/// Counts the threads that scan, for all questions together: no more of them help than there are idle processors.
struct Busy<'s> {
    all: &'s AtomicUsize,
    helping: usize,
}

impl<'s> Busy<'s> {
    fn with(all: &'s AtomicUsize, wanted: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let others = all.fetch_add(1, Ordering::Relaxed);
        let helping = wanted.min(cores.saturating_sub(others + 1));
        all.fetch_add(helping, Ordering::Relaxed);
        Self { all, helping }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.helping + 1, Ordering::Relaxed);
    }
}

/// What is looked for, and where.
struct Place<'s> {
    reader: &'s Reader,
    extent: &'s Extent,
    subject: Option<Subject>,
    range: Range,
}

/// Reads the rows where there is no segment, or a damaged one.
fn add_unit<T>(
    place: &Place<'_>,
    conn: &Connection,
    unit: &Unit<'_>,
    total: &mut T,
    add: impl Fn(&mut T, &Connection, &Source) -> Result<(), ReadError>,
) -> rusqlite::Result<()> {
    let cell = match unit {
        Unit::Cell(cell) => *cell,
        Unit::Source(source) => match add(total, conn, source) {
            Ok(()) => return Ok(()),
            Err(ReadError::Sqlite(error)) => return Err(error),
            Err(ReadError::Damaged) => {
                place.reader.report_damaged(source.head().cell);
                source.head().cell
            }
        },
    };
    let rows = Rows::read(conn, cell_end(cell - 1), cell_end(cell).min(place.extent.last_row))?;
    let packed = rows.pack(cell);
    if !packed.head.concerns(place.subject, place.range) {
        return Ok(());
    }
    match add(total, conn, &Source::Held(packed.into())) {
        Ok(()) => Ok(()),
        Err(ReadError::Sqlite(error)) => Err(error),
        // It was packed a moment ago.
        Err(ReadError::Damaged) => Err(rusqlite::Error::InvalidQuery),
    }
}
