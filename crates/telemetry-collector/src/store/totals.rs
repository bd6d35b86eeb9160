//! What all events of a day add up to: asked of any store, and kept in `daily` when the events go.
//!
//! A kept number and a measured one are put together by taking the larger: events only go.

use super::question::{Cell, DailyTotals, Filters, Group, Key, Question, Subject, Sum, View};
use crate::answer::range::Range;
use crate::store::{Day, StoreError};

/// The totals of each day of a range, from the events themselves; days without an event have none.
pub(crate) fn measured(view: &mut dyn View, range: Range) -> Result<Vec<DailyTotals>, StoreError> {
    let mut days = Days::of(range);
    let all = Filters::default();
    let ask = |subject: Subject| Question::count(subject, range, &all);
    let failed = |group: &Group| group.keys.last() == Some(&Cell::Number(0));
    for group in view.groups(&ask(Subject::Command).by([Key::Day, Key::Success]))? {
        if let Some(day) = days.of_group(&group) {
            day.commands += group.count;
            day.command_failures += if failed(&group) { group.count } else { 0 };
        }
    }
    for group in view.groups(&ask(Subject::SessionStart).by([Key::Day]))? {
        if let Some(day) = days.of_group(&group) {
            day.session_events += group.count;
            day.sessions_started += group.count;
        }
    }
    for group in view.groups(&ask(Subject::SessionEnd).by([Key::Day, Key::Outcome]))? {
        if let Some(day) = days.of_group(&group) {
            day.session_events += group.count;
            match group.keys[1].text() {
                "completed" => day.sessions_completed += group.count,
                "failed" => day.sessions_failed += group.count,
                "cancelled" => day.sessions_cancelled += group.count,
                "limit" => day.sessions_limit += group.count,
                _ => {}
            }
        }
    }
    for group in view.groups(&ask(Subject::Tool).by([Key::Day, Key::Outcome, Key::Success]))? {
        if let Some(day) = days.of_group(&group) {
            day.tool_calls += group.count;
            let is_failure = match &group.keys[1] {
                Cell::Absent => failed(&group),
                outcome => outcome.text() == "error",
            };
            day.tool_failures += if is_failure { group.count } else { 0 };
        }
    }
    let sums = [Sum::InputTokens, Sum::OutputTokens, Sum::CostNano, Sum::Priced];
    for group in view.groups(&ask(Subject::Token).by([Key::Day]).adding(sums))? {
        if let Some(day) = days.of_group(&group) {
            day.model_calls += group.count;
            day.input_tokens += group.sums[0];
            day.output_tokens += group.sums[1];
            day.cost_nano += group.sums[2];
            day.priced_calls += group.sums[3];
        }
    }
    for group in view.groups(&ask(Subject::Other).by([Key::Day, Key::Event]))? {
        if let Some(day) = days.of_group(&group) {
            match group.keys[1].text() {
                "session" => day.session_events += group.count,
                _ => day.other_events += group.count,
            }
        }
    }
    let mut found = days.with_events();
    let window = |day: &DailyTotals, days: i64| Range { from: day.day - days + 1, to: day.day };
    let windows = found.iter().flat_map(|day| [1, 7, 30].map(|days| window(day, days)));
    let active = view.active(&windows.collect::<Vec<_>>(), None, &all)?;
    let counts = active.iter().flat_map(|active| active.installs.as_chunks::<3>().0);
    for (day, [on_day, in_week, in_month]) in found.iter_mut().zip(counts) {
        (day.active_day, day.active_week, day.active_month) = (*on_day, *in_week, *in_month);
    }
    Ok(found)
}

/// Totals by day, without a gap.
struct Days(Day, Vec<DailyTotals>);

impl Days {
    fn of(range: Range) -> Self {
        let day = |day| DailyTotals { day, ..DailyTotals::default() };
        Self(range.from, (range.from..=range.to).map(day).collect())
    }

    fn of_group(&mut self, group: &Group) -> Option<&mut DailyTotals> {
        let day = group.keys.first()?.number()?;
        self.1.get_mut(usize::try_from(day - self.0).ok()?)
    }

    fn with_events(self) -> Vec<DailyTotals> {
        let events = |day: &DailyTotals| {
            day.commands + day.session_events + day.tool_calls + day.model_calls + day.other_events
        };
        self.1.into_iter().filter(|day| events(day) > 0).collect()
    }
}

/// What the numbers are called where they are kept.
pub(crate) const NAMES: [&str; 19] = [
    "commands",
    "command_failures",
    "session_events",
    "sessions_started",
    "sessions_completed",
    "sessions_failed",
    "sessions_cancelled",
    "sessions_limit",
    "tool_calls",
    "tool_failures",
    "model_calls",
    "priced_calls",
    "input_tokens",
    "output_tokens",
    "cost_nano",
    "other_events",
    "active_day",
    "active_week",
    "active_month",
];

/// In the order of [`NAMES`].
pub(crate) fn numbers(day: &mut DailyTotals) -> [&mut u64; NAMES.len()] {
    [
        &mut day.commands,
        &mut day.command_failures,
        &mut day.session_events,
        &mut day.sessions_started,
        &mut day.sessions_completed,
        &mut day.sessions_failed,
        &mut day.sessions_cancelled,
        &mut day.sessions_limit,
        &mut day.tool_calls,
        &mut day.tool_failures,
        &mut day.model_calls,
        &mut day.priced_calls,
        &mut day.input_tokens,
        &mut day.output_tokens,
        &mut day.cost_nano,
        &mut day.other_events,
        &mut day.active_day,
        &mut day.active_week,
        &mut day.active_month,
    ]
}

/// Puts kept and measured totals together: for each day and number the larger one.
pub(crate) fn together(kept: Vec<DailyTotals>, measured: Vec<DailyTotals>) -> Vec<DailyTotals> {
    let mut days = std::collections::BTreeMap::new();
    for mut day in kept.into_iter().chain(measured) {
        let known = days.entry(day.day).or_insert(DailyTotals { day: day.day, ..DailyTotals::default() });
        for (known, n) in numbers(known).into_iter().zip(numbers(&mut day)) {
            *known = (*known).max(*n);
        }
    }
    days.into_values().collect()
}
