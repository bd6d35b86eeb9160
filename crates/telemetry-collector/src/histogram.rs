//! Durations as logarithmic buckets, so that percentiles can be merged.
//!
//! A duration falls into bucket `floor(16·log2(ms + 1))`: 16 buckets per doubling, each 4.4 % wide.
//! A percentile is the nearest-rank one; its bucket's geometric middle is reported, rounded to a millisecond.
//! The answer is therefore never more than 4.5 % (plus that rounding) away from the exact one, whatever was merged.

use std::collections::BTreeMap;
use std::ops::Bound;

const BUCKETS_PER_DOUBLING: f64 = 16.0;

/// The bucket of a duration.
pub(crate) fn bucket_of(ms: u64) -> u16 {
    // Exact where it matters: log2 of a power of two is exact, and no other edge is a whole millisecond.
    // At most 16 · 64 = 1024.
    (BUCKETS_PER_DOUBLING * (ms as f64 + 1.0).log2()).floor() as u16
}

/// The duration that stands for a bucket, in milliseconds.
pub(crate) fn middle_of(bucket: u16) -> u64 {
    (((f64::from(bucket) + 0.5) / BUCKETS_PER_DOUBLING).exp2() - 1.0).round() as u64
}

/// How often each bucket occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: BTreeMap<u16, u64>,
    total: u64,
}

/// Counts of buckets, each once.
impl FromIterator<(u16, u64)> for Histogram {
    fn from_iter<I: IntoIterator<Item = (u16, u64)>>(buckets: I) -> Self {
        let counts = BTreeMap::from_iter(buckets);
        Self { total: counts.values().sum(), counts }
    }
}

impl Histogram {
    /// Adds a bucket's count.
    pub(crate) fn add_many(&mut self, bucket: u16, count: u64) {
        *self.counts.entry(bucket).or_default() += count;
        self.total += count;
    }

    /// Adds all of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            self.add_many(*bucket, *count);
        }
    }

    /// The nearest-rank percentile in milliseconds, `None` without samples.
    pub(crate) fn percentile(&self, percent: u64) -> Option<u64> {
        self.bucket_of_percentile(percent).map(middle_of)
    }

    /// The bucket that a percentile falls into, `None` without samples.
    pub(crate) fn bucket_of_percentile(&self, percent: u64) -> Option<u16> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then_some(*bucket)
        })
    }

    /// How many samples there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many samples are in higher buckets than this one.
    pub(crate) fn above(&self, bucket: u16) -> u64 {
        self.counts.range((Bound::Excluded(bucket), Bound::Unbounded)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_within_the_stated_error() {
        for ms in (0..5_000).chain((5_000..10_000_000).step_by(997)).chain([u64::from(u32::MAX)]) {
            let shown = middle_of(bucket_of(ms)) as f64;
            let error = (shown - ms as f64).abs();
            assert!(error <= 0.5 + 0.045 * (ms as f64 + 1.0), "{ms} ms is shown as {shown}");
        }
        assert_eq!([0, 1, 2, 3].map(|ms| middle_of(bucket_of(ms))), [0, 1, 2, 3]);
    }

    #[test]
    fn buckets_follow_the_written_formula() {
        assert_eq!([0, 1, 3, 7, 1023, u64::MAX].map(bucket_of), [0, 16, 32, 48, 160, 1024]);
        assert_eq!(bucket_of(2), 25);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for ms in 1..=100 {
            histogram.add_many(bucket_of(ms), 1);
        }
        let shown = [50, 95, 99, 100].map(|p| histogram.percentile(p).unwrap() as f64);
        for (shown, exact) in shown.into_iter().zip([50.0, 95.0, 99.0, 100.0]) {
            assert!((shown - exact).abs() <= 0.5 + 0.045 * exact, "{shown} for {exact}");
        }
        let above = |percent| histogram.above(histogram.bucket_of_percentile(percent).unwrap());
        assert!((1..=5).contains(&above(95)), "{}", above(95));
        assert_eq!((above(100), histogram.above(bucket_of(0)), histogram.total()), (0, 100, 100));
    }
}
