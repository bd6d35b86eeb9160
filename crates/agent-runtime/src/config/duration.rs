//! Durations as the schema writes them: `30s`, `1m30s`, `1.5h`, `200ms`, or a number of seconds.

use std::time::Duration;

/// Longest duration that is read: a year is longer than anybody waits.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Units by what they stand for, the larger ones first.
const UNITS: [(&str, f64); 4] = [("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];

/// Reads a duration; nothing if the text is none.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..number_end].parse().ok()?;
        rest = &rest[number_end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &rest[..unit_end])?;
        seconds += number * factor;
        rest = &rest[unit_end..];
    }
    (seconds <= MAX_SECONDS).then(|| Duration::from_secs_f64(seconds))
}

/// Writes a duration so that [`parse`] reads the same, to the millisecond.
pub(super) fn written(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let parts =
        [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"), (millis.into(), "ms")];
    let text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_written() {
        let table = [
            ("1m", 60_000, "1m"),
            ("90s", 90_000, "1m30s"),
            ("2m30s", 150_000, "2m30s"),
            ("1.5h", 5_400_000, "1h30m"),
            ("250ms", 250, "250ms"),
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
        ];
        for (text, millis, again) in table {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(written(duration), again, "{text}");
        }
        for text in ["", "m", "1", "1x", "1 m", "-1s", "1..5s", "9999999h", "1e9s", "soon"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
