//! Numbers for reading, each with its exact value beside it.

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

/// `4.2 %` of a whole; a dash when there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> Shown {
    let exact = format!("{} of {}", grouped(part), grouped(whole));
    let percent = 100.0 * part as f64 / whole as f64;
    let text = match (part, whole) {
        (_, 0) => "–".to_owned(),
        (0, _) => "0 %".to_owned(),
        _ if percent < 0.1 => "< 0.1 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        _ => format!("{:.1} %", percent.min(99.9)),
    };
    Shown::new(text, exact)
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
        assert_eq!(moment(1_795_348_800_123), Shown::new("12:00:00", "2026-11-22 12:00:00.123 UTC"));
    }

    #[test]
    fn a_share_is_not_rounded_to_all_or_nothing() {
        let shares = [(0, 0), (0, 9), (1, 100_000), (1, 3), (99_999, 100_000), (3, 3)];
        assert_eq!(
            texts(|(part, whole)| share(part, whole), shares),
            ["–", "0 %", "< 0.1 %", "33.3 %", "99.9 %", "100 %"]
        );
    }
}
