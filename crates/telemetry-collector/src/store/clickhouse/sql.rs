//! Questions as SQL: text in, text out. What comes back is put together in [`super::view`].

use crate::answer::range::Range;
use crate::store::Day;
use crate::store::keys::kind;
use crate::store::question::{Filters, Key, Question, Subject, Sum};

/// The days that the server's `Date` knows.
const DAYS: std::ops::RangeInclusive<Day> = 0..=65_535;
/// Stands for events that name no installation.
pub(super) const NOBODY: &str = "toUUID('00000000-0000-0000-0000-000000000000')";

/// A text as SQL has it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        if c == '\'' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// Where facts are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facts {
    /// In the events: what a subject is there.
    Events(Subject),
    /// In tables whose columns are called after keys and sums, and whose rows are about one subject each.
    Added,
}

/// The expression of a key.
pub(super) fn expression(key: Key, facts: Facts) -> &'static str {
    match key {
        Key::Day => "toInt32(day)",
        Key::Success => "is_success",
        Key::ExitCode => "exit_code",
        Key::Error if facts == Facts::Events(Subject::SessionError) => "error_name",
        // A name's column is called after its kind.
        name => kind(name),
    }
}

/// The expression of what is added.
pub(super) fn addend(sum: Sum, facts: Facts) -> &'static str {
    match sum {
        Sum::InputTokens => "input_tokens",
        Sum::OutputTokens => "output_tokens",
        Sum::CacheReadTokens => "cache_read_tokens",
        Sum::CacheWriteTokens => "cache_write_tokens",
        Sum::ReasoningTokens => "reasoning_tokens",
        Sum::CostNano => "cost_nano",
        Sum::Priced if facts == Facts::Added => "priced",
        Sum::Priced => "cost_nano IS NOT NULL",
        Sum::Turns => "turns",
        Sum::ToolCalls => "tool_calls",
        Sum::ToolErrors => "tool_errors",
        Sum::Errors if facts == Facts::Events(Subject::SessionError) => "error_times",
        Sum::Errors => "error_count",
        Sum::DurationMs => "duration_ms",
    }
}

/// What is added, added up.
pub(super) fn total(sum: Sum, facts: Facts) -> String {
    format!("toUInt64(ifNull(sum({}), 0))", addend(sum, facts))
}

/// Which facts a subject is about, and how they are taken out of events.
fn subject(subject: Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Command => ("", "event = 'command'"),
        Subject::Flag => ("ARRAY JOIN flags AS flag ", "event = 'command'"),
        Subject::SessionStart => ("", "event = 'session' AND action = 'start'"),
        Subject::SessionEnd => ("", "event = 'session' AND action = 'end'"),
        Subject::SessionError => (
            "ARRAY JOIN error_names AS error_name, error_times AS error_times ",
            "event = 'session' AND action = 'end'",
        ),
        Subject::Tool => ("", "event = 'tool'"),
        Subject::Token => ("", "event = 'token'"),
        Subject::Other => (
            "",
            "event NOT IN ('command', 'tool', 'token') AND NOT (event = 'session' AND action IN ('start', 'end'))",
        ),
    }
}

/// The condition for days of a range.
pub(super) fn within(range: Range) -> String {
    let (from, to) = (range.from.max(*DAYS.start()), range.to.min(*DAYS.end()));
    match from > to {
        true => "0".to_owned(),
        false => format!("day >= toDate({from}) AND day <= toDate({to})"),
    }
}

/// The condition for days of any of several ranges.
pub(super) fn within_any(ranges: &[Range]) -> String {
    let conditions: Vec<String> = ranges.iter().map(|range| within(*range)).collect();
    match conditions.as_slice() {
        [one] => one.clone(),
        _ => format!("({})", conditions.join(" OR ")),
    }
}

/// The condition for what filters let pass, with `AND` before it.
pub(super) fn passing(filters: &Filters, facts: Facts) -> String {
    let one = |(key, values): (Key, &[String])| {
        let values: Vec<String> =
            values.iter().filter(|value| !value.is_empty()).map(|value| quoted(value)).collect();
        // Numbers have no names, and nothing is called by an empty one.
        match values.is_empty() || matches!(key, Key::Day | Key::Success | Key::ExitCode) {
            true => " AND 0".to_owned(),
            false => format!(" AND {} IN ({})", expression(key, facts), values.join(", ")),
        }
    };
    filters.iter().map(one).collect()
}

/// The facts of a subject on some days, taken from events, as `FROM` and `WHERE`.
pub(super) fn from_events(of: Subject, days: &[Range]) -> String {
    let (join, condition) = subject(of);
    format!("FROM event FINAL {join}WHERE {condition} AND {}", within_any(days))
}

/// Some rows of a table for some days, as `FROM` and `WHERE`.
fn from_table(table: &str, rows: &str, days: &[Range]) -> String {
    format!("FROM {table} WHERE subject = '{rows}' AND {}", within_any(days))
}

/// Keys as columns, with `k0`, `k1` and so on as names, and how to group by them.
fn grouped<'k>(keys: impl IntoIterator<Item = &'k str>) -> (String, String) {
    let (mut columns, mut names) = (String::new(), Vec::new());
    for (at, key) in keys.into_iter().enumerate() {
        columns.push_str(&format!("{key} AS k{at}, "));
        names.push(format!("k{at}"));
    }
    let group_by = if names.is_empty() { String::new() } else { format!(" GROUP BY {}", names.join(", ")) };
    (columns, group_by)
}

/// A question about some days, asked of some rows of `sums` or of the events. The columns are the keys, the bucket if
/// asked for, the count, and the sums.
pub(super) fn groups(question: &Question, days: &[Range], rows: Option<&str>) -> String {
    let of = question.subject;
    let (facts, count, from) = match rows {
        Some(rows) => (Facts::Added, "sum(n)", from_table("sums FINAL", rows, days)),
        None => (Facts::Events(of), "count()", from_events(of, days)),
    };
    let keys = question.keys.iter().map(|key| expression(*key, facts));
    let (keys, group_by) = grouped(keys.chain(question.durations.then_some("duration_bucket")));
    let totals: String = question.sums.iter().map(|sum| format!(", {}", total(*sum, facts))).collect();
    format!("SELECT {keys}{count}{totals} {from}{}{group_by}", passing(&question.filters, facts))
}

/// How many installations there are in each group, asked of some rows of `usage` or of the events. The columns are the
/// keys, and the number.
pub(super) fn installs(question: &Question, rows: Option<&str>) -> String {
    let (of, days) = (question.subject, [question.range]);
    let (facts, from) = match rows {
        Some(rows) => (Facts::Added, from_table("usage", rows, &days)),
        None => (Facts::Events(of), from_events(of, &days)),
    };
    let count = format!("uniqExactIf(install, install != {NOBODY})");
    let (keys, group_by) = grouped(question.keys.iter().map(|key| expression(*key, facts)));
    format!("SELECT {keys}{count} {from}{}{group_by}", passing(&question.filters, facts))
}

/// How many installations were present on any day of a range. The columns are the key and the number.
pub(super) fn present(range: Range, by: Option<Key>, filters: &Filters) -> String {
    let key = by.map_or("''", |key| expression(key, Facts::Added));
    format!(
        "SELECT {key} AS k, uniqExact(install) FROM presence WHERE {}{} GROUP BY k",
        within(range),
        passing(filters, Facts::Added),
    )
}

/// How many presences of an installation lie at a day and have their predecessor at another: key, day, day before, n.
///
/// The predecessor of the first one is [`NEVER`].
pub(super) fn presences(range: Range, by: Option<Key>, filters: &Filters) -> String {
    let key = by.map_or("''", |key| expression(key, Facts::Added));
    format!(
        "SELECT k, d, before, count() FROM (
            SELECT {key} AS k, install, arraySort(groupUniqArray(toInt32(day))) AS days
            FROM presence WHERE {}{} GROUP BY k, install)
        ARRAY JOIN days AS d, arrayPushFront(arrayPopBack(days), {NEVER}) AS before
        GROUP BY k, d, before",
        within(range),
        passing(filters, Facts::Added),
    )
}

/// Before every day.
pub(super) const NEVER: i32 = i32::MIN;

/// Installations by their first day, if they were seen on it in a way that passes: day, n.
pub(super) fn new_installs(range: Range, filters: &Filters) -> String {
    format!(
        "SELECT toInt32(day), uniqExact(install) FROM presence WHERE {days}{} AND (install, day) IN (
            SELECT install, min(first_day) AS day FROM install GROUP BY install HAVING {days})
        GROUP BY day ORDER BY day",
        passing(filters, Facts::Added),
        days = within(range),
    )
}

/// Cohorts by the week of their first day: that week, a week in which some were seen, how many; in week 0, how many
/// were seen at all.
pub(super) fn cohorts(range: Range, first_week: Day, filters: &Filters) -> String {
    format!(
        "SELECT toInt32(born), toInt32(week), count() FROM (
            SELECT install, arrayPushBack(groupUniqArray(toMonday(day)), toDate(0)) AS weeks
            FROM presence WHERE {}{} GROUP BY install) AS seen
        INNER JOIN (
            SELECT install, toMonday(min(first_day)) AS born FROM install GROUP BY install
            HAVING born >= toDate({}) AND born <= toDate({})) AS births USING install
        ARRAY JOIN weeks AS week GROUP BY born, week",
        within(range),
        passing(filters, Facts::Added),
        first_week.clamp(*DAYS.start(), *DAYS.end()),
        range.to.clamp(*DAYS.start(), *DAYS.end()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::clickhouse::sums::{rows_for, users_for};

    #[test]
    fn what_people_type_stays_a_text() {
        assert_eq!(quoted("it's \\"), "'it\\'s \\\\'");
        let filters = Filters::default().with(Key::Version, vec!["1') OR 1 --".to_owned(), String::new()]);
        assert_eq!(passing(&filters, Facts::Added), " AND version IN ('1\\') OR 1 --')");
        let nothing = Filters::default().with(Key::Version, vec![String::new()]);
        assert_eq!(passing(&nothing, Facts::Added), " AND 0");
    }

    #[test]
    fn days_that_no_date_can_be_match_nothing() {
        assert_eq!(
            within(Range { from: Day::MIN, to: Day::MAX }),
            "day >= toDate(0) AND day <= toDate(65535)"
        );
        assert_eq!(within(Range { from: 5, to: 4 }), "0");
        assert_eq!(within(Range { from: 70_000, to: 80_000 }), "0");
    }

    #[test]
    fn a_question_is_one_group_by() {
        let range = Range { from: 1, to: 2 };
        let question = Question::count(Subject::SessionError, range, &Filters::default())
            .by([Key::Day, Key::Error])
            .adding([Sum::Errors]);
        let days = [range, Range { from: 5, to: 5 }];
        insta::assert_snapshot!(groups(&question, &days, None), @"SELECT toInt32(day) AS k0, error_name AS k1, count(), toUInt64(ifNull(sum(error_times), 0)) FROM event FINAL ARRAY JOIN error_names AS error_name, error_times AS error_times WHERE event = 'session' AND action = 'end' AND (day >= toDate(1) AND day <= toDate(2) OR day >= toDate(5) AND day <= toDate(5)) GROUP BY k0, k1");
        insta::assert_snapshot!(groups(&question, &days, rows_for(&question)), @"SELECT toInt32(day) AS k0, error AS k1, sum(n), toUInt64(ifNull(sum(error_count), 0)) FROM sums FINAL WHERE subject = 'session_error' AND (day >= toDate(1) AND day <= toDate(2) OR day >= toDate(5) AND day <= toDate(5)) GROUP BY k0, k1");
        let question = Question::count(Subject::Tool, range, &Filters::default()).by([Key::Tool]);
        insta::assert_snapshot!(installs(&question, None), @"SELECT tool AS k0, uniqExactIf(install, install != toUUID('00000000-0000-0000-0000-000000000000')) FROM event FINAL WHERE event = 'tool' AND day >= toDate(1) AND day <= toDate(2) GROUP BY k0");
        insta::assert_snapshot!(installs(&question, users_for(&question)), @"SELECT tool AS k0, uniqExactIf(install, install != toUUID('00000000-0000-0000-0000-000000000000')) FROM usage WHERE subject = 'tool' AND day >= toDate(1) AND day <= toDate(2) GROUP BY k0");
    }
}
