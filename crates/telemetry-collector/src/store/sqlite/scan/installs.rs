//! Sets of installations, as small as the fewer of a list and a bitmap.
//!
//! Numbers are collected in a list and taken in many at once: a question fills hundreds of sets in turn, and a bitmap is
//! fast only while it is in the processor's cache.

/// How many numbers a set with a bitmap collects.
const COLLECTED: usize = 1 << 10;

/// A set of numbers that come mostly in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Installs {
    /// Unsorted, with repetitions.
    few: Vec<u32>,
    /// How long `few` may become.
    most: usize,
    /// Empty while the list alone is smaller.
    bits: Vec<u64>,
    last: Option<u32>,
}

impl Installs {
    pub(super) fn insert(&mut self, install: u32) {
        // An installation's facts of a day stand together.
        if self.last == Some(install) {
            return;
        }
        self.last = Some(install);
        self.few.push(install);
        if self.few.len() > self.most {
            self.take_in();
        }
    }

    /// Makes room in the list.
    fn take_in(&mut self) {
        if self.bits.is_empty() {
            self.few.sort_unstable();
            self.few.dedup();
            let highest = self.few.last().copied().unwrap_or(0) as usize;
            if self.few.len() < 64 || self.few.len() <= highest / 32 {
                self.most = (2 * self.few.len()).max(64);
                return;
            }
            self.bits.resize(highest / 64 + 1, 0);
            self.most = COLLECTED;
        }
        for install in self.few.drain(..) {
            let word = install as usize / 64;
            if word >= self.bits.len() {
                self.bits.resize((word + 1).next_power_of_two(), 0);
            }
            self.bits[word] |= 1 << (install % 64);
        }
    }

    pub(super) fn merge(&mut self, mut other: Self) {
        if self.bits.len() < other.bits.len() {
            std::mem::swap(self, &mut other);
        }
        // The longer bitmap takes in the shorter one, which may be none.
        for (bits, more) in self.bits.iter_mut().zip(&other.bits) {
            *bits |= more;
        }
        for install in other.few {
            self.insert(install);
        }
    }

    pub(super) fn len(&mut self) -> u64 {
        self.take_in();
        self.few.len() as u64 + self.bits.iter().map(|bits| u64::from(bits.count_ones())).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_counts_what_a_set_counts() {
        for (count, spread) in
            [(0, 1), (1, 1), (100, 7), (100_000, 300), (100_000, 70_000), (3_000, 4_000_000_000)]
        {
            let numbers = (0..count).map(|n: u64| (n * 2_654_435_761 % spread) as u32);
            let set: BTreeSet<u32> = numbers.clone().collect();
            let (mut one, mut even, mut odd) =
                (Installs::default(), Installs::default(), Installs::default());
            for number in numbers {
                one.insert(number);
                if number % 2 == 0 { &mut even } else { &mut odd }.insert(number);
            }
            assert_eq!(one.len(), set.len() as u64, "{count} numbers below {spread}");
            even.merge(odd);
            assert_eq!(even.len(), set.len() as u64, "{count} numbers below {spread}, merged");
        }
    }
}
