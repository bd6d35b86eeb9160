//! Segments: the facts of 64 Ki neighbouring rows, column by column.
//!
//! Row ids are cut into cells of [`CELL_ROWS`]; a cell that can get no more rows is sealed into one segment. A segment
//! has one table for each [`Subject`](crate::store::question::Subject), with lists taken apart, and one that says who
//! was there on which day; every column is a blob of its own, so that a question reads what it needs.
//!
//! Invariants: a segment says what its rows say, and can be made again from them at any time, byte for byte. It never
//! changes: whoever removes or changes rows removes the segments of their cells and raises the store's generation in the same
//! transaction. What does not fit its checksum is not used; its rows are read instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

pub(super) use self::fields::{COLUMNS, FORMAT, Field, Table};
pub(super) use self::numbers::{Coded, Damaged, Numbers, Pick, Runs};
pub(super) use self::rows::Rows;
use crate::answer::range::Range;
use crate::store::Day;
use crate::store::question::Subject;

pub(super) mod fields;
mod numbers;
mod rows;

/// Rows a cell; few in unit tests, where small stores must have many.
pub(super) const CELL_ROWS: i64 = if cfg!(test) { 64 } else { 1 << 16 };

/// The cell of a row; rows count from 1.
pub(super) fn cell_of(row: i64) -> i64 {
    (row - 1).div_euclid(CELL_ROWS)
}

/// The last row that a cell can have.
pub(super) fn cell_end(cell: i64) -> i64 {
    (cell + 1) * CELL_ROWS
}

/// What a segment is about; enough to decide whether a question needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) cell: i64,
    /// All rows of the cell up to this one are in the segment.
    pub(super) last_row: i64,
    /// How many rows there are.
    pub(super) rows: u64,
    pub(super) min_day: Day,
    pub(super) max_day: Day,
    /// How many facts of each subject.
    pub(super) facts: [u64; Subject::ALL.len()],
    /// How many presences.
    pub(super) installs: u64,
    checksum: u64,
}

impl Head {
    /// Whether it may have facts of a subject in a range; without a subject, any event.
    pub(super) fn concerns(&self, subject: Option<Subject>, range: Range) -> bool {
        let some = subject.map_or(self.rows, |subject| self.facts[subject as usize]) > 0;
        some && self.min_day <= range.to && self.max_day >= range.from
    }

    fn sum(&self) -> u64 {
        let counts = [self.rows as i64, self.installs as i64];
        let numbers = [self.cell, self.last_row, self.min_day, self.max_day, counts[0], counts[1]];
        let facts = self.facts.iter().map(|count| *count as i64);
        let bytes: Vec<u8> = numbers.into_iter().chain(facts).flat_map(i64::to_le_bytes).collect();
        numbers::checksum(&bytes, FORMAT as u64)
    }

    /// What a column is meant to be, for its checksum.
    fn mark(&self, table: Table, field: Field) -> u64 {
        (self.cell * COLUMNS + field.of(table)) as u64
    }
}

/// A segment in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) head: Head,
    columns: BTreeMap<i64, Vec<u8>>,
}

impl Segment {
    fn empty(cell: i64, last_row: i64, rows: u64) -> Self {
        let facts = [0; Subject::ALL.len()];
        let head = Head { cell, last_row, rows, min_day: 0, max_day: 0, facts, installs: 0, checksum: 0 };
        Self { head, columns: BTreeMap::new() }
    }

    /// Writes it, in place of what may be there.
    pub(super) fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        delete(conn, self.head.cell)?;
        let head = &self.head;
        let facts: Vec<u8> = head.facts.iter().flat_map(|count| count.to_le_bytes()).collect();
        let sql = "INSERT INTO segment (id, format, last_row, row_count, min_day, max_day, facts, presences, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        conn.prepare_cached(sql)?.execute((
            head.cell,
            FORMAT,
            head.last_row,
            head.rows,
            head.min_day,
            head.max_day,
            facts,
            head.installs,
            head.checksum as i64,
        ))?;
        let sql = "INSERT INTO segment_column (id, data) VALUES (?1, ?2)";
        let mut statement = conn.prepare_cached(sql)?;
        for (column, data) in &self.columns {
            statement.execute((head.cell * COLUMNS + column, data))?;
        }
        Ok(())
    }

    /// Reads it back; `None` when its columns are not those that it should have.
    pub(super) fn load(conn: &Connection, head: &Head) -> rusqlite::Result<Self> {
        let sql = "SELECT id, data FROM segment_column WHERE id >= ?1 AND id < ?2";
        let first = head.cell * COLUMNS;
        let mut statement = conn.prepare_cached(sql)?;
        let columns = statement
            .query_map((first, first + COLUMNS), |row| Ok((row.get::<_, i64>(0)? - first, row.get(1)?)))?;
        Ok(Self { head: head.clone(), columns: columns.collect::<rusqlite::Result<_>>()? })
    }
}

/// Removes the segment of a cell.
pub(super) fn delete(conn: &Connection, cell: i64) -> rusqlite::Result<()> {
    let first = cell * COLUMNS;
    conn.prepare_cached("DELETE FROM segment_column WHERE id >= ?1 AND id < ?2")?
        .execute((first, first + COLUMNS))?;
    conn.prepare_cached("DELETE FROM segment WHERE id = ?1")?.execute([cell])?;
    Ok(())
}

/// The segments from a cell on that this version can use, in order.
pub(super) fn heads(conn: &Connection, from: i64) -> rusqlite::Result<Vec<Arc<Head>>> {
    let sql = "SELECT id, last_row, row_count, min_day, max_day, facts, presences, checksum FROM segment
        WHERE id >= ?1 AND format = ?2 ORDER BY id";
    let mut statement = conn.prepare_cached(sql)?;
    let heads = statement.query_map((from, FORMAT), |row| {
        let mut facts = [0; Subject::ALL.len()];
        let bytes: Vec<u8> = row.get(5)?;
        for (count, bytes) in facts.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *count = u64::from_le_bytes(*bytes);
        }
        let (cell, last_row, rows) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (min_day, max_day) = (row.get(3)?, row.get(4)?);
        let (installs, checksum) = (row.get(6)?, row.get::<_, i64>(7)? as u64);
        Ok(Head { cell, last_row, rows, min_day, max_day, facts, installs, checksum })
    })?;
    let sound = heads.filter(|head| head.as_ref().map_or(true, |head| head.sum() == head.checksum));
    sound.map(|head| head.map(Arc::new)).collect()
}

/// Something that has columns: a segment in the file or in memory.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Stored(Arc<Head>),
    Held(Arc<Segment>),
}

impl Source {
    pub(super) fn head(&self) -> &Head {
        match self {
            Self::Stored(head) => head,
            Self::Held(segment) => &segment.head,
        }
    }

    /// A column's bytes.
    pub(super) fn column(&self, conn: &Connection, table: Table, field: Field) -> Result<Bytes, ReadError> {
        let bytes = match self {
            Self::Held(segment) => segment.columns.get(&field.of(table)).cloned(),
            Self::Stored(head) => {
                let sql = "SELECT data FROM segment_column WHERE id = ?1";
                let id = head.cell * COLUMNS + field.of(table);
                conn.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?
            }
        };
        let bytes = bytes.ok_or(ReadError::Damaged)?;
        Ok(Bytes { bytes, mark: self.head().mark(table, field) })
    }
}

/// A column as it is stored.
#[derive(Debug)]
pub(super) struct Bytes {
    bytes: Vec<u8>,
    mark: u64,
}

impl Bytes {
    pub(super) fn runs(&self) -> Result<Runs, Damaged> {
        numbers::decode_runs(&self.bytes, self.mark)
    }

    pub(super) fn coded(&self) -> Result<Coded<'_>, Damaged> {
        numbers::decode_coded(&self.bytes, self.mark)
    }

    pub(super) fn numbers(&self) -> Result<Numbers<'_>, Damaged> {
        numbers::decode_numbers(&self.bytes, self.mark)
    }
}

/// Why a column cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The rows say what it should have said.
    Damaged,
    Sqlite(rusqlite::Error),
}

impl From<Damaged> for ReadError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
