//! What all snapshots share: which segments there are, and the newest rows in memory until they are sealed.
//!
//! A snapshot begins under one lock, so snapshots are ordered: each sees at least what the one before it saw, and the
//! rows in memory are exactly those of the latest. What it then holds never changes.
//! The store's generation says whether rows or segments went away; then everything here starts afresh.
//!
//! Memory is bounded: rows of at most [`HELD_CELLS`] cells are held, packed but for the one that grows. Further
//! unsealed cells (after a migration, or when events come faster than they can be sealed) are read for each question.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::segment::{self, Head, Rows, Segment, Source, cell_end, cell_of};
use crate::answer::range::Range;
use crate::store::Day;
use crate::store::question::Key;

/// Unsealed cells in memory, about 1.5 MB each; few in unit tests, so that the others are tested, too.
const HELD_CELLS: usize = if cfg!(test) { 3 } else { 8 };

/// The environments by their number: source, version, os, arch, caller, language.
pub(super) type Envs = Vec<[u64; 6]>;

/// The place of a key in an environment.
pub(super) fn env_place(key: Key) -> Option<usize> {
    let keys = [Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller, Key::Language];
    keys.iter().position(|known| *known == key)
}

/// Where the facts of one snapshot are.
#[derive(Debug, Clone, Default)]
pub(super) struct Extent {
    pub(super) generation: i64,
    pub(super) last_row: i64,
    pub(super) sources: Vec<Source>,
    /// Cells that are neither sealed nor in memory.
    pub(super) backlog: Vec<i64>,
    pub(super) envs: Arc<Envs>,
}

impl Extent {
    /// The first and last day of all events, if there are any; `None` when some cells have to be asked themselves.
    pub(super) fn span(&self) -> Option<Option<Range>> {
        if !self.backlog.is_empty() {
            return None;
        }
        let heads = self.sources.iter().map(Source::head).filter(|head| head.rows > 0);
        let days = heads.map(|head| Range { from: head.min_day, to: head.max_day });
        Some(days.reduce(|a, b| Range { from: a.from.min(b.from), to: a.to.max(b.to) }))
    }
}

#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    generation: i64,
    /// In the order of cells.
    heads: Vec<Arc<Head>>,
    envs: Arc<Envs>,
    held: BTreeMap<i64, Growing>,
    first_days: FirstDays,
}

/// The first day of each installation by its number.
#[derive(Debug, Default)]
struct FirstDays {
    generation: i64,
    /// How often the first day of a known installation had changed.
    moves: i64,
    days: Arc<Vec<Day>>,
}

impl Shared {
    /// Lets the transaction of a connection begin, and says where its facts are.
    pub(super) fn begin(&self, conn: &Connection) -> rusqlite::Result<Extent> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = state.begin(conn);
        if result.is_err() {
            *state = State::default();
        }
        result
    }

    /// The first days of all installations of a snapshot, and perhaps of some that are newer.
    pub(super) fn first_days(&self, conn: &Connection, extent: &Extent) -> rusqlite::Result<Arc<Vec<Day>>> {
        let moves = meta(conn, "moves")?;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut state.first_days;
        if known.generation != extent.generation || known.moves != moves {
            *known = FirstDays { generation: extent.generation, moves, days: Arc::default() };
        }
        let mut statement = conn.prepare_cached("SELECT id, first_day FROM install WHERE id >= ?1")?;
        let mut rows = statement.query([known.days.len() as i64])?;
        let days = Arc::make_mut(&mut known.days);
        while let Some(row) = rows.next()? {
            let number: usize = row.get(0)?;
            days.resize(number, Day::MAX);
            days.push(row.get(1)?);
        }
        Ok(Arc::clone(&known.days))
    }
}

impl State {
    fn begin(&mut self, conn: &Connection) -> rusqlite::Result<Extent> {
        let generation = meta(conn, "generation")?;
        if generation != self.generation {
            *self = Self { generation, envs: Arc::clone(&self.envs), ..Self::default() };
        }
        // Without a change of generation, segments are only added, after the last one.
        self.heads.extend(segment::heads(conn, self.heads.last().map_or(i64::MIN, |head| head.cell + 1))?);
        self.extend_envs(conn)?;
        let sql = "SELECT coalesce((SELECT min(id) FROM event), 1), coalesce((SELECT max(id) FROM event), 0)";
        let (first_row, last_row): (i64, i64) =
            conn.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut unsealed = self.unsealed(first_row, last_row);
        let backlog = unsealed.drain(..unsealed.len().saturating_sub(HELD_CELLS)).collect();
        self.held.retain(|cell, _| unsealed.contains(cell));
        for cell in unsealed {
            self.held.entry(cell).or_default().extend(conn, cell, last_row)?;
        }
        let stored = self.heads.iter().map(|head| Source::Stored(Arc::clone(head)));
        let held = self.held.values().flat_map(Growing::segments).map(Source::Held);
        let sources = stored.chain(held).collect();
        Ok(Extent { generation, last_row, sources, backlog, envs: Arc::clone(&self.envs) })
    }

    /// The cells that have rows but no segment, in order.
    fn unsealed(&self, first_row: i64, last_row: i64) -> Vec<i64> {
        let mut sealed = self.heads.iter().map(|head| head.cell).peekable();
        let cells = cell_of(first_row)..=cell_of(last_row);
        cells
            .filter(|cell| {
                while sealed.next_if(|known| known < cell).is_some() {}
                sealed.next_if_eq(cell).is_none()
            })
            .collect()
    }

    fn extend_envs(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let sql =
            "SELECT id, source, version, os, arch, caller, language FROM env WHERE id >= ?1 ORDER BY id";
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([self.envs.len() as i64])?;
        while let Some(row) = rows.next()? {
            let number: usize = row.get(0)?;
            let envs = Arc::make_mut(&mut self.envs);
            envs.resize(number, [0; 6]);
            let mut env = [0; 6];
            for (index, value) in env.iter_mut().enumerate() {
                *value = row.get(1 + index)?;
            }
            envs.push(env);
        }
        Ok(())
    }
}

/// A cell that is read as its rows arrive.
///
/// New rows become a chunk of their own; chunks of similar size are put together, so that a row is packed again only
/// as often as the cell doubles.
#[derive(Debug, Default)]
struct Growing(Vec<Chunk>);

#[derive(Debug)]
struct Chunk {
    last_row: i64,
    count: u64,
    /// Gone when no more rows can follow.
    rows: Option<Rows>,
    packed: Arc<Segment>,
}

impl Growing {
    fn extend(&mut self, conn: &Connection, cell: i64, last_row: i64) -> rusqlite::Result<()> {
        let from = self.0.last().map_or(cell_end(cell - 1), |chunk| chunk.last_row);
        let to = last_row.min(cell_end(cell));
        if to <= from {
            return Ok(());
        }
        let mut rows = Rows::read(conn, from, to)?;
        let complete = to == cell_end(cell);
        while let Some(before) = self.0.pop_if(|chunk| complete || chunk.count <= 2 * rows.count) {
            let Some(mut all) = before.rows else { break };
            all.append(rows);
            rows = all;
        }
        let packed = Arc::new(rows.pack(cell));
        self.0.push(Chunk { last_row: to, count: rows.count, rows: (!complete).then_some(rows), packed });
        Ok(())
    }

    fn segments(&self) -> impl Iterator<Item = Arc<Segment>> {
        self.0.iter().map(|chunk| Arc::clone(&chunk.packed))
    }
}

/// A number from table `meta`.
pub(super) fn meta(conn: &Connection, key: &str) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0))
}
