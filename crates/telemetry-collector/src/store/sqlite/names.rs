//! Numbers for names, installations and sessions.
//!
//! The writer gives numbers out; readers turn them back. A number never changes its meaning, so caches are only
//! ever too small; after a rollback the writer forgets its own ([`Numbers::forget`]).
//! A client cannot fill the dictionary: beyond [`NEW_NAMES_PER_DAY`] of one kind, a new name becomes [`OTHER`].

use std::collections::HashMap as StdMap;
use std::hash::Hash;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::codec::{Intern, Resolve};
use super::columns::{SessionIds, Sessions};
use crate::store::Day;

pub(super) const NEW_NAMES_PER_DAY: u64 = 2_000;
/// Stands for names beyond the daily limit.
pub(super) const OTHER: &str = "other";

/// Names and ids come from clients, so hashes are seeded; they are looked up a dozen times an event, so they are fast.
pub(super) type HashMap<K, V> = StdMap<K, V, foldhash::quality::RandomState>;

const CACHED: usize = 100_000;

/// The writer's memory of numbers that are in the file.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    names: HashMap<&'static str, HashMap<Box<str>, i64>>,
    /// With the first day that the file has for them.
    installs: HashMap<Uuid, (i64, Day)>,
    sessions: HashMap<Uuid, i64>,
    /// New names per kind on `day`.
    fresh: HashMap<&'static str, u64>,
    day: Day,
}

impl Numbers {
    /// To be called when what was given out since the last commit is void.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Gives out numbers inside one transaction.
pub(super) struct Numbering<'a> {
    conn: &'a Connection,
    numbers: &'a mut Numbers,
    /// Kinds of names that went beyond the limit, once per occurrence.
    pub(super) capped: Vec<&'static str>,
}

impl<'a> Numbering<'a> {
    pub(super) fn new(conn: &'a Connection, numbers: &'a mut Numbers) -> Self {
        Self { conn, numbers, capped: Vec::new() }
    }

    /// Sets the day to which new names count.
    pub(super) fn arrived_on(&mut self, day: Day) {
        if self.numbers.day != day {
            self.numbers.day = day;
            self.numbers.fresh.clear();
        }
    }

    /// The number of an installation that had an event on `day`; its first day becomes the earliest one told.
    pub(super) fn install_number(&mut self, id: Uuid, day: Day) -> rusqlite::Result<i64> {
        let (number, first_day) = remembered(&mut self.numbers.installs, id, || {
            let find = "SELECT id, first_day FROM install WHERE uuid = ?1";
            let found = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            if let Some(found) =
                self.conn.prepare_cached(find)?.query_row([id.as_bytes()], found).optional()?
            {
                return Ok(found);
            }
            let insert = "INSERT INTO install (uuid, first_day) VALUES (?1, ?2)";
            self.conn.prepare_cached(insert)?.execute((id.as_bytes(), day))?;
            Ok((self.conn.last_insert_rowid(), day))
        })?;
        if day < first_day {
            let update = "UPDATE install SET first_day = ?2 WHERE id = ?1";
            self.conn.prepare_cached(update)?.execute((number, day))?;
            self.numbers.installs.insert(id, (number, day));
        }
        Ok(number)
    }

    fn find(&self, kind: &str, name: &str) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT id FROM dict WHERE kind = ?1 AND name = ?2";
        self.conn.prepare_cached(sql)?.query_row((kind, name), |row| row.get(0)).optional()
    }

    fn insert(&self, kind: &str, name: &str) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO dict (kind, name, first_day) VALUES (?1, ?2, ?3)";
        self.conn.prepare_cached(sql)?.execute((kind, name, self.numbers.day))?;
        Ok(self.conn.last_insert_rowid())
    }

    /// How many names of a kind are new today.
    fn fresh(&mut self, kind: &'static str) -> rusqlite::Result<&mut u64> {
        let count = match self.numbers.fresh.get(kind) {
            Some(count) => *count,
            None => self.conn.query_row(
                "SELECT count(*) FROM dict WHERE kind = ?1 AND first_day = ?2",
                (kind, self.numbers.day),
                |row| row.get(0),
            )?,
        };
        Ok(self.numbers.fresh.entry(kind).or_insert(count))
    }
}

impl Intern for Numbering<'_> {
    fn intern(&mut self, kind: &'static str, name: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.names.get(kind).and_then(|names| names.get(name)) {
            return Ok(*number);
        }
        let number = match self.find(kind, name)? {
            Some(number) => number,
            None if name != OTHER && *self.fresh(kind)? >= NEW_NAMES_PER_DAY => {
                self.capped.push(kind);
                return self.intern(kind, OTHER);
            }
            None => {
                let number = self.insert(kind, name)?;
                *self.fresh(kind)? += 1;
                number
            }
        };
        let names = self.numbers.names.entry(kind).or_default();
        if names.len() >= CACHED {
            names.clear();
        }
        names.insert(name.into(), number);
        Ok(number)
    }
}

impl Sessions for Numbering<'_> {
    fn session_number(&mut self, id: Uuid) -> rusqlite::Result<i64> {
        remembered(&mut self.numbers.sessions, id, || {
            let find = "SELECT id FROM session WHERE uuid = ?1";
            if let Some(number) =
                self.conn.prepare_cached(find)?.query_row([id.as_bytes()], |row| row.get(0)).optional()?
            {
                return Ok(number);
            }
            self.conn.prepare_cached("INSERT INTO session (uuid) VALUES (?1)")?.execute([id.as_bytes()])?;
            Ok(self.conn.last_insert_rowid())
        })
    }
}

fn remembered<K: Eq + Hash + Copy, V: Copy>(
    known: &mut HashMap<K, V>,
    key: K,
    find: impl FnOnce() -> rusqlite::Result<V>,
) -> rusqlite::Result<V> {
    if let Some(value) = known.get(&key) {
        return Ok(*value);
    }
    let value = find()?;
    if known.len() >= CACHED {
        known.clear();
    }
    known.insert(key, value);
    Ok(value)
}

/// A reader's memory of committed names.
pub(super) type KnownNames = HashMap<i64, Arc<str>>;

/// Turns numbers back.
pub(super) struct Naming<'a> {
    pub(super) conn: &'a Connection,
    pub(super) known: &'a mut KnownNames,
}

impl Resolve for Naming<'_> {
    fn resolve(&mut self, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(name) = self.known.get(&id) {
            return Ok(Arc::clone(name));
        }
        let name: Arc<str> = self
            .conn
            .prepare_cached("SELECT name FROM dict WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))?
            .into();
        if self.known.len() >= CACHED {
            self.known.clear();
        }
        self.known.insert(id, Arc::clone(&name));
        Ok(name)
    }
}

impl SessionIds for Naming<'_> {
    fn session_id(&mut self, number: i64) -> rusqlite::Result<Uuid> {
        uuid_of(self.conn, "SELECT uuid FROM session WHERE id = ?1", number)
    }
}

pub(super) fn uuid_of(conn: &Connection, sql: &str, number: i64) -> rusqlite::Result<Uuid> {
    let bytes: [u8; 16] = conn.prepare_cached(sql)?.query_row([number], |row| row.get(0))?;
    Ok(Uuid::from_bytes(bytes))
}
