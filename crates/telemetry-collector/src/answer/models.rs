//! Models: tokens, cost and latency. Numbers are of calls of models, never of sessions' own totals.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::{day, most_first, name};
use super::datum::{Date, Dollars, Quotient};
use super::summary::only;
use super::table::{Shape, Table, TableSpec, rows};
use super::{Scope, ViewSpec};
use crate::store::StoreError;
use crate::store::question::{Group, Key, Subject, Sum, View};

pub(crate) static VIEW: ViewSpec = ViewSpec {
    name: "models",
    about: "Models: tokens read, written and cached, cost by day and by session, unknown prices.",
    tables: &TABLES,
    main: "models",
    serves: &[Key::Source, Key::Version, Key::Os, Key::Arch, Key::Caller, Key::Agent, Key::Model],
    limit: "a call of a model is not tied to a tool or a command",
    ask: |view, scope| ask(view, scope),
};

static TABLES: [TableSpec; 4] = [
    TableSpec::new::<Totals>("totals", Shape::Object, "All models together."),
    TableSpec::new::<Model>("models", Shape::List, "Models, those with the most tokens first."),
    TableSpec::new::<Purpose>(
        "purposes",
        Shape::List,
        "What models were called for: a `turn` of a conversation, its `title`, its `compaction`.",
    ),
    TableSpec::new::<OnDay>("days", Shape::Series, "Each day of the range."),
];

rows! {
    /// All models.
    struct Totals[0] {
        /// How often a model was called.
        calls: u64,
        /// Calls whose price is not known; they are not in any cost.
        unpriced_calls: u64,
        /// Distinct installations that called one.
        installs: u64,
        /// Sessions that started in the range with one of these models, those of sub-agents included.
        sessions: u64,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Tokens read from a cache.
        cache_read_tokens: u64,
        /// Tokens written to a cache.
        cache_write_tokens: u64,
        /// Tokens spent on reasoning.
        reasoning_tokens: u64,
        /// The share of the tokens read that came from a cache.
        cache_read_share: Quotient,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// `cost` by `sessions`; too low as long as there are unpriced calls.
        cost_per_session: Dollars,
    }

    /// A model.
    struct Model[2] {
        /// Who runs it.
        model_provider: Arc<str>,
        /// The model that answered.
        model_name: Arc<str>,
        /// How often it was called.
        calls: u64,
        /// Calls whose price is not known; they are not in any cost.
        unpriced_calls: u64,
        /// Distinct installations that called it.
        installs: u64,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Tokens read from a cache.
        cache_read_tokens: u64,
        /// Tokens written to a cache.
        cache_write_tokens: u64,
        /// Tokens spent on reasoning.
        reasoning_tokens: u64,
        /// The share of the tokens read that came from a cache.
        cache_read_share: Quotient,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// Half of the calls were faster.
        p50_ms: Option<u64>,
        /// 95 of 100 calls were faster.
        p95_ms: Option<u64>,
        /// 99 of 100 calls were faster.
        p99_ms: Option<u64>,
    }

    /// A purpose.
    struct Purpose[1] {
        /// What the model was called for.
        purpose: Arc<str>,
        /// How often.
        calls: u64,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// Calls whose price is not known; they are not in any cost.
        unpriced_calls: u64,
    }

    /// A day.
    struct OnDay[1] {
        /// The UTC day of the client's timestamp.
        date: Date,
        /// How often a model was called.
        calls: u64,
        /// Tokens read, cached ones included.
        input_tokens: u64,
        /// Tokens written, reasoning included.
        output_tokens: u64,
        /// Tokens read from a cache.
        cache_read_tokens: u64,
        /// Estimated cost of the calls whose price is known.
        cost: Dollars,
        /// Calls whose price is not known; they are not in any cost.
        unpriced_calls: u64,
    }
}

const SUMS: [Sum; 7] = [
    Sum::InputTokens,
    Sum::OutputTokens,
    Sum::CacheReadTokens,
    Sum::CacheWriteTokens,
    Sum::ReasoningTokens,
    Sum::CostNano,
    Sum::Priced,
];

/// What calls used, added up.
#[derive(Debug, Clone, Default)]
struct Usage {
    calls: u64,
    /// In the order of [`SUMS`].
    sums: [u64; 7],
}

impl Usage {
    fn add(&mut self, group: &Group) {
        self.calls += group.count;
        self.sums.iter_mut().zip(&group.sums).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
    }

    fn unpriced(&self) -> u64 {
        self.calls - self.sums[6]
    }

    fn cost(&self) -> Dollars {
        Dollars((self.sums[6] > 0).then_some(self.sums[5]))
    }

    fn cache_read_share(&self) -> Quotient {
        Quotient::of(self.sums[2], self.sums[0])
    }
}

fn ask(view: &mut dyn View, scope: &Scope) -> Result<Vec<Table>, StoreError> {
    let tokens = || scope.of(Subject::Token);
    let mut totals = Usage::default();
    let mut by_day: BTreeMap<i64, Usage> = BTreeMap::new();
    let mut by_purpose: BTreeMap<Arc<str>, Usage> = BTreeMap::new();
    let mut by_model: BTreeMap<(Arc<str>, Arc<str>), Usage> = BTreeMap::new();
    // Adding up is the dearest part of it, so all that is added comes from one question.
    let keys = [Key::Day, Key::Purpose, Key::Provider, Key::Model];
    for group in view.groups(&tokens().by(keys).adding(SUMS))? {
        totals.add(&group);
        by_day.entry(day(&group.keys[0])).or_default().add(&group);
        by_purpose.entry(name(&group.keys[1])).or_default().add(&group);
        by_model.entry((name(&group.keys[2]), name(&group.keys[3]))).or_default().add(&group);
    }
    let mut models = Vec::new();
    let by_installs = tokens().by([Key::Provider, Key::Model]).with_durations().with_installs();
    for group in view.groups(&by_installs)? {
        let usage = by_model.remove(&(name(&group.keys[0]), name(&group.keys[1]))).unwrap_or_default();
        models.push(Model::new(&group, &usage));
    }
    most_first(&mut models, |row| {
        let names = (Arc::clone(&row.model_provider), Arc::clone(&row.model_name));
        (row.input_tokens.saturating_add(row.output_tokens), names)
    });
    let installs = only(view.groups(&tokens().with_installs())?).installs;
    let sessions = only(view.groups(&scope.of(Subject::SessionStart))?).count;
    let mut purposes: Vec<Purpose> = by_purpose.into_iter().map(Purpose::new).collect();
    most_first(&mut purposes, |row| (row.calls, Arc::clone(&row.purpose)));
    let days: Vec<OnDay> =
        scope.range.days().map(|day| OnDay::new(day, &by_day.remove(&day).unwrap_or_default())).collect();
    let [totals_spec, models_spec, purposes_spec, days_spec] = &TABLES;
    Ok(vec![
        totals_spec.fill([&Totals::new(&totals, installs, sessions)]),
        models_spec.fill(&models),
        purposes_spec.fill(&purposes),
        days_spec.fill(&days),
    ])
}

impl Totals {
    fn new(usage: &Usage, installs: u64, sessions: u64) -> Self {
        let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, ..] =
            usage.sums;
        Self {
            calls: usage.calls,
            unpriced_calls: usage.unpriced(),
            installs,
            sessions,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cache_read_share: usage.cache_read_share(),
            cost: usage.cost(),
            cost_per_session: Dollars(usage.cost().0.and_then(|cost| cost.checked_div(sessions))),
        }
    }
}

impl Model {
    /// From its latencies and installations, and from what its calls used.
    fn new(group: &Group, usage: &Usage) -> Self {
        let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, ..] =
            usage.sums;
        let [p50_ms, p95_ms, p99_ms] = [50, 95, 99].map(|percent| group.durations.percentile(percent));
        Self {
            model_provider: name(&group.keys[0]),
            model_name: name(&group.keys[1]),
            calls: usage.calls,
            unpriced_calls: usage.unpriced(),
            installs: group.installs,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cache_read_share: usage.cache_read_share(),
            cost: usage.cost(),
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}

impl Purpose {
    fn new((purpose, usage): (Arc<str>, Usage)) -> Self {
        Self {
            purpose,
            calls: usage.calls,
            input_tokens: usage.sums[0],
            output_tokens: usage.sums[1],
            cost: usage.cost(),
            unpriced_calls: usage.unpriced(),
        }
    }
}

impl OnDay {
    fn new(day: i64, usage: &Usage) -> Self {
        Self {
            date: Date(day),
            calls: usage.calls,
            input_tokens: usage.sums[0],
            output_tokens: usage.sums[1],
            cache_read_tokens: usage.sums[2],
            cost: usage.cost(),
            unpriced_calls: usage.unpriced(),
        }
    }
}
