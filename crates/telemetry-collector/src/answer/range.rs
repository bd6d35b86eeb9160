//! The days that an answer is about: UTC dates, both ends included.

use jiff::civil::Date;

use crate::store::{Day, UnixMs, day_of};

/// Why a range cannot be read; for the person who asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRange(String);

/// What `from` and `to` mean when they are not given.
pub(crate) const DEFAULT_DAYS: i64 = 30;
/// The longest range: three years. Answers have a row for each day.
pub(crate) const MOST_DAYS: i64 = 1_098;

/// A range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: Day,
    pub(crate) to: Day,
}

impl Range {
    /// Reads `from` and `to`; today's range by default, and 30 days when one end is missing.
    pub(crate) fn parse(from: Option<&str>, to: Option<&str>, now_ms: UnixMs) -> Result<Self, BadRange> {
        let to = to.map(|text| parse_day("to", text)).transpose()?;
        let from = from.map(|text| parse_day("from", text)).transpose()?;
        let today = day_of(now_ms);
        let to = to.unwrap_or_else(|| from.map_or(today, |from| today.max(from)));
        let from = from.unwrap_or(to - (DEFAULT_DAYS - 1));
        if from > to {
            return Err(BadRange(format!("from ({}) is after to ({})", show(from), show(to))));
        }
        let range = Self { from, to };
        if range.len() > MOST_DAYS {
            return Err(BadRange(format!(
                "from {} to {} are {} days; a range may have {MOST_DAYS}",
                show(from),
                show(to),
                range.len()
            )));
        }
        Ok(range)
    }

    /// The last `days` days up to today.
    pub(crate) fn last(days: i64, now_ms: UnixMs) -> Self {
        let to = day_of(now_ms);
        Self { from: to - (days - 1), to }
    }

    /// A single day.
    pub(crate) fn day(day: Day) -> Self {
        Self { from: day, to: day }
    }

    /// How many days it has.
    pub(crate) fn len(self) -> i64 {
        self.to - self.from + 1
    }

    pub(crate) fn contains(self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// The days, in their order.
    pub(crate) fn days(self) -> impl Iterator<Item = Day> {
        self.from..=self.to
    }

    /// The range of the same length that ends the day before.
    pub(crate) fn previous(self) -> Self {
        Self { from: self.from - self.len(), to: self.from - 1 }
    }

    /// The share of its days that are over.
    pub(crate) fn elapsed(self, today: Day) -> f64 {
        (today - self.from).clamp(0, self.len()) as f64 / self.len() as f64
    }

    /// About three times as many days with the same end, a quarter of a year at least.
    pub(crate) fn longer(self) -> Self {
        self.window((2 * self.len() + 1).clamp(91, MOST_DAYS))
    }

    /// The last `days` days of this range's end, also before its beginning.
    pub(crate) fn window(self, days: i64) -> Self {
        Self { from: self.to - (days - 1), to: self.to }
    }
}

/// Reads a date; `name` says which one in the message.
pub(crate) fn parse_day(name: &str, text: &str) -> Result<Day, BadRange> {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let date = well_formed.then(|| text.parse::<Date>().ok()).flatten();
    date.map(day_number).ok_or_else(|| BadRange(format!("{name} must be a UTC date such as 2026-11-22")))
}

fn day_number(date: Date) -> Day {
    let epoch = Date::constant(1970, 1, 1);
    (date - epoch).get_days().into()
}

/// A day as `2026-11-22`.
pub(crate) fn show(day: Day) -> String {
    let span = jiff::Span::new().try_days(day);
    let date = span.and_then(|span| Date::constant(1970, 1, 1).checked_add(span));
    date.map_or_else(|_| format!("day {day}"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMs = 20_000 * 86_400_000 + 43_200_000;

    #[test]
    fn days_are_read_and_shown_the_same() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-22", "0001-01-01", "9999-12-31"] {
            let range = Range::parse(Some(text), Some(text), NOON).unwrap();
            assert_eq!(show(range.from), text);
            assert_eq!(range.from, range.to);
        }
    }

    #[test]
    fn the_default_is_the_last_thirty_days() {
        let range = Range::parse(None, None, NOON).unwrap();
        assert_eq!((range.from, range.to), (19_971, 20_000));
        assert_eq!(Range::parse(None, Some("2024-10-04"), NOON).unwrap().from, 20_000 - 29);
        assert_eq!(Range::parse(Some("2024-10-01"), None, NOON).unwrap().to, 20_000);
    }

    #[test]
    fn the_previous_range_is_as_long_and_ends_the_day_before() {
        let range = Range { from: 100, to: 106 };
        assert_eq!(range.previous(), Range { from: 93, to: 99 });
        assert_eq!(range.previous().len(), range.len());
    }

    #[test]
    fn what_is_not_over_has_not_elapsed() {
        let range = Range { from: 100, to: 106 };
        assert_eq!(
            [107, 106, 103, 100, 99].map(|today| 7.0 * range.elapsed(today)),
            [7.0, 6.0, 3.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_longer_range_is_one_that_can_be_asked_for() {
        let lengths = [1, 45, 100, 600, MOST_DAYS].map(|days| Range { from: 1, to: days }.longer().len());
        assert_eq!(lengths, [91, 91, 201, MOST_DAYS, MOST_DAYS]);
    }

    #[test]
    fn nonsense_is_refused() {
        for (from, to) in [
            ("2026-2-1", "2026-02-02"),
            ("2026-02-30", "2026-03-02"),
            ("2026-03-02", "2026-03-01"),
            ("", ""),
            ("0001-01-01", "9999-12-31"),
        ] {
            assert!(Range::parse(Some(from), Some(to), NOON).is_err(), "{from} {to}");
        }
    }
}
