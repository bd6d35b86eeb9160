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

/// The expression of a key among the facts of a subject.
pub(super) fn expression(key: Key, subject: Option<Subject>) -> &'static str {
    match key {
        Key::Day => "toInt32(day)",
        Key::Success => "is_success",
        Key::ExitCode => "exit_code",
        Key::Error if subject == Some(Subject::SessionError) => "error_name",
        // A name's column is called after its kind.
        name => kind(name),
    }
}

fn addend(sum: Sum, subject: Subject) -> &'static str {
    match sum {
        Sum::InputTokens => "input_tokens",
        Sum::OutputTokens => "output_tokens",
        Sum::CacheReadTokens => "cache_read_tokens",
        Sum::CacheWriteTokens => "cache_write_tokens",
        Sum::ReasoningTokens => "reasoning_tokens",
        Sum::CostNano => "cost_nano",
        Sum::Priced => "cost_nano IS NOT NULL",
        Sum::Turns => "turns",
        Sum::ToolCalls => "tool_calls",
        Sum::ToolErrors => "tool_errors",
        Sum::Errors if subject == Subject::SessionError => "error_times",
        Sum::Errors => "error_count",
        Sum::DurationMs => "duration_ms",
    }
}

/// Which facts a subject is about, and how they are taken out of events.
fn subject(subject: Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Command => ("", "event = 'command'"),
        Subject::Flag => ("ARRAY JOIN flags AS flag", "event = 'command'"),
        Subject::SessionStart => ("", "event = 'session' AND action = 'start'"),
        Subject::SessionEnd => ("", "event = 'session' AND action = 'end'"),
        Subject::SessionError => (
            "ARRAY JOIN error_names AS error_name, error_times AS error_times",
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

/// The condition for what filters let pass, with `AND` before it.
pub(super) fn passing(filters: &Filters, subject: Option<Subject>) -> String {
    let one = |(key, values): (Key, &[String])| {
        let values: Vec<String> =
            values.iter().filter(|value| !value.is_empty()).map(|value| quoted(value)).collect();
        // Numbers have no names, and nothing is called by an empty one.
        match values.is_empty() || matches!(key, Key::Day | Key::Success | Key::ExitCode) {
            true => " AND 0".to_owned(),
            false => format!(" AND {} IN ({})", expression(key, subject), values.join(", ")),
        }
    };
    filters.iter().map(one).collect()
}

/// A question. Its columns are the keys, the bucket if asked for, the count, the installations, and the sums.
pub(super) fn groups(question: &Question, by_bucket: bool, with_installs: bool) -> String {
    let Question { subject: kind, range, filters, .. } = question;
    let (join, condition) = subject(*kind);
    let mut keys: Vec<String> =
        question.keys.iter().map(|key| expression(*key, Some(*kind)).to_owned()).collect();
    if by_bucket {
        keys.push("duration_bucket".to_owned());
    }
    let mut columns: Vec<String> =
        keys.iter().enumerate().map(|(at, key)| format!("{key} AS k{at}")).collect();
    columns.push("count()".to_owned());
    columns.push(match with_installs {
        true => format!("uniqExactIf(install, install != {NOBODY})"),
        false => "0".to_owned(),
    });
    let sum = |sum: &Sum| format!("toUInt64(ifNull(sum({}), 0))", addend(*sum, *kind));
    columns.extend(question.sums.iter().map(sum));
    let group_by = match keys.len() {
        0 => String::new(),
        count => format!("GROUP BY {}", (0..count).map(|at| format!("k{at}")).collect::<Vec<_>>().join(", ")),
    };
    format!(
        "SELECT {} FROM event FINAL {join} WHERE {condition} AND {}{} {group_by}",
        columns.join(", "),
        within(*range),
        passing(filters, Some(*kind)),
    )
}

/// How many presences of an installation lie at a day and have their predecessor at another: key, day, day before, n.
///
/// The predecessor of the first one is [`NEVER`].
pub(super) fn presences(range: Range, by: Option<Key>, filters: &Filters) -> String {
    let key = by.map_or("''", |key| expression(key, None));
    format!(
        "SELECT k, d, before, count() FROM (
            SELECT {key} AS k, install, arraySort(groupUniqArray(toInt32(day))) AS days
            FROM presence WHERE {}{} GROUP BY k, install)
        ARRAY JOIN days AS d, arrayPushFront(arrayPopBack(days), {NEVER}) AS before
        GROUP BY k, d, before",
        within(range),
        passing(filters, None),
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
        passing(filters, None),
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
        passing(filters, None),
        first_week.clamp(*DAYS.start(), *DAYS.end()),
        range.to.clamp(*DAYS.start(), *DAYS.end()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_stays_a_text() {
        assert_eq!(quoted("it's \\"), "'it\\'s \\\\'");
        let filters = Filters::default().with(Key::Version, vec!["1') OR 1 --".to_owned(), String::new()]);
        assert_eq!(passing(&filters, None), " AND version IN ('1\\') OR 1 --')");
        let nothing = Filters::default().with(Key::Version, vec![String::new()]);
        assert_eq!(passing(&nothing, None), " AND 0");
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
        insta::assert_snapshot!(groups(&question, false, true), @"SELECT toInt32(day) AS k0, error_name AS k1, count(), uniqExactIf(install, install != toUUID('00000000-0000-0000-0000-000000000000')), toUInt64(ifNull(sum(error_times), 0)) FROM event FINAL ARRAY JOIN error_names AS error_name, error_times AS error_times WHERE event = 'session' AND action = 'end' AND day >= toDate(1) AND day <= toDate(2) GROUP BY k0, k1");
    }
}
