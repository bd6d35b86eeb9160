//! What a segment keeps of each subject's facts, and where it is found in a row.
//!
//! The numbers of subjects and fields are part of the format: they never change their meaning. Whoever adds one,
//! or changes how a value is written, raises [`FORMAT`]; older segments are then made again from their rows.

use crate::store::question::{Key, Subject, Sum};

/// The format of segments that this version writes and reads.
pub(in crate::store::sqlite) const FORMAT: i64 = 1;

/// A table of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store::sqlite) enum Table {
    Facts(Subject),
    /// Which installation was active on which day in which environment, once each.
    Presence,
}

impl Table {
    fn number(self) -> i64 {
        match self {
            Self::Facts(Subject::Command) => 0,
            Self::Facts(Subject::Flag) => 1,
            Self::Facts(Subject::SessionStart) => 2,
            Self::Facts(Subject::SessionEnd) => 3,
            Self::Facts(Subject::SessionError) => 4,
            Self::Facts(Subject::Tool) => 5,
            Self::Facts(Subject::Token) => 6,
            Self::Facts(Subject::Other) => 7,
            Self::Presence => 8,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store::sqlite) enum Field {
    /// In runs: tables are sorted by day.
    Day,
    Env,
    Install,
    /// A key that is not the environment's: names by their number, 0 when absent; numbers one higher, 0 when absent.
    Key(Key),
    /// A number to add, one higher, 0 when absent.
    Sum(Sum),
    /// A duration's bucket, one higher, 0 when absent.
    Bucket,
    /// How many events a presence stands for.
    Events,
}

/// How a field's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Runs,
    Coded,
    Numbers,
}

impl Field {
    pub(super) fn form(self) -> Form {
        match self {
            Self::Day => Form::Runs,
            Self::Env | Self::Install | Self::Key(_) => Form::Coded,
            Self::Sum(_) | Self::Bucket | Self::Events => Form::Numbers,
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Day => 0,
            Self::Env => 1,
            Self::Install => 2,
            Self::Bucket => 3,
            Self::Events => 4,
            Self::Key(key) => 8 + key_number(key),
            Self::Sum(sum) => 32 + sum_number(sum),
        }
    }

    /// The column's number within its segment.
    pub(in crate::store::sqlite) fn of(self, table: Table) -> i64 {
        table.number() << 6 | self.number()
    }
}

/// More than any column's number within a segment.
pub(in crate::store::sqlite) const COLUMNS: i64 = 1 << 10;

fn key_number(key: Key) -> i64 {
    match key {
        Key::Event => 0,
        Key::Action => 1,
        Key::Agent => 2,
        Key::Provider => 3,
        Key::Model => 4,
        Key::Tool => 5,
        Key::ToolKind => 6,
        Key::Purpose => 7,
        Key::Outcome => 8,
        Key::Error => 9,
        Key::Success => 10,
        Key::ExitCode => 11,
        Key::Flag => 12,
        // Kept as the day and the environment.
        Key::Day | Key::Source | Key::Version | Key::Os | Key::Arch | Key::Caller | Key::Language => 13,
    }
}

fn sum_number(sum: Sum) -> i64 {
    match sum {
        Sum::InputTokens => 0,
        Sum::OutputTokens => 1,
        Sum::CacheReadTokens => 2,
        Sum::CacheWriteTokens => 3,
        Sum::ReasoningTokens => 4,
        Sum::CostNano | Sum::Priced => 5,
        Sum::Turns => 6,
        Sum::ToolCalls => 7,
        Sum::ToolErrors => 8,
        Sum::Errors => 9,
        Sum::DurationMs => 10,
    }
}

const OWN_KEYS: [Key; 13] = [
    Key::Event,
    Key::Action,
    Key::Agent,
    Key::Provider,
    Key::Model,
    Key::Tool,
    Key::ToolKind,
    Key::Purpose,
    Key::Outcome,
    Key::Error,
    Key::Success,
    Key::ExitCode,
    Key::Flag,
];

const SUMS: [Sum; 11] = [
    Sum::InputTokens,
    Sum::OutputTokens,
    Sum::CacheReadTokens,
    Sum::CacheWriteTokens,
    Sum::ReasoningTokens,
    Sum::CostNano,
    Sum::Turns,
    Sum::ToolCalls,
    Sum::ToolErrors,
    Sum::Errors,
    Sum::DurationMs,
];

/// The fields of a table but its first, [`Field::Day`].
pub(in crate::store::sqlite) fn fields(table: Table) -> Vec<Field> {
    let mut fields = vec![Field::Env, Field::Install];
    let Table::Facts(subject) = table else {
        fields.push(Field::Events);
        return fields;
    };
    fields.extend(OWN_KEYS.into_iter().filter(|key| subject.has(*key)).map(Field::Key));
    fields.extend(SUMS.into_iter().filter(|sum| subject.sums(*sum)).map(Field::Sum));
    if subject.has_duration() {
        fields.push(Field::Bucket);
    }
    fields
}

/// The columns of table `event` that facts are made of, in the order of [`place`].
pub(super) const ROW_COLUMNS: [&str; 26] = [
    "env",
    "install",
    "event",
    "action",
    "agent",
    "provider",
    "model",
    "tool",
    "tool_kind",
    "purpose",
    "outcome",
    "error",
    "is_success",
    "exit_code",
    "duration_ms",
    "duration_bucket",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "turns",
    "tool_calls",
    "tool_errors",
    "error_count",
];

/// Where a field's value stands in [`ROW_COLUMNS`], and what it is raised by; `None` if it is not of the row.
pub(super) fn place(field: Field) -> Option<(usize, u64)> {
    Some(match field {
        Field::Env => (0, 0),
        Field::Install => (1, 0),
        Field::Bucket => (15, 1),
        Field::Key(key) => match key {
            Key::Event => (2, 0),
            Key::Action => (3, 0),
            Key::Agent => (4, 0),
            Key::Provider => (5, 0),
            Key::Model => (6, 0),
            Key::Tool => (7, 0),
            Key::ToolKind => (8, 0),
            Key::Purpose => (9, 0),
            Key::Outcome => (10, 0),
            Key::Error => (11, 0),
            Key::Success => (12, 1),
            Key::ExitCode => (13, 1),
            Key::Flag
            | Key::Day
            | Key::Source
            | Key::Version
            | Key::Os
            | Key::Arch
            | Key::Caller
            | Key::Language => return None,
        },
        Field::Sum(sum) => match sum {
            Sum::DurationMs => (14, 1),
            Sum::InputTokens => (16, 1),
            Sum::OutputTokens => (17, 1),
            Sum::CacheReadTokens => (18, 1),
            Sum::CacheWriteTokens => (19, 1),
            Sum::ReasoningTokens => (20, 1),
            Sum::CostNano | Sum::Priced => (21, 1),
            Sum::Turns => (22, 1),
            Sum::ToolCalls => (23, 1),
            Sum::ToolErrors => (24, 1),
            Sum::Errors => (25, 1),
        },
        Field::Day | Field::Events => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_of_a_segment_share_a_number() {
        let mut seen = std::collections::BTreeSet::new();
        for table in Subject::ALL.into_iter().map(Table::Facts).chain([Table::Presence]) {
            for field in [Field::Day].into_iter().chain(fields(table)) {
                assert!(seen.insert(field.of(table)), "{table:?} {field:?}");
                assert!(field.of(table) < COLUMNS);
            }
        }
    }
}
