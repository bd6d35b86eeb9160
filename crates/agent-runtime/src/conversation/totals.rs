//! What a conversation used so far.

use agent_telemetry::NanoUsd;

use super::event::CallUsage;
use crate::provider::Usage;

/// Counts over all model calls of a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) model_calls: u64,
    pub(super) tool_calls: u64,
    usage: Usage,
    cost: NanoUsd,
    unpriced: bool,
}

impl Totals {
    pub(super) fn add(&mut self, usage: Usage, cost: Option<NanoUsd>) {
        self.add_usage(usage);
        match cost {
            Some(cost) => self.cost = self.cost.plus(cost),
            None => self.unpriced = true,
        }
    }

    /// Adds what a sub-agent used.
    pub(super) fn add_all(&mut self, other: &Self) {
        self.add_usage(other.usage);
        self.cost = self.cost.plus(other.cost);
        self.unpriced |= other.unpriced;
    }

    fn add_usage(&mut self, usage: Usage) {
        let sum = &mut self.usage;
        sum.input = sum.input.saturating_add(usage.input);
        sum.output = sum.output.saturating_add(usage.output);
        sum.cache_read = sum.cache_read.saturating_add(usage.cache_read);
        sum.cache_write = sum.cache_write.saturating_add(usage.cache_write);
        sum.reasoning = sum.reasoning.saturating_add(usage.reasoning);
    }

    /// The sums; the cost is unknown as soon as one call's is.
    pub(super) fn usage(&self) -> CallUsage {
        CallUsage::new(self.usage, (!self.unpriced).then_some(self.cost))
    }
}
