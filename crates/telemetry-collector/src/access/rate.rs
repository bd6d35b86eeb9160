//! How often something may be done: token buckets that hold what one period gives.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Token buckets, for instance one a key.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_period: i64,
    period_ms: i64,
    buckets: Mutex<Vec<Bucket>>,
}

/// What is left as of a moment; `period_ms` of it is one token.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at_ms: i64,
}

impl Limiter {
    /// Full buckets that get `per_second` tokens a second.
    pub(crate) fn new(per_second: NonZeroU32, buckets: usize) -> Self {
        Self::of_period(per_second, 1000, buckets)
    }

    /// Full buckets that get `per_period` tokens in `period_ms`, evenly.
    pub(crate) fn of_period(per_period: NonZeroU32, period_ms: u32, buckets: usize) -> Self {
        let (per_period, period_ms) = (i64::from(per_period.get()), i64::from(period_ms));
        let full = Bucket { left: per_period * period_ms, at_ms: i64::MIN };
        Self { per_period, period_ms, buckets: Mutex::new(vec![full; buckets]) }
    }

    /// Takes a token out of a bucket, or says in how many seconds there is one again.
    pub(crate) fn take(&self, bucket: usize, now_ms: i64) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = buckets.get_mut(bucket) else { return Ok(()) };
        // A clock that went back gives nothing and takes nothing.
        let passed_ms = now_ms.saturating_sub(bucket.at_ms).clamp(0, self.period_ms);
        bucket.left = (bucket.left + passed_ms * self.per_period).min(self.per_period * self.period_ms);
        bucket.at_ms = now_ms;
        if bucket.left >= self.period_ms {
            bucket.left -= self.period_ms;
            return Ok(());
        }
        // Rounded up twice, so that whoever waits that long finds something.
        let lacking = (self.period_ms - bucket.left).unsigned_abs();
        Err(lacking.div_ceil(self.per_period.unsigned_abs()).div_ceil(1000))
    }

    /// Puts a token back that turned out not to be needed.
    pub(crate) fn give_back(&self, bucket: usize) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(bucket) {
            bucket.left = (bucket.left + self.period_ms).min(self.per_period * self.period_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_rate_and_costs_the_others_nothing() {
        let limiter = Limiter::new(NonZeroU32::new(3).unwrap(), 2);
        let taken = |key, now_ms| (0..10).take_while(|_| limiter.take(key, now_ms).is_ok()).count();
        assert_eq!(taken(0, 1_000_000), 3);
        assert_eq!(taken(1, 1_000_000), 3);
        assert_eq!(taken(0, 1_000_500), 1);
        assert_eq!(taken(0, 1_002_000), 3, "no more than a second's worth is saved up");
        assert_eq!(limiter.take(0, 1_002_000), Err(1));
        assert_eq!(taken(0, 900_000), 0, "the clock went back");
        assert_eq!(taken(0, 900_334), 1);
    }

    #[test]
    fn a_longer_period_gives_its_tokens_evenly_and_takes_them_back() {
        let limiter = Limiter::of_period(NonZeroU32::new(10).unwrap(), 60_000, 1);
        let taken = |now_ms| (0..20).take_while(|_| limiter.take(0, now_ms).is_ok()).count();
        assert_eq!(taken(1_000_000), 10);
        assert_eq!(limiter.take(0, 1_000_000), Err(6));
        assert_eq!(limiter.take(0, 1_001_000), Err(5));
        assert_eq!(taken(1_006_000), 1);
        limiter.give_back(0);
        assert_eq!(taken(1_006_000), 1);
        for _ in 0..99 {
            limiter.give_back(0);
        }
        assert_eq!(taken(1_006_000), 10, "no more than a period's worth is kept");
    }
}
