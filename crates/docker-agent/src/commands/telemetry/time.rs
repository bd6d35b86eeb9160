//! Times and sizes for people.

use jiff::Timestamp;

/// Now, as Unix milliseconds.
pub(super) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// A point in time in UTC, to the millisecond.
pub(super) fn at(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| unix_ms.to_string(), |time| format!("{time:.3}"))
}

/// How long ago something was, in its largest unit.
pub(super) fn ago(unix_ms: u64, now_ms: u64) -> String {
    format!("{} ago", span(now_ms.saturating_sub(unix_ms)))
}

/// A duration in its largest unit.
pub(super) fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = UNITS.iter().find(|(length, _)| ms >= *length);
    unit.map_or_else(|| format!("{ms} ms"), |(length, name)| format!("{} {name}", ms / length))
}

/// A size in its largest unit.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_units() {
        assert_eq!(at(1_790_000_000_123), "2026-09-21T14:13:20.123Z");
        assert_eq!(ago(0, 90_000), "1 min ago");
        // A clock that was set back.
        assert_eq!(ago(90_000, 0), "0 ms ago");
        assert_eq!((span(999), span(7_200_000)), ("999 ms".to_owned(), "2 h".to_owned()));
        assert_eq!(
            (size(1023), size(2048), size(5 << 20)),
            ("1023 B".into(), "2 KiB".into(), "5 MiB".into())
        );
    }
}
