//! What is kept by slot: which combination of values has which one, and how often each bucket occurred in it.
//!
//! Both are tables while they are small, and maps beyond that.

use std::collections::HashMap;

/// Combinations of a source's values that have a table; more of them share a map.
const TABLE_MAX: u64 = 1 << 18;
/// Slots whose buckets have a table; those of others share a map.
const TABLED_SLOTS: usize = 1 << 10;
/// More than any bucket, raised by one.
const BUCKETS: usize = 1026;
const NO_SLOT: u32 = u32::MAX;

/// The slots of a source's combinations, on one day.
#[derive(Default)]
pub(super) struct Known {
    is_tabled: bool,
    table: Vec<u32>,
    /// The places of the table that were filled.
    used: Vec<u64>,
    map: HashMap<u64, u32>,
}

impl Known {
    pub(super) fn prepare(&mut self, combinations: u64) {
        self.is_tabled = combinations <= TABLE_MAX;
        if self.is_tabled {
            self.table.resize(self.table.len().max(combinations as usize), NO_SLOT);
        }
    }

    pub(super) fn slot(&self, combination: u64) -> Option<u32> {
        match self.is_tabled {
            true => Some(self.table[combination as usize]).filter(|slot| *slot != NO_SLOT),
            false => self.map.get(&combination).copied(),
        }
    }

    pub(super) fn keep(&mut self, combination: u64, slot: u32) {
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
    tabled: Vec<u64>,
    others: HashMap<(u32, u16), u64>,
}

impl Buckets {
    pub(super) fn add(&mut self, slot: u32, raised: usize, count: u64) {
        let index = slot as usize * BUCKETS + raised;
        if let Some(known) = self.tabled.get_mut(index) {
            *known += count;
        } else if (slot as usize) < TABLED_SLOTS {
            self.tabled.resize((slot as usize + 1) * BUCKETS, 0);
            self.tabled[index] += count;
        } else {
            *self.others.entry((slot, raised as u16)).or_default() += count;
        }
    }

    /// Slots, raised buckets and counts.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, usize, u64)> {
        let tabled = self.tabled.iter().enumerate().filter(|(_, count)| **count > 0);
        let tabled = tabled.map(|(at, count)| ((at / BUCKETS) as u32, at % BUCKETS, *count));
        tabled.chain(self.others.iter().map(|((slot, raised), count)| (*slot, usize::from(*raised), *count)))
    }
}
