//! Numbers for reading, each with its exact value beside it.

use crate::answer::datum::{Datum, Form};
use crate::store::UnixMs;

/// A number as a person reads it, and exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) exact: String,
}

impl Shown {
    fn new(text: impl Into<String>, exact: impl Into<String>) -> Self {
        Self { text: text.into(), exact: exact.into() }
    }

    /// Whether the exact value tells something that the text does not.
    pub(crate) fn says_more(&self) -> bool {
        !self.exact.is_empty() && self.exact != self.text
    }
}

/// `1,234`, from a million on `12.3 M`.
pub(crate) fn count(number: u64) -> Shown {
    let scaled = |unit: f64, name: &str| format!("{:.1} {name}", number as f64 / unit);
    let text = match number {
        0..1_000_000 => grouped(number),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        1_000_000_000..1_000_000_000_000 => scaled(1e9, "G"),
        _ => scaled(1e12, "T"),
    };
    Shown::new(text, grouped(number))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `840 ms`, `1.2 s`, `3m 20s`, `2h 5m`.
pub(crate) fn duration(ms: u64) -> Shown {
    let seconds = (ms + 500) / 1000;
    let text = match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_950 => format!("{}.{} s", (ms + 50) / 1000, (ms + 50) / 100 % 10),
        59_950..3_599_500 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    };
    Shown::new(text, format!("{} ms", grouped(ms)))
}

/// `$12.34`; below a dollar with as many decimals as show something.
pub(crate) fn dollars(nano: u64) -> Shown {
    let exact = format!("{}.{:09} USD", nano / 1_000_000_000, nano % 1_000_000_000);
    let usd = nano as f64 / 1e9;
    let text = match nano {
        0 => "$0".to_owned(),
        1..100_000 => "< $0.0001".to_owned(),
        100_000..1_000_000_000 => format!("${usd:.4}"),
        _ => {
            let cents = (nano + 5_000_000) / 10_000_000;
            format!("${}.{:02}", grouped(cents / 100), cents % 100)
        }
    };
    Shown::new(text, exact)
}

/// `4.2 %`; what is not all or nothing does not look like it.
pub(crate) fn percent(share: f64) -> Shown {
    let percent = 100.0 * share;
    let text = match share.abs() {
        0.0 => "0 %".to_owned(),
        1.0 => format!("{percent:.0} %"),
        part if part < 0.001 => "< 0.1 %".to_owned(),
        part if part < 1.0 => format!("{:.1} %", percent.clamp(-99.9, 99.9)),
        _ => format!("{percent:.0} %"),
    };
    Shown::new(text, format!("{} %", decimal(percent, 4)))
}

/// `3.2`.
fn mean(number: f64) -> Shown {
    Shown::new(decimal(number, if number < 10.0 { 2 } else { 1 }), decimal(number, 6))
}

/// A number with at most some decimals, and no more than it needs.
pub(crate) fn decimal(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Columns of texts that may have nothing to say; in others an event should have said something.
const NOT_MEANT: [&str; 3] = ["code", "property", "version"];

/// A value of a column: what it is follows from its form and from the ending of the column's name.
pub(crate) fn value(column: &str, datum: &Datum) -> Shown {
    match datum {
        Datum::Null => Shown::new("–", "nothing to tell from"),
        Datum::Text(text) if text.is_empty() && NOT_MEANT.contains(&column) => {
            Shown::new("–", "none is meant")
        }
        Datum::Text(text) if text.is_empty() => Shown::new("not said", "the events do not say"),
        Datum::Text(text) => Shown::new(text.as_ref(), ""),
        Datum::Date(_) => Shown::new(datum.text(), ""),
        Datum::Count(number) if is_duration(column) => duration(*number),
        Datum::Count(number) => count(*number),
        Datum::Dollars(nano) => dollars(u64::try_from(*nano).unwrap_or_default()),
        Datum::Quotient(number) if is_share(column) => percent(*number),
        Datum::Quotient(number) => mean(*number),
        Datum::Change(_) | Datum::Tally(_) => Shown::new(datum.text(), ""),
    }
}

/// The value of a column that stands at an axis.
pub(crate) fn tick(column: &str, form: Form, number: f64) -> String {
    match form {
        Form::Dollars if number > 0.0 && number < 1.0 => format!("${}", decimal(number, 4)),
        Form::Dollars => format!("${}", short(number)),
        Form::Quotient if is_share(column) => format!("{} %", decimal(100.0 * number, 2)),
        Form::Quotient => decimal(number, 2),
        _ if is_duration(column) => duration(number.round() as u64).text,
        _ => short(number),
    }
}

/// `12 k`, `3.5 M`.
fn short(number: f64) -> String {
    let units = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")];
    match units.into_iter().find(|(unit, _)| number >= *unit) {
        // From ten thousand on in thousands.
        Some((unit, name)) => format!("{}{name}", decimal(number / if unit == 1e4 { 1e3 } else { unit }, 2)),
        None => decimal(number, 2),
    }
}

/// What a number of this column is called in the data of a chart.
pub(crate) fn unit(column: &str, form: Form) -> &'static str {
    match form {
        Form::Dollars => "usd",
        Form::Quotient if is_share(column) => "share",
        _ if is_duration(column) => "ms",
        _ => "count",
    }
}

fn is_duration(column: &str) -> bool {
    column.ends_with("_ms")
}

fn is_share(column: &str) -> bool {
    column.ends_with("rate") || column.ends_with("share")
}

/// A time of day in UTC, and the whole moment.
pub(crate) fn moment(ms: UnixMs) -> Shown {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => Shown::new(
            at.strftime("%H:%M:%S").to_string(),
            at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string(),
        ),
        Err(_) => Shown::new("?", ms.to_string()),
    }
}

/// A moment in a list that was made at another one: of an earlier or later day, with its date.
pub(crate) fn moment_seen(ms: UnixMs, now_ms: UnixMs) -> Shown {
    let at = moment(ms);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(day) if at.exact.get(..10) != moment(now_ms).exact.get(..10) => {
            Shown { text: format!("{} {}", day.strftime("%b %-d"), at.text), ..at }
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<T>(show: impl Fn(T) -> Shown, values: impl IntoIterator<Item = T>) -> Vec<String> {
        values.into_iter().map(|value| show(value).text).collect()
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            texts(count, [0, 999, 1000, 999_999, 12_345_678, 5 << 40]),
            ["0", "999", "1,000", "999,999", "12.3 M", "5.5 T"]
        );
        assert_eq!(count(12_345_678).exact, "12,345,678");
        let durations = [0, 999, 1000, 1477, 59_949, 59_950, 200_000, 7_500_000];
        assert_eq!(
            texts(duration, durations),
            ["0 ms", "999 ms", "1.0 s", "1.5 s", "59.9 s", "1m 0s", "3m 20s", "2h 5m"]
        );
        let money = [0, 1, 13_500_000, 999_990_000, 1_994_999_999, 1_234_567_000_000_000];
        assert_eq!(
            texts(dollars, money),
            ["$0", "< $0.0001", "$0.0135", "$1.0000", "$1.99", "$1,234,567.00"]
        );
        assert_eq!(dollars(1).exact, "0.000000001 USD");
        let noon = 1_795_348_800_123;
        assert_eq!(moment(noon), Shown::new("12:00:00", "2026-11-22 12:00:00.123 UTC"));
        assert_eq!(moment_seen(noon, noon + 3_600_000), moment(noon));
        assert_eq!(
            moment_seen(noon, noon + 86_400_000),
            Shown::new("Nov 22 12:00:00", "2026-11-22 12:00:00.123 UTC")
        );
    }

    #[test]
    fn a_share_is_not_rounded_to_all_or_nothing() {
        let shares = [0.0, 0.000_01, 1.0 / 3.0, 0.99999, 1.0];
        assert_eq!(texts(percent, shares), ["0 %", "< 0.1 %", "33.3 %", "99.9 %", "100 %"]);
        assert_eq!(percent(1.0 / 3.0).exact, "33.3333 %");
    }

    #[test]
    fn a_column_says_how_its_numbers_read() {
        let shown = |column, datum| value(column, &datum).text;
        assert_eq!(shown("p95_ms", Datum::Count(1500)), "1.5 s");
        assert_eq!(shown("calls", Datum::Count(1500)), "1,500");
        assert_eq!(shown("failure_rate", Datum::Quotient(0.25)), "25.0 %");
        assert_eq!(shown("turns_per_session", Datum::Quotient(2.5)), "2.5");
        assert_eq!(shown("p95_ms", Datum::Null), "–");
        assert_eq!(shown("name", Datum::Text("".into())), "not said");
        let ticks = [0.0, 50.0, 2500.0, 20_000.0, 2_500_000.0].map(|n| tick("calls", Form::Count, n));
        assert_eq!(ticks, ["0", "50", "2500", "20 k", "2.5 M"]);
        assert_eq!(tick("failure_rate", Form::Quotient, 0.05), "5 %");
        assert_eq!(tick("cost", Form::Dollars, 0.05), "$0.05");
    }
}
