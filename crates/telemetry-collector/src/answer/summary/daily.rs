//! What the events of a day add up to; of days whose events are gone, that is all there is.

use std::collections::BTreeMap;

use crate::answer::Scope;
use crate::answer::datum::Dollars;
use crate::answer::range::Range;
use crate::store::StoreError;
use crate::store::question::{DailyTotals, View};

/// What is added up for one day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OnDay {
    pub(super) command: u64,
    pub(super) command_failures: u64,
    pub(super) started: u64,
    pub(super) session: u64,
    pub(super) tool: u64,
    pub(super) tool_failures: u64,
    pub(super) token: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_nano: u64,
    pub(super) priced: u64,
}

pub(super) type Days = BTreeMap<i64, OnDay>;

impl OnDay {
    pub(super) fn of(totals: &DailyTotals) -> Self {
        Self {
            command: totals.commands,
            command_failures: totals.command_failures,
            started: totals.sessions_started,
            session: totals.session_events,
            tool: totals.tool_calls,
            tool_failures: totals.tool_failures,
            token: totals.model_calls,
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            cost_nano: totals.cost_nano,
            priced: totals.priced_calls,
        }
    }

    pub(super) fn merge(self, other: &Self) -> Self {
        Self {
            command: self.command + other.command,
            command_failures: self.command_failures + other.command_failures,
            started: self.started + other.started,
            session: self.session + other.session,
            tool: self.tool + other.tool,
            tool_failures: self.tool_failures + other.tool_failures,
            token: self.token + other.token,
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost_nano: self.cost_nano.saturating_add(other.cost_nano),
            priced: self.priced + other.priced,
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    pub(super) fn cost(&self) -> Dollars {
        Dollars((self.priced > 0).then_some(self.cost_nano))
    }
}

/// The days of which nothing but totals is kept; filters cannot be applied to those.
pub(super) fn past(view: &mut dyn View, scope: &Scope) -> Result<Vec<DailyTotals>, StoreError> {
    let first_event = view.span()?.map_or(scope.range.to + 1, |span| span.from);
    if scope.filters.iter().next().is_some() || scope.range.from >= first_event {
        return Ok(Vec::new());
    }
    view.totals(Range { from: scope.range.from, to: scope.range.to.min(first_event - 1) })
}
