//! What answers ask of a store, and what they get: groups of events with counts, sums and buckets.
//!
//! Every number that is shown comes from one of the questions here, whatever store answers it. A store counts and adds;
//! percentiles, rates, comparisons and order are computed from its groups in one place, so two stores cannot differ.
//!
//! A [`Question`] is a `GROUP BY`: one [`Subject`], a range of days, filters, keys, measures.
//! Distinct installations over windows of days cannot be added up from groups and have questions of their own.

use std::sync::Arc;

use super::{Day, EventRow, Page, StoreError};
use crate::answer::range::Range;
use crate::histogram::Histogram;

/// What is counted. One event may be several facts: a command with three flags is one `Command` and three `Flag`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// `command` events.
    Command,
    /// The flags of `command` events, one fact each.
    Flag,
    /// `session` events whose action is `start`.
    SessionStart,
    /// `session` events whose action is `end`.
    SessionEnd,
    /// The error classes of `session` ends, one fact for each class that occurred; [`Sum::Errors`] has how often.
    SessionError,
    /// `tool` events.
    Tool,
    /// `token` events.
    Token,
    /// Events of other names, from other tools' catalogues, and `session` events with any other action.
    Other,
}

impl Subject {
    pub(crate) const ALL: [Self; 8] = [
        Self::Command,
        Self::Flag,
        Self::SessionStart,
        Self::SessionEnd,
        Self::SessionError,
        Self::Tool,
        Self::Token,
        Self::Other,
    ];

    /// Whether facts of this subject carry a key; what they do not carry can neither group nor filter them.
    pub(crate) fn has(self, key: Key) -> bool {
        use Key::{
            Action, Agent, Arch, Caller, Day, Error, Event, ExitCode, Flag, Language, Model, Os, Outcome,
            Provider, Purpose, Source, Success, Tool, ToolKind, Version,
        };
        match key {
            Day | Source | Version | Os | Arch | Caller | Language | Event => true,
            Action => matches!(self, Self::Command | Self::Flag | Self::Other),
            Agent => matches!(
                self,
                Self::SessionStart | Self::SessionEnd | Self::SessionError | Self::Tool | Self::Token
            ),
            Provider | Model => {
                matches!(self, Self::SessionStart | Self::SessionEnd | Self::SessionError | Self::Token)
            }
            Tool | ToolKind => matches!(self, Self::Tool),
            Purpose => matches!(self, Self::Token),
            Outcome => matches!(self, Self::SessionEnd | Self::Tool),
            Success => matches!(self, Self::Command | Self::Flag | Self::SessionEnd | Self::Tool),
            ExitCode => matches!(self, Self::Command),
            Error => matches!(self, Self::Command | Self::SessionError | Self::Tool),
            Flag => matches!(self, Self::Flag),
        }
    }

    /// Whether facts of this subject carry a number to add.
    pub(crate) fn sums(self, sum: Sum) -> bool {
        match sum {
            Sum::InputTokens | Sum::OutputTokens | Sum::CostNano | Sum::Priced => {
                matches!(self, Self::SessionEnd | Self::Token)
            }
            Sum::CacheReadTokens | Sum::CacheWriteTokens | Sum::ReasoningTokens => {
                matches!(self, Self::Token)
            }
            Sum::Turns | Sum::ToolCalls | Sum::ToolErrors => matches!(self, Self::SessionEnd),
            Sum::Errors => matches!(self, Self::SessionEnd | Self::SessionError),
            Sum::DurationMs => self.has_duration(),
        }
    }

    /// Whether facts of this subject carry a duration.
    pub(crate) fn has_duration(self) -> bool {
        matches!(self, Self::Command | Self::SessionEnd | Self::Tool | Self::Token)
    }
}

/// What facts are grouped or filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The UTC day of the client's timestamp, a [`Cell::Number`].
    Day,
    Source,
    Version,
    Os,
    Arch,
    Caller,
    Language,
    Event,
    Action,
    Agent,
    Provider,
    Model,
    Tool,
    ToolKind,
    Purpose,
    Outcome,
    Error,
    /// `is_success`: 0, 1 or absent.
    Success,
    ExitCode,
    Flag,
}

impl Key {
    pub(crate) const ALL: [Self; 20] = [
        Self::Day,
        Self::Source,
        Self::Version,
        Self::Os,
        Self::Arch,
        Self::Caller,
        Self::Language,
        Self::Event,
        Self::Action,
        Self::Agent,
        Self::Provider,
        Self::Model,
        Self::Tool,
        Self::ToolKind,
        Self::Purpose,
        Self::Outcome,
        Self::Error,
        Self::Success,
        Self::ExitCode,
        Self::Flag,
    ];
    /// Where an event comes from: what every event says, and installations can be asked by.
    pub(crate) const ENV: [Self; 6] =
        [Self::Source, Self::Version, Self::Os, Self::Arch, Self::Caller, Self::Language];
}

/// What is added up within a group. A fact without the number adds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sum {
    InputTokens,
    OutputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    ReasoningTokens,
    CostNano,
    /// How many facts have a cost.
    Priced,
    Turns,
    ToolCalls,
    ToolErrors,
    /// `error_count` of a session; how often a class occurred in it.
    Errors,
    DurationMs,
}

impl Sum {
    pub(crate) const ALL: [Self; 12] = [
        Self::InputTokens,
        Self::OutputTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::ReasoningTokens,
        Self::CostNano,
        Self::Priced,
        Self::Turns,
        Self::ToolCalls,
        Self::ToolErrors,
        Self::Errors,
        Self::DurationMs,
    ];
}

/// Which values pass: OR within a list, AND across lists, an empty list lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(Vec<(Key, Vec<String>)>);

impl Filters {
    /// Lets only `values` of `key` pass; no values mean no filter.
    pub(crate) fn with(mut self, key: Key, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.0.push((key, values));
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &[String])> {
        self.0.iter().map(|(key, values)| (*key, values.as_slice()))
    }

    /// The first key that facts of a subject lack.
    pub(crate) fn unservable(&self, subject: Subject) -> Option<Key> {
        self.0.iter().map(|(key, _)| *key).find(|key| !subject.has(*key))
    }
}

/// A `GROUP BY` over the facts of one subject.
///
/// Every key and filter must be one that [`Subject::has`], every sum one that it [`Subject::sums`]; a store answers
/// anything else with [`StoreError::Failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) subject: Subject,
    pub(crate) range: Range,
    pub(crate) filters: Filters,
    pub(crate) keys: Vec<Key>,
    pub(crate) sums: Vec<Sum>,
    /// Whether durations are wanted, as buckets.
    pub(crate) durations: bool,
    /// Whether distinct installations are wanted.
    pub(crate) installs: bool,
}

impl Question {
    /// Counts the facts of a subject, all in one group.
    pub(crate) fn count(subject: Subject, range: Range, filters: &Filters) -> Self {
        Self {
            subject,
            range,
            filters: filters.clone(),
            keys: Vec::new(),
            sums: Vec::new(),
            durations: false,
            installs: false,
        }
    }

    pub(crate) fn by(mut self, keys: impl Into<Vec<Key>>) -> Self {
        self.keys = keys.into();
        self
    }

    pub(crate) fn adding(mut self, sums: impl Into<Vec<Sum>>) -> Self {
        self.sums = sums.into();
        self
    }

    pub(crate) fn with_durations(mut self) -> Self {
        self.durations = true;
        self
    }

    pub(crate) fn with_installs(mut self) -> Self {
        self.installs = true;
        self
    }

    /// What a store could not answer.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let wrong = |what: &dyn std::fmt::Debug| {
            Err(StoreError::Failed(format!("{:?} facts have no {what:?}", self.subject)))
        };
        if let Some(key) = self.keys.iter().find(|key| !self.subject.has(**key)) {
            return wrong(key);
        }
        if let Some(key) = self.filters.unservable(self.subject) {
            return wrong(&key);
        }
        if let Some(sum) = self.sums.iter().find(|sum| !self.subject.sums(**sum)) {
            return wrong(sum);
        }
        if self.durations && !self.subject.has_duration() {
            return wrong(&"duration");
        }
        Ok(())
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cell {
    Absent,
    Number(i64),
    Text(Arc<str>),
}

impl Cell {
    /// The text, empty when absent or a number.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Number(_) => "",
        }
    }

    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Absent | Self::Text(_) => None,
        }
    }
}

/// The facts that agree in all keys of a question. Groups come in no particular order, empty ones not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// In the order of [`Question::keys`].
    pub(crate) keys: Vec<Cell>,
    pub(crate) count: u64,
    /// In the order of [`Question::sums`].
    pub(crate) sums: Vec<u64>,
    /// Empty unless asked for.
    pub(crate) durations: Histogram,
    /// Distinct installations, 0 unless asked for; events that name none do not count.
    pub(crate) installs: u64,
}

/// Distinct installations, with the value they were grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Active {
    /// [`Cell::Absent`] when there was nothing to group by, or the installation's events do not say.
    pub(crate) key: Cell,
    /// One number a window, in the order of the question.
    pub(crate) installs: Vec<u64>,
}

/// The installations whose first event fell into one week, and how many of them came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cohort {
    /// The Monday.
    pub(crate) week: Day,
    pub(crate) size: u64,
    /// How many had an event in that week, in the next, and so on, as far as the range goes.
    pub(crate) active: Vec<u64>,
}

/// How many records of one kind arrived on one day (of arrival, not of the events).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    pub(crate) day: Day,
    /// `accepted`, `late` and `clock_off` (accepted ones), `duplicate`, `conflict`, `rejected`, `rejected_property`, `dropped`, `dropped_property`,
    /// `capped_name`.
    pub(crate) fate: String,
    /// Why, for `rejected` and `rejected_property`; the kind of name for `capped_name`; else empty.
    pub(crate) code: String,
    /// Which property; empty where none is meant.
    pub(crate) property: Arc<str>,
    /// The client's version; empty where none is meant.
    pub(crate) version: Arc<str>,
    pub(crate) n: u64,
}

/// What clients say of themselves: what they recorded and what they had to give up, summed over installations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Installations that sent counters.
    pub(crate) installs: u64,
    pub(crate) recorded: u64,
    pub(crate) evicted: u64,
    pub(crate) expired: u64,
    pub(crate) rejected: u64,
    pub(crate) too_big: u64,
    /// Events of these installations that are stored.
    pub(crate) stored: u64,
}

/// What all events of one day add up to. Kept when the events themselves are too old to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DailyTotals {
    pub(crate) day: Day,
    pub(crate) commands: u64,
    pub(crate) command_failures: u64,
    /// `session` events of any action.
    pub(crate) session_events: u64,
    pub(crate) sessions_started: u64,
    pub(crate) sessions_completed: u64,
    pub(crate) sessions_failed: u64,
    pub(crate) sessions_cancelled: u64,
    pub(crate) sessions_limit: u64,
    pub(crate) tool_calls: u64,
    pub(crate) tool_failures: u64,
    /// `token` events.
    pub(crate) model_calls: u64,
    /// Those of them whose price is known.
    pub(crate) priced_calls: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_nano: u64,
    /// Events of other names.
    pub(crate) other_events: u64,
    /// Distinct installations of the day, of the 7 days that end with it, and of the 30.
    pub(crate) active_day: u64,
    pub(crate) active_week: u64,
    pub(crate) active_month: u64,
}

/// One consistent state of a store: the answers to any number of questions agree with each other.
pub(crate) trait View {
    /// Answers a question.
    fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError>;

    /// Distinct installations with an event in each window, in all or per value of `by`.
    ///
    /// `by` and the filters may be [`Key::Source`], `Version`, `Os`, `Arch`, `Caller`, `Language`.
    fn active(
        &mut self,
        windows: &[Range],
        by: Option<Key>,
        filters: &Filters,
    ) -> Result<Vec<Active>, StoreError>;

    /// Installations by the day of their first event ever; filters as in [`View::active`], on any event of that day.
    fn new_installs(&mut self, range: Range, filters: &Filters) -> Result<Vec<(Day, u64)>, StoreError>;

    /// Weekly cohorts whose week starts within the range; activity counts only with events that pass the filters.
    ///
    /// A cohort's size counts its installations that had a passing event at any time in the range.
    fn cohorts(&mut self, range: Range, filters: &Filters) -> Result<Vec<Cohort>, StoreError>;

    /// What arrived within a range of arrival days.
    fn arrivals(&mut self, range: Range) -> Result<Vec<Arrival>, StoreError>;

    /// What clients say they lost.
    fn losses(&mut self) -> Result<Losses, StoreError>;

    /// All values that a key ever had, sorted; for filters.
    fn values(&mut self, key: Key) -> Result<Vec<Arc<str>>, StoreError>;

    /// The first and last day that events are kept of; `None` in an empty store.
    fn span(&mut self) -> Result<Option<Range>, StoreError>;

    /// Totals of each day that has events or had some, in order; they reach further back than anything else.
    fn totals(&mut self, range: Range) -> Result<Vec<DailyTotals>, StoreError>;

    /// Events by arrival.
    fn events(&mut self, page: Page) -> Result<Vec<EventRow>, StoreError>;

    /// The row of the newest event, 0 in an empty store.
    fn last_row(&mut self) -> Result<i64, StoreError>;
}

/// The Monday of a day's week.
pub(crate) fn week_of(day: Day) -> Day {
    // 1970-01-01 was a Thursday.
    day - (day + 3).rem_euclid(7)
}
