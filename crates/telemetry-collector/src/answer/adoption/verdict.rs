//! Is the newest version worse than the one before it?
//!
//! Of commands and of tool calls two things are judged: the share that failed, and the 95th percentile of the durations.
//! Worse or better is what [`chance`] does not explain and what somebody would notice. A percentile has no simple test;
//! the share of calls that are slower than the older version's percentile has one, and moves with it.
//!
//! The newest version is judged, and if it has too few calls yet, the newest one that has enough as well. The version
//! before is the next older one with enough calls. Builds on the way to a release (`-dev`) are no versions here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::answer::calls::{Calls, most_first, name};
use crate::answer::datum::Quotient;
use crate::answer::table::{Table, TableSpec, rows};
use crate::answer::{PERCENTILE_ERROR, Scope, chance};
use crate::catalogue::Version;
use crate::store::StoreError;
use crate::store::question::{Key, Subject, View};

/// Fewer commands or tool calls of a version than this are too few to say anything of them.
pub(crate) const ENOUGH: u64 = 100;
/// Shares that differ by less are the same to anybody: half a percentage point.
const LEAST_DIFFERENCE: f64 = 0.005;

rows! {
    /// A verdict.
    struct Verdict[2] {
        /// The tool.
        source: Arc<str>,
        /// The version that is judged.
        version: Arc<str>,
        /// The version before it; empty if there is none.
        before: Arc<str>,
        /// `worse` if one of its `verdict_measures` is, `no_worse` if none is, `too_few` if there are too few calls to tell,
        /// `nothing_before` if there is no older version.
        verdict: Arc<str>,
    }

    /// What a verdict rests on.
    struct Measure[3] {
        /// The tool.
        source: Arc<str>,
        /// The version that is judged.
        version: Arc<str>,
        /// `commands` or `tool_calls`.
        what: Arc<str>,
        /// The version before it.
        before: Arc<str>,
        /// How many there were with the version.
        calls: u64,
        /// How many there were with the version before.
        before_calls: u64,
        /// The share that failed.
        failure_rate: Quotient,
        /// The share that failed with the version before.
        before_failure_rate: Quotient,
        /// `worse`, `better` or `same`; `too_few` if one of the versions has fewer than 100.
        failure_verdict: Arc<str>,
        /// 95 of 100 were faster.
        p95_ms: Option<u64>,
        /// 95 of 100 were faster with the version before.
        before_p95_ms: Option<u64>,
        /// As `failure_verdict`.
        duration_verdict: Arc<str>,
    }
}

/// What can be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Worse,
    Better,
    Same,
    TooFew,
}

impl Word {
    /// A difference in standard deviations, where more is worse.
    fn of(apart: Option<f64>, is_noticeable: bool) -> Self {
        match apart.filter(|_| is_noticeable) {
            None => Self::Same,
            Some(apart) if apart > 0.0 => Self::Worse,
            Some(_) => Self::Better,
        }
    }

    fn text(self) -> Arc<str> {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::TooFew => "too_few",
        }
        .into()
    }
}

/// A version with what was done with it.
#[derive(Debug)]
struct Release {
    name: Arc<str>,
    commands: Calls,
    tool_calls: Calls,
}

impl Release {
    fn calls(&self) -> u64 {
        self.commands.calls + self.tool_calls.calls
    }

    fn is_used_enough(&self) -> bool {
        self.commands.calls.max(self.tool_calls.calls) >= ENOUGH
    }
}

/// The releases of each tool, the newest first.
type Releases = BTreeMap<Arc<str>, BTreeMap<Reverse<Version>, Release>>;

/// The verdicts, and what they rest on.
pub(super) fn tables(
    view: &mut dyn View,
    scope: &Scope,
    (verdicts_spec, measures_spec): (&'static TableSpec, &'static TableSpec),
) -> Result<[Table; 2], StoreError> {
    let of_tool = |(source, releases): (_, BTreeMap<_, Release>)| (source, releases.into_values().collect());
    let mut tools: Vec<(Arc<str>, Vec<Release>)> = releases(view, scope)?.into_iter().map(of_tool).collect();
    most_first(&mut tools, |(source, releases)| {
        (releases.iter().map(Release::calls).sum(), Arc::clone(source))
    });
    let (mut verdicts, mut measures) = (Vec::new(), Vec::new());
    for (source, releases) in tools {
        for (release, before) in judged(&releases) {
            let (rows, words): (Vec<Measure>, Vec<[Word; 2]>) =
                before.map(|before| measured(&source, release, before)).into_iter().flatten().unzip();
            verdicts.push(Verdict {
                source: Arc::clone(&source),
                version: Arc::clone(&release.name),
                before: before.map_or_else(|| "".into(), |before| Arc::clone(&before.name)),
                verdict: summed_up(words.as_flattened()).into(),
            });
            measures.extend(rows);
        }
    }
    Ok([verdicts_spec.fill(&verdicts), measures_spec.fill(&measures)])
}

fn releases(view: &mut dyn View, scope: &Scope) -> Result<Releases, StoreError> {
    let mut releases = Releases::new();
    let keys = [Key::Source, Key::Version, Key::Success];
    for group in view.groups(&scope.of(Subject::Command).by(keys).with_durations())? {
        let [source, version, success] = &group.keys[..] else { continue };
        if let Some(release) = release(&mut releases, name(source), name(version)) {
            release.commands.add_command(success, &group);
        }
    }
    let keys = [Key::Source, Key::Version, Key::Outcome, Key::Success];
    for group in view.groups(&scope.of(Subject::Tool).by(keys).with_durations())? {
        let [source, version, outcome, success] = &group.keys[..] else { continue };
        if let Some(release) = release(&mut releases, name(source), name(version)) {
            release.tool_calls.add_tool(outcome, success, &group);
        }
    }
    Ok(releases)
}

/// `None` for what is no release.
fn release(releases: &mut Releases, source: Arc<str>, name: Arc<str>) -> Option<&mut Release> {
    let version = Version::parse(&name);
    let is_release = version.to_string() == *name && !name.ends_with("-dev");
    let new = || Release { name, commands: Calls::default(), tool_calls: Calls::default() };
    is_release.then(|| releases.entry(source).or_default().entry(Reverse(version)).or_insert_with(new))
}

/// What is judged, each with what came before.
fn judged(releases: &[Release]) -> impl Iterator<Item = (&Release, Option<&Release>)> {
    let newest_used = releases.iter().position(Release::is_used_enough).unwrap_or(0);
    let places = if newest_used == 0 { vec![0] } else { vec![0, newest_used] };
    places.into_iter().filter_map(|at| {
        let (release, older) = releases[at..].split_first()?;
        let before = older.iter().find(|older| older.is_used_enough()).or(older.first());
        // Of an older version that nothing stands before, there is nothing to say.
        (at == 0 || before.is_some()).then_some((release, before))
    })
}

/// The rows of a release and the one before it, with what is said in each.
fn measured(source: &Arc<str>, release: &Release, before: &Release) -> [(Measure, [Word; 2]); 2] {
    let both = [
        ("commands", &release.commands, &before.commands),
        ("tool_calls", &release.tool_calls, &before.tool_calls),
    ];
    both.map(|(what, now, then)| {
        let words @ [failures, durations] = [of_failures(now, then), of_durations(now, then)];
        let measure = Measure {
            source: Arc::clone(source),
            version: Arc::clone(&release.name),
            what: what.into(),
            before: Arc::clone(&before.name),
            calls: now.calls,
            before_calls: then.calls,
            failure_rate: Quotient::of(now.failures, now.calls),
            before_failure_rate: Quotient::of(then.failures, then.calls),
            failure_verdict: failures.text(),
            p95_ms: now.durations.percentile(95),
            before_p95_ms: then.durations.percentile(95),
            duration_verdict: durations.text(),
        };
        (measure, words)
    })
}

fn of_failures(now: &Calls, before: &Calls) -> Word {
    if now.calls.min(before.calls) < ENOUGH {
        return Word::TooFew;
    }
    let [ours, theirs] = [now, before].map(|of| (of.failures as f64, of.calls as f64));
    let difference = ours.0 / ours.1 - theirs.0 / theirs.1;
    Word::of(chance::of_shares(ours, theirs), difference.abs() >= LEAST_DIFFERENCE)
}

fn of_durations(now: &Calls, before: &Calls) -> Word {
    let (now, before) = (&now.durations, &before.durations);
    let Some(mark) = before.bucket_of_percentile(95).filter(|_| now.total().min(before.total()) >= ENOUGH)
    else {
        return Word::TooFew;
    };
    let [p95, p95_before] = [now, before].map(|of| of.percentile(95).unwrap_or_default() as f64);
    // Both of them may be that far off.
    let is_noticeable = (p95 - p95_before).abs() > 2.0 * PERCENTILE_ERROR * p95_before;
    let [slower, slower_before] = [now, before].map(|of| (of.above(mark) as f64, of.total() as f64));
    Word::of(chance::of_shares(slower, slower_before), is_noticeable)
}

fn summed_up(words: &[Word]) -> &'static str {
    if words.is_empty() {
        "nothing_before"
    } else if words.contains(&Word::Worse) {
        "worse"
    } else if words.iter().all(|word| *word == Word::TooFew) {
        "too_few"
    } else {
        "no_worse"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{Histogram, bucket_of};

    /// Calls of which some failed and some took a second; the others a hundredth of it.
    fn calls(calls: u64, failures: u64, slow: u64) -> Calls {
        let durations = Histogram::from_iter([(bucket_of(10), calls - slow), (bucket_of(1000), slow)]);
        Calls { calls, failures, durations, ..Calls::default() }
    }

    #[test]
    fn failures_are_worse_when_chance_does_not_explain_them_and_somebody_would_notice() {
        let judge = |now: (u64, u64), before: (u64, u64)| {
            of_failures(&calls(now.0, now.1, 0), &calls(before.0, before.1, 0))
        };
        assert_eq!(judge((1000, 200), (1000, 100)), Word::Worse);
        assert_eq!(judge((1000, 100), (1000, 200)), Word::Better);
        assert_eq!(judge((1000, 110), (1000, 100)), Word::Same, "chance");
        assert_eq!(judge((10_000_000, 104_000), (10_000_000, 100_000)), Word::Same, "nobody would notice");
        assert_eq!(judge((99, 99), (1000, 0)), Word::TooFew);
        assert_eq!(judge((1000, 0), (99, 0)), Word::TooFew);
    }

    #[test]
    fn durations_are_worse_when_more_calls_are_slower_than_nearly_all_were() {
        let judge = |now: (u64, u64), before: (u64, u64)| {
            of_durations(&calls(now.0, 0, now.1), &calls(before.0, 0, before.1))
        };
        assert_eq!(judge((1000, 100), (1000, 20)), Word::Worse);
        assert_eq!(judge((1000, 49), (1000, 20)), Word::Same, "the percentile is where it was");
        assert_eq!(judge((100, 6), (100, 4)), Word::Same, "chance");
        assert_eq!(judge((99, 99), (1000, 0)), Word::TooFew);
        assert_eq!(of_durations(&Calls::default(), &calls(1000, 0, 0)), Word::TooFew);
        let fast = calls(100_000, 0, 0);
        let slow = calls(100_000, 0, 6000);
        assert_eq!(of_durations(&slow, &fast), Word::Worse);
    }

    #[test]
    fn the_newest_version_is_judged_and_the_newest_with_enough_calls() {
        let release = |name: &str, commands| Release {
            name: name.into(),
            commands: calls(commands, 0, 0),
            tool_calls: Calls::default(),
        };
        let pairs = |releases: &[Release]| {
            let names = |(release, before): (&Release, Option<&Release>)| {
                format!("{} {}", release.name, before.map_or("-", |before| &before.name))
            };
            judged(releases).map(names).collect::<Vec<_>>()
        };
        let of = |counts: &[u64]| -> Vec<Release> {
            counts.iter().zip(["5", "4", "3", "2", "1"]).map(|(count, name)| release(name, *count)).collect()
        };
        assert_eq!(pairs(&of(&[500, 500, 500])), ["5 4"]);
        assert_eq!(pairs(&of(&[500, 5, 500])), ["5 3"], "one that few used is skipped");
        assert_eq!(pairs(&of(&[5, 6, 500, 7, 500])), ["5 3", "3 1"]);
        assert_eq!(pairs(&of(&[5, 6])), ["5 4"]);
        assert_eq!(pairs(&of(&[5, 600])), ["5 4"]);
        assert_eq!(pairs(&of(&[500])), ["5 -"]);
        assert_eq!(pairs(&[]), [] as [&str; 0]);
    }

    #[test]
    fn versions_are_told_apart_by_number_and_builds_are_none() {
        let mut releases = Releases::new();
        for name in ["1.9.0", "dev", "1.10.0", "1.11.0-dev", "", "1.10.0-rc.1", "other"] {
            release(&mut releases, "tool".into(), name.into());
        }
        let names: Vec<String> =
            releases.remove("tool").unwrap().into_values().map(|release| release.name.to_string()).collect();
        assert_eq!(names, ["1.10.0", "1.10.0-rc.1", "1.9.0"]);
    }
}
