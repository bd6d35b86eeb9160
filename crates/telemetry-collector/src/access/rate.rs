//! How often a key may be used: a token bucket each, that holds one second's worth.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Token buckets, one a key.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: i64,
    buckets: Mutex<Vec<Bucket>>,
}

/// Thousandths of a request that are left, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at_ms: i64,
}

impl Limiter {
    pub(crate) fn new(per_second: NonZeroU32, keys: usize) -> Self {
        let per_second = i64::from(per_second.get());
        let full = Bucket { left: per_second * 1000, at_ms: i64::MIN };
        Self { per_second, buckets: Mutex::new(vec![full; keys]) }
    }

    /// Takes one request's worth out of a key's bucket, or says in how many seconds there is one again.
    pub(crate) fn take(&self, key: usize, now_ms: i64) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = buckets.get_mut(key) else { return Ok(()) };
        // A clock that went back gives nothing and takes nothing.
        let passed_ms = now_ms.saturating_sub(bucket.at_ms).clamp(0, 1000);
        bucket.left = (bucket.left + passed_ms * self.per_second).min(self.per_second * 1000);
        bucket.at_ms = now_ms;
        if bucket.left >= 1000 {
            bucket.left -= 1000;
            return Ok(());
        }
        // Rounded up twice, so that whoever waits that long finds something.
        let wait_ms = (1000 - bucket.left).unsigned_abs().div_ceil(self.per_second.unsigned_abs());
        Err(wait_ms.div_ceil(1000))
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
}
