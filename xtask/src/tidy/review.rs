//! Review dates: each event definition says when somebody asks again whether it is still needed.
//!
//! A date that has passed must not turn an old commit red, so it is a warning in `ci` and a failure only in
//! `review-due`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Finding;
use super::source::{Class, Source, words};

const SECONDS_A_DAY: u64 = 86_400;

/// Finds event definitions whose review date lies before today (UTC).
pub(super) fn passed(sources: &[Source], now: SystemTime) -> Vec<Finding> {
    let today = date(now);
    let definitions = sources.iter().filter(|source| source.is_rust() && !source.is_test());
    definitions.flat_map(|source| passed_in(source, &today)).collect()
}

fn passed_in(source: &Source, today: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for ((number, code), (_, literals)) in source.code_lines().zip(source.lines_of(Class::Literal)) {
        for (at, word) in words(&code) {
            let is_key = word == "review" && code[at + word.len()..].trim_start().starts_with('=');
            let value = literals.get(at..).unwrap_or_default().trim_start();
            let value = value.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(value, _)| value);
            if let Some(value) = value.filter(|value| is_key && is_date(value) && *value < today) {
                let text =
                    format!("review was due on {value}: is the event still needed? then set a new date");
                found.push(Finding::line(&source.path, number, text));
            }
        }
    }
    found
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Renders a moment's day in UTC as `YYYY-MM-DD`, after Howard Hinnant's `civil_from_days`.
fn date(moment: SystemTime) -> String {
    let days = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS_A_DAY);
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn day(number: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(number * SECONDS_A_DAY)
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(day(0)), "1970-01-01");
        assert_eq!(date(day(11_016)), "2000-02-29");
        assert_eq!(date(day(19_722)), "2023-12-31");
        assert_eq!(date(day(19_723)), "2024-01-01");
        assert_eq!(date(day(20_513)), "2026-03-01");
    }

    #[test]
    fn a_passed_date_is_found_and_todays_is_not() {
        let text = "#[event(name = \"a\", review = \"2024-01-01\")]\n\
                    #[event(review = \"2023-12-31\", since = \"0.1\")]\n\
                    // review = \"2001-01-01\"\n\
                    let preview = \"2001-01-01\";\n";
        let found = passed(&[Source::new("crates/a/src/events.rs", text)], day(19_723));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].line, Some(2));
        assert!(found[0].text.contains("2023-12-31"));
        assert_eq!(passed(&[Source::new("crates/a/tests/it/events.rs", text)], day(19_723)), []);
    }
}
