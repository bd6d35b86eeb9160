//! Whether and when a failed model call is tried again. Pure: randomness is handed in.

use std::time::Duration;

use super::ProviderError;

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Further attempts after the first.
    pub retries: u32,
    /// Upper bound of the first pause; it doubles with every attempt.
    pub base: Duration,
    /// Upper bound of any pause of our own choice.
    pub max: Duration,
    /// Longest pause that a provider may ask for.
    pub max_retry_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 2,
            base: Duration::from_millis(500),
            max: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl Policy {
    /// The pause before attempt `attempt` (the first retry is 1), or nothing if the error is final.
    ///
    /// Full jitter: uniformly between nothing and the bound; `random` is any number, taken as uniform.
    #[must_use]
    pub fn pause(&self, error: &ProviderError, attempt: u32, random: u64) -> Option<Duration> {
        if attempt > self.retries {
            return None;
        }
        match error {
            ProviderError::Server(_) | ProviderError::Network(_) | ProviderError::Timeout(_) => {
                let bound = self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.max);
                let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
                Some(Duration::from_micros(if micros == 0 { 0 } else { random % (micros + 1) }))
            }
            ProviderError::RateLimited { retry_after: Some(wait), .. } => {
                (*wait <= self.max_retry_after).then_some(*wait)
            }
            _ => None,
        }
    }
}
