//! What models used: of one call ([`Usage`]), or since a counter began ([`CumulativeUsage`]).
//!
//! Some providers and libraries report running totals. Recording those as if they were of one call counts every earlier
//! call again, so a total is another type, which nothing takes, and which has to be differenced first.

use std::time::Duration;

use crate::events::{Provider, Purpose};
use crate::name::{Model, Name};
use crate::value::{Millis, NanoUsd, Tokens};

/// What one model call used: never a running total; see [`CumulativeUsage`] for those.
#[derive(Debug, Clone)]
pub struct Usage {
    pub(crate) input: Tokens,
    pub(crate) output: Tokens,
    pub(crate) cache_read: Tokens,
    pub(crate) cache_write: Tokens,
    pub(crate) reasoning: Tokens,
    pub(crate) model: Option<(Provider, Name<Model>)>,
    pub(crate) purpose: Purpose,
    pub(crate) cost: Option<NanoUsd>,
    pub(crate) duration: Millis,
}

impl Usage {
    /// Tokens of one call: read (cached ones included) and written (reasoning included). The cost is unknown.
    #[must_use]
    pub fn delta(input: u64, output: u64) -> Self {
        Self {
            input: Tokens::new(input),
            output: Tokens::new(output),
            cache_read: Tokens::ZERO,
            cache_write: Tokens::ZERO,
            reasoning: Tokens::ZERO,
            model: None,
            purpose: Purpose::Turn,
            cost: None,
            duration: Millis::ZERO,
        }
    }

    /// The model that really answered; by default the session's.
    #[must_use]
    pub fn model(mut self, provider: Provider, model: Name<Model>) -> Self {
        self.model = Some((provider, model));
        self
    }

    /// What the call was for; by default a turn.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Tokens that the provider read from its cache.
    #[must_use]
    pub fn cache_read(mut self, tokens: u64) -> Self {
        self.cache_read = Tokens::new(tokens);
        self
    }

    /// Tokens that the provider wrote to its cache.
    #[must_use]
    pub fn cache_write(mut self, tokens: u64) -> Self {
        self.cache_write = Tokens::new(tokens);
        self
    }

    /// Tokens of hidden reasoning.
    #[must_use]
    pub fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = Tokens::new(tokens);
        self
    }

    /// The cost of this call; not calling this means that the price is unknown.
    #[must_use]
    pub fn cost(mut self, cost: NanoUsd) -> Self {
        self.cost = Some(cost);
        self
    }

    /// How long the model took.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Millis::from(duration);
        self
    }
}

/// What was used since a counter began: a running total.
///
/// ```
/// use agent_telemetry::{CumulativeUsage, NanoUsd, Usage};
///
/// let mut before = CumulativeUsage::ZERO;
/// for total in [CumulativeUsage::total(100, 50), CumulativeUsage::total(250, 90)] {
///     let usage: Usage = total.since(&before);
///     before = total;
///     // session.tokens(usage);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CumulativeUsage {
    input: Tokens,
    output: Tokens,
    cache_read: Tokens,
    cache_write: Tokens,
    reasoning: Tokens,
    cost: Option<NanoUsd>,
}

impl CumulativeUsage {
    /// A counter at its beginning: nothing used, nothing paid.
    pub const ZERO: Self = Self {
        input: Tokens::ZERO,
        output: Tokens::ZERO,
        cache_read: Tokens::ZERO,
        cache_write: Tokens::ZERO,
        reasoning: Tokens::ZERO,
        cost: Some(NanoUsd::ZERO),
    };

    /// All tokens so far: read (cached ones included) and written (reasoning included). The cost is unknown.
    #[must_use]
    pub const fn total(input: u64, output: u64) -> Self {
        Self { input: Tokens::new(input), output: Tokens::new(output), cost: None, ..Self::ZERO }
    }

    /// Tokens that the provider read from its cache so far.
    #[must_use]
    pub const fn cache_read(mut self, tokens: u64) -> Self {
        self.cache_read = Tokens::new(tokens);
        self
    }

    /// Tokens that the provider wrote to its cache so far.
    #[must_use]
    pub const fn cache_write(mut self, tokens: u64) -> Self {
        self.cache_write = Tokens::new(tokens);
        self
    }

    /// Tokens of hidden reasoning so far.
    #[must_use]
    pub const fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = Tokens::new(tokens);
        self
    }

    /// The cost so far; not calling this means that it is unknown.
    #[must_use]
    pub const fn cost(mut self, cost: NanoUsd) -> Self {
        self.cost = Some(cost);
        self
    }

    /// What was used between an earlier reading of the same counter and this one.
    ///
    /// A part that is smaller than before counts as nothing, not as a debt: a counter that began anew loses one call
    /// instead of inventing one; begin again from [`ZERO`](Self::ZERO) where that can be told.
    /// The cost is known when it is known on both sides.
    #[must_use]
    pub fn since(&self, previous: &Self) -> Usage {
        let tokens = |now: Tokens, before: Tokens| now.get().saturating_sub(before.get());
        let usage = Usage::delta(tokens(self.input, previous.input), tokens(self.output, previous.output))
            .cache_read(tokens(self.cache_read, previous.cache_read))
            .cache_write(tokens(self.cache_write, previous.cache_write))
            .reasoning(tokens(self.reasoning, previous.reasoning));
        match (self.cost, previous.cost) {
            (Some(now), Some(before)) => usage.cost(NanoUsd::new(now.get().saturating_sub(before.get()))),
            _ => usage,
        }
    }
}
