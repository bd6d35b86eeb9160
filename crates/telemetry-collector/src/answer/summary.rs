//! The summary: who used what, what failed, what it cost, in a range of days.
//!
//! [`Fold`] sees each event once and knows nothing of stores; [`Fold::finish`] puts names to numbers.
//! Failures are what the client called failures: a cancelled or denied tool call is neither a failure nor counted as
//! one. A cost that nobody knows is `null`, never zero. Percentiles are merged from buckets, see
//! [`crate::histogram`]: at most 4.5 % off.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::range::{Range, show};
use crate::histogram::Histogram;
use crate::store::{Facts, IngestCounts, NameId, StoreError, day_of};

/// The answer of `GET /api/v1/summary`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) range: ShownRange,
    pub(crate) events: EventCounts,
    pub(crate) installs: Installs,
    pub(crate) commands: Vec<Command>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) models: Vec<Model>,
    pub(crate) sessions: Sessions,
    pub(crate) ingest: IngestCounts,
    /// For the page; not part of the answer yet.
    #[serde(skip)]
    pub(crate) days: Vec<DayCounts>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ShownRange {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct EventCounts {
    pub(crate) command: u64,
    pub(crate) session: u64,
    pub(crate) tool: u64,
    pub(crate) token: u64,
}

/// Distinct installations with an event in the last 1, 7 and 30 days of the range.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Installs {
    pub(crate) day: u64,
    pub(crate) week: u64,
    pub(crate) month: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Command {
    pub(crate) action: String,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tool {
    pub(crate) tool_name: String,
    pub(crate) tool_kind: String,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) p50_ms: Option<u64>,
    pub(crate) p95_ms: Option<u64>,
    pub(crate) p99_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) model_provider: String,
    pub(crate) model_name: String,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// Dollars, of the calls whose price is known; `null` if there is none.
    #[serde(rename = "cost", serialize_with = "dollars")]
    pub(crate) cost_nano: Option<u64>,
    pub(crate) unpriced_calls: u64,
    #[serde(skip)]
    pub(crate) calls: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sessions {
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) limit: u64,
}

/// One day of the range.
#[derive(Debug, Clone, Default)]
pub(crate) struct DayCounts {
    pub(crate) date: String,
    pub(crate) events: EventCounts,
    pub(crate) total: u64,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn dollars<S: Serializer>(nano: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match nano {
        Some(nano) => serializer.serialize_f64(*nano as f64 / 1e9),
        None => serializer.serialize_none(),
    }
}

/// The numbers of the words that the summary tells apart; absent words match nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    command: NameId,
    session: NameId,
    tool: NameId,
    token: NameId,
    start: NameId,
    error: NameId,
    outcomes: [NameId; 4],
}

impl Words {
    /// Looks the words up with `find(kind, word)`.
    pub(crate) fn find(
        mut find: impl FnMut(&str, &str) -> Result<NameId, StoreError>,
    ) -> Result<Self, StoreError> {
        // A word that no event ever had must not match events that have none.
        let mut find =
            |kind, word| find(kind, word).map(|id| if id == NameId::ABSENT { NameId(i64::MIN) } else { id });
        Ok(Self {
            command: find("event", "command")?,
            session: find("event", "session")?,
            tool: find("event", "tool")?,
            token: find("event", "token")?,
            start: find("action", "start")?,
            error: find("outcome", "error")?,
            outcomes: [
                find("outcome", "completed")?,
                find("outcome", "failed")?,
                find("outcome", "cancelled")?,
                find("outcome", "limit")?,
            ],
        })
    }
}

#[derive(Debug, Default)]
struct Calls {
    calls: u64,
    failures: u64,
    durations: Histogram,
}

#[derive(Debug, Default)]
struct Usage {
    calls: u64,
    unpriced: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost_nano: u64,
}

/// Adds events up.
#[derive(Debug)]
pub(crate) struct Fold {
    range: Range,
    words: Words,
    events: EventCounts,
    days: BTreeMap<i64, EventCounts>,
    /// The last active day of each installation.
    installs: HashMap<i64, i64>,
    commands: HashMap<NameId, Calls>,
    tools: HashMap<(NameId, NameId), Calls>,
    models: HashMap<(NameId, NameId), Usage>,
    sessions: Sessions,
}

impl Fold {
    pub(crate) fn new(range: Range, words: Words) -> Self {
        Self {
            range,
            words,
            events: EventCounts::default(),
            days: BTreeMap::new(),
            installs: HashMap::new(),
            commands: HashMap::new(),
            tools: HashMap::new(),
            models: HashMap::new(),
            sessions: Sessions::default(),
        }
    }

    /// Adds one event of the range.
    pub(crate) fn add(&mut self, facts: &Facts) {
        let day = day_of(facts.timestamp_ms);
        if facts.install != 0 {
            let last = self.installs.entry(facts.install).or_insert(day);
            *last = day.max(*last);
        }
        let on_day = self.days.entry(day).or_default();
        match facts.event {
            event if event == self.words.command => {
                self.events.command += 1;
                on_day.command += 1;
                let command = self.commands.entry(facts.action).or_default();
                command.calls += 1;
                command.failures += u64::from(facts.success == Some(false));
            }
            event if event == self.words.session => {
                self.events.session += 1;
                on_day.session += 1;
                self.add_session(facts);
            }
            event if event == self.words.tool => {
                self.events.tool += 1;
                on_day.tool += 1;
                self.add_tool(facts);
            }
            event if event == self.words.token => {
                self.events.token += 1;
                on_day.token += 1;
                self.add_usage(facts);
            }
            _ => {}
        }
    }

    fn add_session(&mut self, facts: &Facts) {
        let sessions = &mut self.sessions;
        if facts.action == self.words.start {
            sessions.started += 1;
            return;
        }
        let ends =
            [&mut sessions.completed, &mut sessions.failed, &mut sessions.cancelled, &mut sessions.limit];
        for (word, count) in self.words.outcomes.into_iter().zip(ends) {
            *count += u64::from(facts.outcome == word);
        }
    }

    fn add_tool(&mut self, facts: &Facts) {
        let failed = match facts.outcome {
            NameId::ABSENT => facts.success == Some(false),
            outcome => outcome == self.words.error,
        };
        let tool = self.tools.entry((facts.tool, facts.tool_kind)).or_default();
        tool.calls += 1;
        tool.failures += u64::from(failed);
        if let Some(bucket) = facts.duration_bucket {
            tool.durations.add(bucket);
        }
    }

    fn add_usage(&mut self, facts: &Facts) {
        let usage = self.models.entry((facts.provider, facts.model)).or_default();
        usage.calls += 1;
        usage.input_tokens = usage.input_tokens.saturating_add(facts.input_tokens);
        usage.output_tokens = usage.output_tokens.saturating_add(facts.output_tokens);
        match facts.cost_nano {
            Some(nano) => usage.cost_nano = usage.cost_nano.saturating_add(nano),
            None => usage.unpriced += 1,
        }
    }

    /// Puts names to numbers; the most used first.
    pub(crate) fn finish(
        self,
        ingest: IngestCounts,
        mut name: impl FnMut(NameId) -> Result<Arc<str>, StoreError>,
    ) -> Result<Summary, StoreError> {
        let mut name = |id| name(id).map(|name| name.to_string());
        let mut commands = Vec::with_capacity(self.commands.len());
        for (action, calls) in self.commands {
            commands.push(Command { action: name(action)?, calls: calls.calls, failures: calls.failures });
        }
        commands.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.action.cmp(&b.action)));
        let mut tools = Vec::with_capacity(self.tools.len());
        for ((tool, kind), calls) in self.tools {
            tools.push(Tool {
                tool_name: name(tool)?,
                tool_kind: name(kind)?,
                calls: calls.calls,
                failures: calls.failures,
                p50_ms: calls.durations.percentile(50),
                p95_ms: calls.durations.percentile(95),
                p99_ms: calls.durations.percentile(99),
            });
        }
        tools.sort_by(|a, b| {
            b.calls
                .cmp(&a.calls)
                .then_with(|| (&a.tool_name, &a.tool_kind).cmp(&(&b.tool_name, &b.tool_kind)))
        });
        let mut models = Vec::with_capacity(self.models.len());
        for ((provider, model), usage) in self.models {
            models.push(Model {
                model_provider: name(provider)?,
                model_name: name(model)?,
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cost_nano: (usage.unpriced < usage.calls).then_some(usage.cost_nano),
                unpriced_calls: usage.unpriced,
                calls: usage.calls,
            });
        }
        models.sort_by(|a, b| {
            let tokens = |model: &Model| model.input_tokens.saturating_add(model.output_tokens);
            tokens(b)
                .cmp(&tokens(a))
                .then_with(|| (&a.model_provider, &a.model_name).cmp(&(&b.model_provider, &b.model_name)))
        });
        Ok(Summary {
            range: ShownRange { from: show(self.range.from), to: show(self.range.to) },
            events: self.events,
            installs: active(&self.installs, self.range),
            commands,
            tools,
            models,
            sessions: self.sessions,
            ingest,
            days: days(&self.days, self.range),
        })
    }
}

fn active(last_days: &HashMap<i64, i64>, range: Range) -> Installs {
    let within = |days: i64| last_days.values().filter(|last| **last > range.to - days).count() as u64;
    Installs { day: within(1), week: within(7), month: within(30) }
}

fn days(counts: &BTreeMap<i64, EventCounts>, range: Range) -> Vec<DayCounts> {
    /// More bars than this cannot be told apart.
    const MOST: i64 = 366;
    (range.from.max(range.to - MOST + 1)..=range.to)
        .map(|day| {
            let events = counts.get(&day).copied().unwrap_or_default();
            let total = events.command + events.session + events.tool + events.token;
            DayCounts { date: show(day), events, total }
        })
        .collect()
}
