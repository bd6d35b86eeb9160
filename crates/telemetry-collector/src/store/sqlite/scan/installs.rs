//! Sets of installations, as small as the fewer of a list and a bitmap.

/// A set of numbers that come mostly in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Installs {
    /// Unsorted, with repetitions; empty once there are `bits`.
    few: Vec<u32>,
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
        if !self.bits.is_empty() {
            return self.set(install);
        }
        if self.few.len() == self.few.capacity() {
            self.make_room();
        }
        match self.bits.is_empty() {
            true => self.few.push(install),
            false => self.set(install),
        }
    }

    fn make_room(&mut self) {
        self.tidy();
        let highest = self.few.last().copied().unwrap_or(0);
        if self.few.len() > 64 && self.few.len() > highest as usize / 32 {
            for install in std::mem::take(&mut self.few) {
                self.set(install);
            }
        } else if self.few.len() * 2 > self.few.capacity() {
            self.few.reserve(self.few.len().max(4));
        }
    }

    fn tidy(&mut self) {
        self.few.sort_unstable();
        self.few.dedup();
    }

    fn set(&mut self, install: u32) {
        let word = install as usize / 64;
        if word >= self.bits.len() {
            self.bits.resize((word + 1).next_power_of_two(), 0);
        }
        self.bits[word] |= 1 << (install % 64);
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
        self.tidy();
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
