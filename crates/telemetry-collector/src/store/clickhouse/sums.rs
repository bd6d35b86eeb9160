//! Days added up: most questions are answered from some thousand sums of a day instead of from its events.
//!
//! Nothing is added to a sum, because a repetition would count twice. Sums are made from a day's events as `FINAL` shows
//! them, all at once, and count as the day's sums only until something touches the day again:
//!
//! - Before a batch is inserted, the collector writes down for each of its days that it has *begun*, and afterwards that
//!   it has *arrived* (`touched`: the highest number of each collector, which grows with every batch).
//! - What all collectors have begun, added up, is the day's state; it grows with every batch.
//! - When everything that was begun has arrived, anybody may add the day up, and then note the state that was seen
//!   *before* (`summed`). Sums and note may be made any number of times, by several collectors at once.
//! - An answer takes the sums of the days whose state is still the noted one, and the events of all others.
//!
//! So a day that is touched while it is added up is answered from its events, and so is one whose batch never arrived,
//! until its collector is back. The state is also the version by which sums replace each other. A sum whose facts are
//! gone is written as zero: it must not stay. How many events each installation has on a day (`stored`) is kept alike.

use super::client::ClickHouse;
use super::rows::{SummedColumns, date};
use super::sql::{self, Facts, NOBODY};
use crate::answer::range::Range;
use crate::store::keys::kind;
use crate::store::question::{Key, Question, Subject, Sum};
use crate::store::{Day, StoreError};

/// Sums of one kind: of which facts, and by which keys beside the day.
///
/// More keys answer more questions from more rows; with all of them, there are as many rows as events. So durations,
/// which come in hundreds of buckets, are kept by few keys, and everything else by the whole environment.
struct Cube {
    /// What its rows are called.
    name: &'static str,
    subject: Subject,
    env: &'static [Key],
    keys: &'static [Key],
    has_durations: bool,
}

const fn cube(name: &'static str, subject: Subject, keys: &'static [Key]) -> Cube {
    Cube { name, subject, env: &Key::ENV, keys, has_durations: false }
}

const fn cube_of_durations(name: &'static str, subject: Subject, keys: &'static [Key]) -> Cube {
    Cube { name, subject, env: &[Key::Source, Key::Version], keys, has_durations: true }
}

/// Those without durations have fewer rows and come first: the first one that can answers a question.
const CUBES: [Cube; 12] = [
    cube("command", Subject::Command, &[Key::Action, Key::Success, Key::ExitCode, Key::Error]),
    cube("flag", Subject::Flag, &[Key::Action, Key::Flag]),
    cube("session_start", Subject::SessionStart, &[Key::Agent]),
    cube("session_end", Subject::SessionEnd, &[Key::Agent, Key::Outcome]),
    cube("session_error", Subject::SessionError, &[Key::Error]),
    cube("tool", Subject::Tool, &[Key::Tool, Key::ToolKind, Key::Outcome, Key::Success, Key::Error]),
    cube("token", Subject::Token, &[Key::Provider, Key::Model, Key::Purpose]),
    cube("other", Subject::Other, &[Key::Event, Key::Action]),
    cube_of_durations("command_durations", Subject::Command, &[Key::Action, Key::Success]),
    cube_of_durations("session_durations", Subject::SessionEnd, &[Key::Agent, Key::Outcome]),
    cube_of_durations(
        "tool_durations",
        Subject::Tool,
        &[Key::Tool, Key::ToolKind, Key::Outcome, Key::Success, Key::Error],
    ),
    cube_of_durations("token_durations", Subject::Token, &[Key::Provider, Key::Model, Key::Purpose]),
];

impl Cube {
    fn has(&self, key: Key) -> bool {
        key == Key::Day || self.env.contains(&key) || self.keys.contains(&key)
    }
}

/// The rows of `sums` that answer a question, but for its installations.
pub(super) fn rows_for(question: &Question) -> Option<&'static str> {
    let can = |cube: &&Cube| {
        cube.subject == question.subject
            && (cube.has_durations || !question.durations)
            && asked(question).all(|key| cube.has(key))
    };
    CUBES.iter().find(can).map(|cube| cube.name)
}

/// The rows of `usage` about the users of a subject and the keys that they have, beside day and environment; `None`
/// where nobody asks for them.
pub(super) fn usage(subject: Subject) -> Option<(&'static str, &'static [Key])> {
    match subject {
        Subject::Command => Some(("command", &[Key::Action])),
        Subject::SessionStart => Some(("session_start", &[])),
        Subject::Tool => Some(("tool", &[Key::Tool, Key::ToolKind])),
        Subject::Token => Some(("token", &[Key::Provider, Key::Model])),
        Subject::Flag | Subject::SessionEnd | Subject::SessionError | Subject::Other => None,
    }
}

/// The rows of `usage` that tell how many installations there are in each group of a question.
pub(super) fn users_for(question: &Question) -> Option<&'static str> {
    let (name, keys) = usage(question.subject)?;
    let is_kept = |key: Key| key == Key::Day || Key::ENV.contains(&key) || keys.contains(&key);
    asked(question).all(is_kept).then_some(name)
}

/// What a question groups and filters by.
fn asked(question: &Question) -> impl Iterator<Item = Key> {
    question.keys.iter().copied().chain(question.filters.iter().map(|(key, _)| key))
}

/// All keys of sums, in the order of their columns.
fn keys() -> impl Iterator<Item = Key> {
    Key::ALL.into_iter().filter(|key| *key != Key::Day)
}

/// The statement that adds a day up.
fn adding_up(day: Day, state: u64) -> String {
    let on = Range { from: day, to: day };
    let keys: Vec<&str> = keys().map(|key| sql::expression(key, Facts::Added)).collect();
    let numbers: Vec<&str> = Sum::ALL.into_iter().map(|sum| sql::addend(sum, Facts::Added)).collect();
    let all_keys = format!("subject, {}, duration_bucket", keys.join(", "));
    // Every part has the columns of `all_keys`, under numbered names, and then those of `numbers`.
    let mut parts: Vec<String> = CUBES.iter().map(|cube| part(cube, on)).collect();
    let zeros = ", 0".repeat(numbers.len() + 1);
    parts.push(format!("SELECT {all_keys}{zeros} FROM sums FINAL WHERE {}", sql::within(on)));
    let numbered = |letter, count: usize| (0..count).map(|at| format!("{letter}{at}")).collect::<Vec<_>>();
    let groups = numbered('k', keys.len() + 2).join(", ");
    let totals: Vec<String> =
        numbered('s', numbers.len() + 1).into_iter().map(|column| format!("sum({column})")).collect();
    format!(
        "INSERT INTO sums (day, basis, {all_keys}, n, {}) SELECT toDate({}), toUInt64({state}), {groups}, {} \
         FROM ({}) GROUP BY {groups}",
        numbers.join(", "),
        date(day),
        totals.join(", "),
        parts.join(" UNION ALL "),
    )
}

/// The statement that counts a day's events by installation.
fn counting_up(day: Day, state: u64) -> String {
    let on = sql::within(Range { from: day, to: day });
    format!(
        "INSERT INTO stored (day, install, basis, n) SELECT toDate({}), install, toUInt64({state}), sum(n) FROM (
            SELECT install, count() AS n FROM event FINAL WHERE {on} AND install != {NOBODY} GROUP BY install
            UNION ALL SELECT install, 0 FROM stored FINAL WHERE {on})
        GROUP BY install",
        date(day),
    )
}

/// The groups of one cube, in the columns that all share.
fn part(cube: &Cube, on: Range) -> String {
    let subject = cube.subject;
    let facts = Facts::Events(subject);
    let mut columns = vec![format!("'{}' AS k0", cube.name)];
    let mut group_by = Vec::new();
    let mut key = |expression: &'static str, is_kept: bool, absent: &'static str| {
        let at = columns.len();
        columns.push(format!("{} AS k{at}", if is_kept { expression } else { absent }));
        if is_kept {
            group_by.push(format!("k{at}"));
        }
    };
    for of in keys() {
        let absent = if kind(of).is_empty() { "NULL" } else { "''" };
        key(sql::expression(of, facts), cube.has(of), absent);
    }
    key("duration_bucket", cube.has_durations, "NULL");
    columns.push("count() AS s0".to_owned());
    for (at, sum) in Sum::ALL.into_iter().enumerate() {
        let total = if subject.sums(sum) { sql::total(sum, facts) } else { "0".to_owned() };
        columns.push(format!("{total} AS s{}", at + 1));
    }
    format!(
        "SELECT {} {} GROUP BY {}",
        columns.join(", "),
        sql::from_events(subject, &[on]),
        group_by.join(", ")
    )
}

/// A day whose sums are not those of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsummed {
    pub(crate) day: Day,
    /// What was begun there.
    pub(crate) state: u64,
    /// Whether all of that has arrived, so that it can be added up.
    pub(crate) is_whole: bool,
}

/// What is known of a day.
struct Known {
    day: Day,
    state: u64,
    basis: u64,
    is_whole: bool,
}

impl ClickHouse {
    fn known_days(&self) -> Result<Vec<Known>, StoreError> {
        let sql = "SELECT toInt32(day), sum(state), sum(basis), min(is_whole) FROM (
                SELECT day, toUInt64(sum(begun)) AS state, toUInt64(0) AS basis, min(arrived >= begun) AS is_whole FROM (
                    SELECT day, node, max(begun) AS begun, max(arrived) AS arrived FROM touched GROUP BY day, node)
                GROUP BY day
                UNION ALL SELECT day, toUInt64(0), max(basis), 1 FROM summed GROUP BY day)
            GROUP BY day ORDER BY day";
        let known = |row: Vec<serde_json::Value>| {
            let number = |at: usize| row.get(at)?.as_u64();
            let day = row.first()?.as_i64()?;
            Some(Known { day, state: number(1)?, basis: number(2)?, is_whole: number(3)? == 1 })
        };
        Ok(self.rows(sql)?.into_iter().filter_map(known).collect())
    }

    /// The days that can be answered from their sums, now.
    pub(super) fn summed_days(&self) -> Result<SummedDays, StoreError> {
        let known = self.known_days()?;
        let summed = known.iter().filter(|day| day.state == day.basis && day.state > 0);
        Ok(SummedDays::of(summed.map(|day| day.day)))
    }

    /// The days that cannot, in order.
    pub(crate) fn unsummed_days(&self) -> Result<Vec<Unsummed>, StoreError> {
        let unsummed = self.known_days()?.into_iter().filter(|day| day.state != day.basis);
        Ok(unsummed.map(|Known { day, state, is_whole, .. }| Unsummed { day, state, is_whole }).collect())
    }

    /// Adds a day up that was found to be whole; as long as `stop` does not end it, it may take its time.
    pub(crate) fn sum_day(&self, of: Unsummed, stop: impl AsyncFn()) -> Result<(), StoreError> {
        self.execute_until(&adding_up(of.day, of.state), &stop)?;
        self.execute_until(&counting_up(of.day, of.state), &stop)?;
        let note = SummedColumns { day: date(of.day), basis: of.state };
        self.insert::<SummedColumns>("summed", "", &[note])
    }

    /// Adds up everything that is whole.
    pub(crate) fn sum_all(&self) -> Result<(), StoreError> {
        let unsummed = self.unsummed_days()?;
        unsummed
            .into_iter()
            .filter(|day| day.is_whole)
            .try_for_each(|day| self.sum_day(day, std::future::pending))
    }
}

/// Days that can be answered from their sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SummedDays(Vec<Range>);

impl SummedDays {
    /// Of days in order.
    fn of(days: impl Iterator<Item = Day>) -> Self {
        let mut runs: Vec<Range> = Vec::new();
        for day in days {
            match runs.last_mut() {
                Some(run) if run.to + 1 == day => run.to = day,
                _ => runs.push(Range { from: day, to: day }),
            }
        }
        Self(runs)
    }

    /// The parts of a range that have sums, and those that have not.
    pub(super) fn split(&self, range: Range) -> [Vec<Range>; 2] {
        let [mut summed, mut others] = [Vec::new(), Vec::new()];
        let mut from = range.from;
        for run in &self.0 {
            let run = Range { from: run.from.max(from), to: run.to.min(range.to) };
            if run.from > run.to {
                continue;
            }
            if from < run.from {
                others.push(Range { from, to: run.from - 1 });
            }
            summed.push(run);
            from = run.to + 1;
        }
        if from <= range.to {
            others.push(Range { from, to: range.to });
        }
        [summed, others]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::question::Filters;

    fn ranges(pairs: &[(Day, Day)]) -> Vec<Range> {
        pairs.iter().map(|(from, to)| Range { from: *from, to: *to }).collect()
    }

    #[test]
    fn a_range_is_split_without_gap_or_overlap() {
        let summed = SummedDays::of([3, 4, 5, 8, 9].into_iter());
        assert_eq!(summed.0, ranges(&[(3, 5), (8, 9)]));
        for (range, in_sums, in_events) in [
            ((0, 10), vec![(3, 5), (8, 9)], vec![(0, 2), (6, 7), (10, 10)]),
            ((4, 8), vec![(4, 5), (8, 8)], vec![(6, 7)]),
            ((5, 5), vec![(5, 5)], vec![]),
            ((6, 7), vec![], vec![(6, 7)]),
            ((9, 20), vec![(9, 9)], vec![(10, 20)]),
            ((5, 4), vec![], vec![]),
        ] {
            let range = Range { from: range.0, to: range.1 };
            assert_eq!(summed.split(range), [ranges(&in_sums), ranges(&in_events)], "{range:?}");
        }
        let ever = Range { from: Day::MIN, to: Day::MAX };
        assert_eq!(SummedDays::default().split(ever), [vec![], vec![ever]]);
        let [_, others] = summed.split(ever);
        assert_eq!(others, ranges(&[(Day::MIN, 2), (6, 7), (10, Day::MAX)]));
    }

    #[test]
    fn sums_are_kept_by_what_their_facts_have() {
        for cube in &CUBES {
            for key in cube.env.iter().chain(cube.keys) {
                assert!(cube.subject.has(*key), "{} {key:?}", cube.name);
            }
            assert!(cube.subject.has_duration() || !cube.has_durations, "{}", cube.name);
        }
        for subject in Subject::ALL {
            for key in usage(subject).map_or(&[][..], |(_, keys)| keys) {
                assert!(subject.has(*key), "{subject:?} {key:?}");
            }
        }
    }

    #[test]
    fn a_question_goes_to_the_fewest_rows_that_can_answer_it() {
        let range = Range { from: 1, to: 2 };
        let of = |os: &str, keys: &[Key]| {
            let filters = Filters::default().with(Key::Os, vec![os.to_owned()]);
            let filters = if os.is_empty() { Filters::default() } else { filters };
            Question::count(Subject::Tool, range, &filters).by(keys)
        };
        assert_eq!(rows_for(&of("", &[Key::Day, Key::Tool])), Some("tool"));
        assert_eq!(rows_for(&of("linux", &[Key::Tool])), Some("tool"));
        assert_eq!(rows_for(&of("", &[Key::Version, Key::Tool]).with_durations()), Some("tool_durations"));
        assert_eq!(rows_for(&of("linux", &[Key::Tool]).with_durations()), None);
        assert_eq!(rows_for(&of("", &[Key::Agent])), None);
        assert_eq!(users_for(&of("linux", &[Key::Tool])), Some("tool"));
        assert_eq!(users_for(&of("", &[Key::Outcome])), None);
    }
}
