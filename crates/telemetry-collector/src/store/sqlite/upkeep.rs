//! What happens behind the ingest: cells become segments, old rows go, the write-ahead log stays small.
//!
//! The work is prepared on a thread of its own, from read snapshots, and handed to the one writer in pieces that are
//! small: an arriving event waits for one of them at most. Whatever was prepared from a generation that has passed is
//! thrown away by the writer, so nothing can be written that no longer fits the rows.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::read::{Reader, failed};
use super::segment::{self, Rows, Segment, Source, cell_end};
use super::tail::meta;
use super::write::Writer;
use crate::report;
use crate::store::{StoreError, UnixMs, day_of};

pub(super) mod retention;
pub(super) mod totals;

/// How often it is looked whether there is something to do.
const PAUSE: Duration = Duration::from_secs(1);
/// A write-ahead log that is larger is emptied as soon as no query needs it.
const LOG_MAX: u64 = 64 << 20;
/// How long emptying it may wait for queries; events wait meanwhile.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// A piece of work for the writer.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer) + Send>;
/// Has a piece of work done by the writer, between commits, and waits for it.
pub(crate) type Desk = Box<dyn Fn(Work) -> Result<(), StoreError> + Send>;
/// Work that may fail.
pub(crate) type Work = Box<dyn FnOnce(&mut Writer) -> Result<(), StoreError> + Send>;

/// What upkeep is told.
pub(crate) struct Upkeep {
    pub(crate) reader: Arc<Reader>,
    pub(crate) desk: Desk,
    pub(crate) now: Arc<dyn Fn() -> UnixMs + Send + Sync>,
    /// Days that rows are kept for.
    pub(crate) raw_days: i64,
}

/// The thread; ends when it is told to.
#[derive(Debug)]
pub(crate) struct UpkeepThread {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl UpkeepThread {
    pub(crate) fn start(upkeep: Upkeep) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || upkeep.run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it after the piece that is under way.
    pub(crate) fn join(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            report::line("the upkeep thread panicked");
        }
    }
}

impl Upkeep {
    fn run(&self, stopped: &mpsc::Receiver<()>) {
        let mut trouble = None;
        let mut cut_on = None;
        while stopped.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let today = day_of((self.now)());
            let result = self.seal(stopped).and_then(|()| match cut_on == Some(today) {
                true => Ok(()),
                false => self.cut(today - self.raw_days, stopped).inspect(|()| cut_on = Some(today)),
            });
            let result = result.and_then(|()| self.shorten_log());
            match result {
                Ok(()) => trouble = None,
                Err(error) => {
                    let text = error.to_string();
                    // Once per trouble; the rows are safe, and answers are right without segments.
                    if trouble.as_ref() != Some(&text) {
                        report::line(&format!("upkeep of the store failed: {text}"));
                        trouble = Some(text);
                    }
                }
            }
        }
    }

    /// Empties the write-ahead log when it has grown too large because queries overlapped.
    fn shorten_log(&self) -> Result<(), StoreError> {
        match self.reader.log_bytes() > LOG_MAX {
            true => (self.desk)(Box::new(Writer::shorten_log)),
            false => Ok(()),
        }
    }

    /// Seals all cells that are complete.
    pub(super) fn seal(&self, stopped: &mpsc::Receiver<()>) -> Result<(), StoreError> {
        while let Some(packed) = self.reader.next_segment()? {
            (self.desk)(Box::new(move |writer| writer.seal(&packed)))?;
            if stopped.try_recv() != Err(mpsc::TryRecvError::Empty) {
                break;
            }
        }
        Ok(())
    }
}

/// A segment that is not written yet.
#[derive(Debug)]
pub(crate) struct PackedCell {
    pub(super) segment: Segment,
    pub(super) generation: i64,
}

impl Reader {
    /// How long the write-ahead log is.
    fn log_bytes(&self) -> u64 {
        let mut name = self.folder.database.clone().into_os_string();
        name.push("-wal");
        std::fs::metadata(name).map_or(0, |data| data.len())
    }

    /// The next segment to be written: of a cell whose segment is damaged, or of the oldest complete cell without one.
    pub(crate) fn next_segment(&self) -> Result<Option<PackedCell>, StoreError> {
        let damaged = self.take_damaged();
        self.connected(|open| {
            let tx = open.conn.unchecked_transaction()?;
            let extent = self.shared.begin(&tx)?;
            let complete = |cell: &i64| cell_end(*cell) <= extent.last_row;
            let mut cells = damaged.into_iter().chain(extent.backlog.iter().copied());
            let generation = extent.generation;
            if let Some(cell) = cells.find(complete) {
                let segment = pack(&tx, cell)?;
                return Ok(Some(PackedCell { segment, generation }));
            }
            let held = extent.sources.iter().find_map(|source| match source {
                Source::Held(segment) if segment.head.last_row == cell_end(segment.head.cell) => {
                    Some(segment)
                }
                _ => None,
            });
            Ok(held.map(|segment| PackedCell { segment: Segment::clone(segment), generation }))
        })
        .map_err(failed)
    }
}

/// Makes the segment of a complete cell from its rows.
pub(super) fn pack(conn: &Connection, cell: i64) -> rusqlite::Result<Segment> {
    Ok(Rows::read(conn, cell_end(cell - 1), cell_end(cell))?.pack(cell))
}

/// To be called in the transaction that takes rows or segments away.
pub(super) fn raise_generation(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'", []).map(drop)
}

impl Writer {
    /// Writes a segment if what it was made from is still so.
    pub(crate) fn seal(&mut self, packed: &PackedCell) -> Result<(), StoreError> {
        self.upkeep(|conn| {
            if meta(conn, "generation")? != packed.generation {
                return Ok(());
            }
            let last = "SELECT coalesce(max(id), -1) FROM segment";
            // Readers expect new segments after the last one.
            if conn.query_row(last, [], |row| row.get::<_, i64>(0))? >= packed.segment.head.cell {
                raise_generation(conn)?;
            }
            packed.segment.save(conn)
        })
    }

    /// Seals all cells that are complete, for want of an upkeep thread; says how many.
    pub(crate) fn seal_complete(&mut self, reader: &Reader) -> Result<u64, StoreError> {
        let mut made = 0;
        while let Some(packed) = reader.next_segment()? {
            self.seal(&packed)?;
            made += 1;
        }
        Ok(made)
    }

    /// Runs one transaction of upkeep.
    pub(super) fn upkeep<T>(
        &mut self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let transact = || {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = run(&tx)?;
            tx.commit()?;
            Ok(result)
        };
        transact().map_err(|error: rusqlite::Error| StoreError::Failed(format!("upkeep failed: {error}")))
    }

    /// Empties the write-ahead log unless a query keeps it from that.
    pub(super) fn shorten_log(&mut self) -> Result<(), StoreError> {
        self.truncate_log(LOG_WAIT).map(drop).map_err(failed)
    }

    /// Moves the write-ahead log into the database and empties it; `false` when a reader was in the way.
    pub(super) fn truncate_log(&mut self, wait: Duration) -> rusqlite::Result<bool> {
        self.conn.busy_timeout(wait)?;
        let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.conn.busy_timeout(super::open::BUSY_WAIT)?;
        Ok(busy? == 0)
    }
}

/// Removes the segments of some cells; their rows are read until they are sealed again.
pub(super) fn unseal(conn: &Connection, cells: impl IntoIterator<Item = i64>) -> rusqlite::Result<()> {
    cells.into_iter().try_for_each(|cell| segment::delete(conn, cell))
}
