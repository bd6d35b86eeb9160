//! Whether and when a failed model call is tried again. Pure: randomness is handed in.

use std::time::Duration;

use super::ProviderError;

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Further attempts after the first.
    pub retries: u32,
    /// The shortest pause of our own choice.
    pub base: Duration,
    /// The longest pause of our own choice.
    pub max: Duration,
    /// Longest pause that a provider may ask for.
    pub max_retry_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 2,
            base: Duration::from_millis(200),
            max: Duration::from_secs(2),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl Policy {
    /// The pause before attempt `attempt` (the first retry is 1), or nothing if the error is final.
    ///
    /// Uniformly between `base` and a bound that begins at twice that, doubles with every attempt and never passes
    /// `max`: many clients that fail together do not come back together. `random` is any number, taken as uniform.
    #[must_use]
    pub fn pause(&self, error: &ProviderError, attempt: u32, random: u64) -> Option<Duration> {
        if attempt > self.retries {
            return None;
        }
        match error {
            ProviderError::RateLimited { retry_after: Some(wait), .. } => {
                (*wait <= self.max_retry_after).then_some(*wait)
            }
            error if error.may_pass() => {
                let bound = self.base.saturating_mul(1 << attempt.min(16)).min(self.max);
                let room = u64::try_from(bound.saturating_sub(self.base).as_micros()).unwrap_or(u64::MAX);
                let jitter = random.checked_rem(room.saturating_add(1)).unwrap_or(random);
                Some(self.base + Duration::from_micros(jitter))
            }
            _ => None,
        }
    }
}
