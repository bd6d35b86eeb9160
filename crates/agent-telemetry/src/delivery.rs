//! Decisions of delivery, as pure functions: what an answer means, how long to pause, how long an exit may wait.

pub(crate) mod remembered;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::{Answer, MAX_RECORDS};

/// The shortest exit allowance. The promise is 20 ms; the rest is for what surrounds the wait.
pub(crate) const EXIT_WAIT_MIN: Duration = Duration::from_millis(8);
/// The longest exit allowance.
pub(crate) const EXIT_WAIT_MAX: Duration = Duration::from_millis(500);
/// The exit allowance of the one run a day that may be patient because events have waited for a day.
pub(crate) const PATIENT_WAIT: Duration = Duration::from_millis(300);
/// How long events wait before a run may be patient, and between such runs.
pub(crate) const PATIENT_AFTER_MS: u64 = 24 * 60 * 60 * 1000;
/// One deadline over name look-up, connecting, TLS, writing and reading.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const PAUSE_MIN_MS: u64 = 60_000;
const PAUSE_MAX_MS: u64 = 6 * 60 * 60 * 1000;
const RETRY_AFTER_MAX_MS: u64 = 24 * 60 * 60 * 1000;
/// Further apart than two clocks that are kept right.
const FAR_OFF_MS: u64 = 60_000;
/// Whatever an endpoint says: it is not asked again at once.
const RETRY_AFTER_MIN_MS: u64 = 1000;

/// What came back for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    /// The server's clock.
    pub(crate) date: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What to do with the records of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are done; these positions were refused.
    Done { rejected: Vec<usize> },
    /// Keep them; try again after a pause.
    Retry { after_ms: Option<u64> },
    /// One of several is at fault: try fewer at a time.
    Split,
    /// They will never be taken.
    Drop,
    /// Keep them, and stop until the next version of the tool.
    Stop,
}

/// Judges an answer to a request with `records` records.
pub(crate) fn judge(response: &Response, records: usize, now_ms: u64) -> Verdict {
    let retry = || Verdict::Retry {
        after_ms: response.retry_after.as_deref().and_then(|text| retry_after(text, now_ms)),
    };
    match response.status {
        200..=299 => {
            // A login page of a network, or another server at this address, also says 200.
            let Some(answer) = answer_in(&response.body) else { return retry() };
            let mut rejected: Vec<usize> = answer
                .rejected
                .iter()
                .map(|rejected| rejected.index)
                .filter(|index| *index < records)
                .collect();
            // A record is refused once, however often the answer says so.
            rejected.sort_unstable();
            rejected.dedup();
            Verdict::Done { rejected }
        }
        400 | 413 if records > 1 => Verdict::Split,
        401 | 403 | 408 | 429 => retry(),
        410 => Verdict::Stop,
        400..=499 => Verdict::Drop,
        // Redirects are refused: whoever answers one is not who the notice named.
        _ => retry(),
    }
}

/// The collector's answer: a JSON object, or nothing at all from a collector that only counts.
fn answer_in(body: &[u8]) -> Option<Answer> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(Answer::default());
    }
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).ok()?;
    // Of another form: it took them, and says nothing that we understand about single records.
    Some(serde_json::from_slice(body).unwrap_or_default())
}

/// `Retry-After` in milliseconds from now: seconds or a date (RFC 9110, section 10.2.3), at most 24 hours.
fn retry_after(text: &str, now_ms: u64) -> Option<u64> {
    let text = text.trim();
    let ms = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => http_date_ms(text)?.saturating_sub(now_ms),
    };
    Some(ms.min(RETRY_AFTER_MAX_MS))
}

/// Whether a server's clock, by its `Date`, is far from ours.
pub(crate) fn is_far_off(date: &str, now_ms: u64) -> bool {
    http_date_ms(date).is_some_and(|theirs| theirs.abs_diff(now_ms) > FAR_OFF_MS)
}

/// The preferred form of an HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7), as Unix milliseconds.
fn http_date_ms(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split(' ').skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let month = MONTHS.iter().position(|month| Some(*month) == words.clone().next())? as u64 + 1;
    words.next();
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let is_date = (1970..=9999).contains(&year) && (1..=31).contains(&day);
    if words.next()? != "GMT" || !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days from civil, Howard Hinnant, http://howardhinnant.github.io/date_algorithms.html
    let shifted = if month <= 2 { year - 1 } else { year };
    let of_era = shifted % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = (shifted / 400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// What later runs remember of an endpoint: failures, the pause after them, how long it takes to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Breaker {
    /// The endpoint this is about.
    pub(crate) endpoint: String,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
    /// No attempt before this Unix time in milliseconds.
    pub(crate) open_until_ms: u64,
    /// The last answer's time; after an exit that gave up, the time that was not enough.
    pub(crate) answer_ms: Option<u64>,
    /// The version that was told to stop (410).
    pub(crate) stopped_version: Option<String>,
    /// When a run was patient, whatever the endpoint; remembered beside all of them.
    #[serde(skip)]
    pub(crate) patient_ms: u64,
    /// When something was delivered.
    pub(crate) delivered_ms: Option<u64>,
}

impl Breaker {
    /// Whether an attempt may be made.
    pub(crate) fn allows(&self, now_ms: u64, version: &str) -> bool {
        // A clock that was set back must not keep it open for longer than the longest pause.
        let paused = now_ms < self.open_until_ms && self.open_until_ms - now_ms <= RETRY_AFTER_MAX_MS;
        !paused && self.stopped_version.as_deref() != Some(version)
    }

    /// Notes a failed attempt; `random` is uniform in 0..1.
    pub(crate) fn failed(&mut self, now_ms: u64, after_ms: Option<u64>, random: f64) {
        self.failures = self.failures.saturating_add(1);
        let pause = after_ms.map_or_else(
            || pause_ms(self.failures, random),
            |asked| jittered(asked.max(RETRY_AFTER_MIN_MS), random).min(RETRY_AFTER_MAX_MS),
        );
        self.open_until_ms = now_ms.saturating_add(pause);
    }

    /// Notes an answer.
    pub(crate) fn answered(&mut self, now_ms: u64, took: Duration) {
        self.failures = 0;
        self.open_until_ms = 0;
        self.stopped_version = None;
        self.answer_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.delivered_ms = Some(now_ms);
    }
}

/// The pause after the n-th failure in a row: a minute and up to that much again at random, doubling, at most 6 hours.
///
/// The random part is full jitter over the growing part, so that many machines do not come back together.
fn pause_ms(failures: u32, random: f64) -> u64 {
    let growing = PAUSE_MIN_MS
        .saturating_mul(1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX))
        .min(PAUSE_MAX_MS);
    (PAUSE_MIN_MS + part(growing, random)).min(PAUSE_MAX_MS)
}

/// What an endpoint asked for and up to as much again, at most a minute, so that not all come back together.
fn jittered(asked_ms: u64, random: f64) -> u64 {
    asked_ms.saturating_add(part(asked_ms.min(PAUSE_MIN_MS), random))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 6 hours of milliseconds"
)]
fn part(ms: u64, random: f64) -> u64 {
    (ms as f64 * random.clamp(0.0, 1.0)) as u64
}

/// How long a process that ran for `wall` may wait at its exit.
pub(crate) fn exit_allowance(wall: Duration, patient: bool) -> Duration {
    let usual = (wall / 100).clamp(EXIT_WAIT_MIN, EXIT_WAIT_MAX);
    if patient { usual.max(PATIENT_WAIT) } else { usual }
}

/// Whether this exit may be patient: events have waited for a day, and no run was patient for a day.
pub(crate) fn may_be_patient(oldest_ms: Option<u64>, breaker: &Breaker, now_ms: u64) -> bool {
    oldest_ms.is_some_and(|oldest| now_ms.saturating_sub(oldest) >= PATIENT_AFTER_MS)
        && now_ms.abs_diff(breaker.patient_ms) >= PATIENT_AFTER_MS
}

/// How many records the next request carries after one with `records` was taken: after a refusal it grows again
/// slowly, since whoever refused sixty-four may refuse the next sixty-four as well.
pub(crate) fn more_at_a_time(records: usize) -> usize {
    records.saturating_mul(2).clamp(1, MAX_RECORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date_ms("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000_000));
        assert_eq!(http_date_ms("yesterday"), None);
        assert_eq!(retry_after("120", 0), Some(120_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_776_000), Some(1000));
        assert_eq!(retry_after("999999999", 0), Some(RETRY_AFTER_MAX_MS));
        assert_eq!(retry_after("99999999999999999999999", 0), None);
        for hostile in [
            "Sun, 06 Nov 1994 18446744073709551615:00:00 GMT",
            "Sun, 06 Nov 1994 00:99:00 GMT",
            "Sun, 00 Nov 1994 00:00:00 GMT",
            "Sun, 06 Nov 99999 00:00:00 GMT",
            "Sun, 06 Nov",
            "",
        ] {
            assert_eq!(retry_after(hostile, 0), None, "{hostile}");
        }
    }

    #[test]
    fn pauses_grow_within_bounds() {
        assert_eq!(pause_ms(1, 0.0), 60_000);
        assert_eq!(pause_ms(1, 1.0), 120_000);
        assert_eq!(pause_ms(3, 1.0), 300_000);
        assert_eq!(pause_ms(64, 1.0), PAUSE_MAX_MS);
        assert!(pause_ms(10, 0.5) > pause_ms(5, 0.5));
    }

    #[test]
    fn an_endpoint_that_asks_for_no_pause_gets_one_all_the_same() {
        let mut breaker = Breaker::default();
        breaker.failed(1_000_000, Some(0), 0.0);
        assert!(!breaker.allows(1_000_000, "1"));
        breaker.failed(1_000_000, Some(120_000), 0.0);
        assert_eq!(breaker.open_until_ms, 1_120_000);
        breaker.failed(1_000_000, Some(RETRY_AFTER_MAX_MS), 1.0);
        assert!(!breaker.allows(1_000_000, "1"), "the longest pause is no clock that was set back");
    }

    #[test]
    fn a_batch_grows_again_after_it_was_split() {
        assert_eq!([0, 1, 16, 48, 64].map(more_at_a_time), [1, 2, 32, 64, 64]);
    }

    #[test]
    fn allowance_is_one_percent_within_bounds() {
        assert_eq!(exit_allowance(Duration::from_millis(3), false), EXIT_WAIT_MIN);
        assert_eq!(exit_allowance(Duration::from_secs(10), false), Duration::from_millis(100));
        assert_eq!(exit_allowance(Duration::from_secs(3600), false), EXIT_WAIT_MAX);
        assert_eq!(exit_allowance(Duration::from_millis(3), true), PATIENT_WAIT);
    }

    #[test]
    fn answers() {
        let answer =
            |status, body: &str| Response { status, retry_after: None, date: None, body: body.into() };
        let verdict = |status, records| judge(&answer(status, ""), records, 0);
        assert_eq!(verdict(200, 3), Verdict::Done { rejected: vec![] });
        let says = |body: &str| judge(&answer(200, body), 1, 0);
        assert_eq!(says(r#"{"success":true}"#), Verdict::Done { rejected: vec![] });
        assert_eq!(says(r#"{"rejected":3}"#), Verdict::Done { rejected: vec![] });
        for elsewhere in ["<html>log in</html>", "OK", "[]", "{\"cut"] {
            assert_eq!(says(elsewhere), Verdict::Retry { after_ms: None }, "{elsewhere}");
        }
        assert_eq!(
            judge(
                &answer(200, r#"{"accepted":1,"rejected":[{"index":1,"code":"bad_type"},{"index":9}]}"#),
                2,
                0
            ),
            Verdict::Done { rejected: vec![1] }
        );
        assert_eq!(
            judge(&answer(200, r#"{"rejected":[{"index":1},{"index":0},{"index":1}]}"#), 2, 0),
            Verdict::Done { rejected: vec![0, 1] }
        );
        assert_eq!(verdict(400, 2), Verdict::Split);
        assert_eq!(verdict(413, 1), Verdict::Drop);
        assert_eq!(verdict(404, 2), Verdict::Drop);
        assert_eq!(verdict(410, 2), Verdict::Stop);
        for status in [301, 401, 403, 408, 429, 500, 502, 503, 504] {
            assert_eq!(verdict(status, 2), Verdict::Retry { after_ms: None }, "{status}");
        }
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let breaker = Breaker { open_until_ms: 100 * PAUSE_MAX_MS, ..Breaker::default() };
        assert!(breaker.allows(0, "1"));
        assert!(!breaker.allows(100 * PAUSE_MAX_MS - 1, "1"));
    }
}
