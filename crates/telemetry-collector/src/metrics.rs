//! Counters of this process, and the text in which Prometheus reads them.
//!
//! Counting is an atomic addition: nothing here waits. No label holds anything that a client chose but a code.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The text format's media type.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const STATUSES: std::ops::Range<u16> = 100..600;
/// Stands for requests to paths that do not exist.
pub(crate) const NO_ROUTE: &str = "none";

/// Requests by route and status.
#[derive(Debug)]
pub(crate) struct Requests(HashMap<String, Box<[AtomicU64]>>);

impl Requests {
    /// Counts requests to these paths, and others together.
    pub(crate) fn to(paths: impl IntoIterator<Item = String>) -> Self {
        let counts = || STATUSES.map(|_| AtomicU64::new(0)).collect();
        Self(paths.into_iter().chain([NO_ROUTE.to_owned()]).map(|path| (path, counts())).collect())
    }

    pub(crate) fn count(&self, path: Option<&str>, status: u16) {
        let counts = path.and_then(|path| self.0.get(path)).or_else(|| self.0.get(NO_ROUTE));
        let at = status.checked_sub(STATUSES.start).map(usize::from);
        if let Some(count) = counts.zip(at).and_then(|(counts, at)| counts.get(at)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Path, status and number of all that occurred, sorted.
    fn all(&self) -> Vec<(&str, u16, u64)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .flat_map(|(path, counts)| {
                STATUSES.zip(counts).map(move |(status, n)| (path.as_str(), status, n.load(Relaxed)))
            })
            .filter(|(_, _, n)| *n > 0)
            .collect();
        all.sort_unstable();
        all
    }
}

/// Upper ends of the buckets of commit times, in microseconds.
const COMMIT_BOUNDS_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// How long commits took.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    /// The last one is for those that took longer than every bound.
    buckets: [AtomicU64; COMMIT_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Commits {
    pub(crate) fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = COMMIT_BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }
}

/// Writes the text format.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    /// Begins a metric; its samples follow.
    pub(crate) fn metric(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        let _ = writeln!(self.0, "# HELP telemetry_collector_{name} {help}");
        let _ = writeln!(self.0, "# TYPE telemetry_collector_{name} {kind}");
        self
    }

    pub(crate) fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) -> &mut Self {
        let _ = write!(self.0, "telemetry_collector_{name}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
        self
    }

    /// A metric with one sample.
    pub(crate) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.metric(name, kind, help).sample(name, &[], value);
    }

    pub(crate) fn requests(&mut self, requests: &Requests) {
        let name = "http_requests_total";
        self.metric(name, "counter", "Answered requests by route and status, since the start.");
        for (path, status, n) in requests.all() {
            self.sample(name, &[("route", path), ("status", &status.to_string())], n);
        }
    }

    pub(crate) fn commits(&mut self, commits: &Commits) {
        let name = "commit_seconds";
        self.metric(name, "histogram", "How long commits to the disk took, since the start.");
        let mut seen = 0;
        for (at, bucket) in commits.buckets.iter().enumerate() {
            seen += bucket.load(Relaxed);
            let bound = COMMIT_BOUNDS_US.get(at).map(|us| (*us as f64 / 1e6).to_string());
            let bound = bound.as_deref().unwrap_or("+Inf");
            self.sample("commit_seconds_bucket", &[("le", bound)], seen);
        }
        let sum = commits.sum_us.load(Relaxed) as f64 / 1e6;
        self.sample("commit_seconds_sum", &[], sum).sample("commit_seconds_count", &[], seen);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut text = Exposition::default();
        text.sample("a", &[("b", "x\"y\\z\n1")], 1);
        assert_eq!(text.finish(), "telemetry_collector_a{b=\"x\\\"y\\\\z\\n1\"} 1\n");
    }

    #[test]
    fn buckets_are_cumulative_and_their_bounds_included() {
        let commits = Commits::default();
        for us in [250, 251, 10_000_000] {
            commits.add(Duration::from_micros(us));
        }
        let mut text = Exposition::default();
        text.commits(&commits);
        let text = text.finish();
        for line in ["{le=\"0.00025\"} 1", "{le=\"0.0005\"} 2", "{le=\"5\"} 2", "{le=\"+Inf\"} 3", "_count 3"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn unknown_paths_are_counted_together() {
        let requests = Requests::to(["/a".to_owned()]);
        for (path, status) in [(Some("/a"), 200), (Some("/b"), 404), (None, 404), (Some("/a"), 999)] {
            requests.count(path, status);
        }
        assert_eq!(requests.all(), [("/a", 200, 1), (NO_ROUTE, 404, 2)]);
    }
}
