//! What is kept by slot: which combination of values has which one, and how often each bucket occurred in it.
//!
//! Both are tables while they are small, and maps beyond that.

use std::collections::HashMap;

use crate::histogram::Histogram;

/// Combinations of a source's values that have a table; more of them share a map.
const TABLE_MAX: u64 = 1 << 18;
/// Slots whose buckets have a table; those of others share a map.
const TABLED_SLOTS: usize = 1 << 10;
/// More than any bucket, raised by one.
const BUCKETS: usize = 1026;
/// What a combination has that was not seen yet.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// The slots of a source's combinations, on one day.
#[derive(Default)]
pub(super) struct Known {
    is_tabled: bool,
    table: Vec<u32>,
    /// The places of the table that were filled.
    used: Vec<u32>,
    map: HashMap<u32, u32>,
}

impl Known {
    pub(super) fn prepare(&mut self, combinations: u64) {
        self.is_tabled = combinations <= TABLE_MAX;
        if self.is_tabled {
            self.table.resize(self.table.len().max(combinations as usize), NO_SLOT);
        }
    }

    pub(super) fn slot(&self, combination: u32) -> u32 {
        match self.is_tabled {
            true => self.table[combination as usize],
            false => self.map.get(&combination).copied().unwrap_or(NO_SLOT),
        }
    }

    pub(super) fn keep(&mut self, combination: u32, slot: u32) {
        if self.is_tabled {
            self.table[combination as usize] = slot;
            self.used.push(combination);
        } else {
            self.map.insert(combination, slot);
        }
    }

    pub(super) fn forget(&mut self) {
        self.map.clear();
        for combination in self.used.drain(..) {
            self.table[combination as usize] = NO_SLOT;
        }
    }
}

/// How often each bucket occurred in each slot.
#[derive(Default)]
pub(super) struct Buckets {
    /// What would overflow goes to `others`.
    tabled: Vec<u32>,
    others: HashMap<(u32, u16), u64>,
}

impl Buckets {
    pub(super) fn add(&mut self, slot: u32, raised: usize, count: u32) {
        let index = slot as usize * BUCKETS + raised;
        if index >= self.tabled.len() && (slot as usize) < TABLED_SLOTS {
            self.tabled.resize((slot as usize + 1) * BUCKETS, 0);
        }
        match self.tabled.get_mut(index).and_then(|known| Some((known.checked_add(count)?, known))) {
            Some((sum, known)) => *known = sum,
            None => *self.others.entry((slot, raised as u16)).or_default() += u64::from(count),
        }
    }

    /// Adds all of another one, whose slots are these here.
    pub(super) fn merge(&mut self, other: Self, slots: &[u32]) {
        for (at, count) in other.tabled.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            self.add(slots[at / BUCKETS], at % BUCKETS, count);
        }
        for ((slot, raised), count) in other.others {
            *self.others.entry((slots[slot as usize], raised)).or_default() += count;
        }
    }

    /// The histogram of each slot.
    pub(super) fn histograms(&self, slots: usize) -> Vec<Histogram> {
        let counted = |(raised, count): (usize, &u32)| match count {
            0 => None,
            count => Some(((raised - 1) as u16, u64::from(*count))),
        };
        let tabled =
            self.tabled.chunks(BUCKETS).map(|row| row.iter().enumerate().filter_map(counted).collect());
        let mut histograms: Vec<Histogram> = tabled.collect();
        histograms.resize_with(slots, Histogram::default);
        for ((slot, raised), count) in &self.others {
            histograms[*slot as usize].add_many(raised - 1, *count);
        }
        histograms
    }
}
