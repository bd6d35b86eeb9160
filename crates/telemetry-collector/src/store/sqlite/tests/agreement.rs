//! The scanner says what plain SQL over the rows says: for every method, on random stores, at every stage of sealing.

use super::population::{Population, Random, SYSTEMS, Store, TODAY, VERSIONS, counters};
use crate::answer::range::Range;
use crate::store::question::{Active, Cell, Cohort, Filters, Group, Key, Question, Subject, Sum, View};
use crate::store::sqlite::read::Snapshot;
use crate::store::{DAY_MS, Day, StoreError};

fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by(|a, b| a.keys.cmp(&b.keys));
    groups
}

pub(crate) fn range(random: &mut Random, days: Day) -> Range {
    match random.below(4) {
        0 => Range { from: TODAY - 400, to: TODAY + 10 },
        1 => Range { from: TODAY - days, to: TODAY - days - 1 },
        _ => {
            let from = TODAY - random.below(days as u64) as Day;
            Range { from, to: from + random.below(days as u64) as Day }
        }
    }
}

/// Values of a key, among them one that no event has.
pub(crate) fn values(key: Key, random: &mut Random) -> Vec<String> {
    let known: &[&str] = match key {
        Key::Version => &VERSIONS,
        Key::Os => &SYSTEMS,
        Key::Source => &["docker-agent", "acme"],
        Key::Arch => &["amd64"],
        Key::Caller => &["human", "ci"],
        Key::Language => &["de-DE"],
        Key::Event => &["command", "deploy"],
        Key::Action => &["run", "start", "pause"],
        Key::ToolKind => &["builtin", "mcp"],
        Key::Purpose => &["turn"],
        Key::Outcome => &["ok", "error"],
        Key::Error => &["timeout", "other"],
        Key::Flag => &["yolo", "model"],
        _ => &["root", "shell", "other", "1"],
    };
    let mut picked: Vec<String> =
        known.iter().filter(|_| random.chance(60)).map(|value| (*value).to_owned()).collect();
    if random.chance(10) {
        picked.push("nobody-has-this".to_owned());
    }
    picked
}

pub(crate) fn filters(random: &mut Random, keys: &[Key]) -> Filters {
    let count = random.below(5);
    (0..count).fold(Filters::default(), |filters, _| {
        let key = random.pick(keys);
        filters.with(key, values(key, random))
    })
}

pub(crate) fn question(random: &mut Random, days: Day) -> Question {
    let subject = random.pick(&Subject::ALL);
    let own: Vec<Key> = Key::ALL.into_iter().filter(|key| subject.has(*key)).collect();
    let sums: Vec<Sum> = Sum::ALL.into_iter().filter(|sum| subject.sums(*sum) && random.chance(50)).collect();
    let keys: Vec<Key> = (0..random.below(5)).map(|_| random.pick(&own)).collect();
    let filters = if random.chance(50) { filters(random, &own) } else { Filters::default() };
    let mut question = Question::count(subject, range(random, days), &filters).by(keys).adding(sums);
    question.durations = subject.has_duration() && random.chance(50);
    question.installs = random.chance(50);
    question
}

fn agree_on(snapshot: &mut Snapshot<'_>, question: &Question, when: &str) {
    let scanned = sorted(snapshot.groups(question).unwrap());
    let plain = sorted(snapshot.plain().groups(question).unwrap());
    assert_eq!(scanned, plain, "{when}: {question:?}");
}

/// Asks both for everything.
pub(super) fn agree(store: &Store, random: &mut Random, days: Day, when: &str) {
    store
        .reader
        .snapshot(|snapshot| {
            for _ in 0..40 {
                agree_on(snapshot, &question(random, days), when);
            }
            agree_on_installs(snapshot, random, days, when)?;
            let losses = snapshot.losses()?;
            assert_eq!(losses.stored, snapshot.plain_stored().unwrap(), "{when}");
            let first_and_last = snapshot.plain_span().unwrap();
            assert_eq!(snapshot.span()?, first_and_last, "{when}");
            Ok(())
        })
        .unwrap();
}

fn agree_on_installs(
    snapshot: &mut Snapshot<'_>,
    random: &mut Random,
    days: Day,
    when: &str,
) -> Result<(), StoreError> {
    for _ in 0..6 {
        let by = random.chance(60).then(|| random.pick(&Key::ENV));
        let filters = if random.chance(60) { filters(random, &Key::ENV) } else { Filters::default() };
        let mut windows: Vec<Range> = (0..random.below(6)).map(|_| range(random, days)).collect();
        windows.extend((0..7).map(|n| Range { from: TODAY - n - 6, to: TODAY - n }));
        let scanned = snapshot.active(&windows, by, &filters)?;
        let mut plain: Vec<Active> = snapshot.plain().active(&windows, by, &filters)?;
        plain.retain(|active| by.is_none() || active.installs.iter().any(|count| *count > 0));
        plain.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(scanned, plain, "{when}: {windows:?} {by:?} {filters:?}");
        let range = range(random, days);
        let asked = format!("{when}: {range:?} {filters:?}");
        let plain: Vec<(Day, u64)> = snapshot.plain().new_installs(range, &filters)?;
        assert_eq!(snapshot.new_installs(range, &filters)?, plain, "{asked}");
        let plain: Vec<Cohort> = snapshot.plain().cohorts(range, &filters)?;
        assert_eq!(snapshot.cohorts(range, &filters)?, plain, "{asked}");
    }
    Ok(())
}

#[test]
fn every_answer_is_what_plain_sql_says() {
    for seed in 0..8 {
        let mut random = Random(seed);
        let days = random.pick(&[3, 20, 80]);
        let mut population = Population::new(seed, random.pick(&[1, 5, 60]), days);
        let mut store = Store::new();
        agree(&store, &mut random, days, &format!("seed {seed}, empty"));
        for step in 0..6 {
            let count = random.pick(&[1, 7, 63, 64, 300]);
            store.add(population.events(count));
            let when = format!("seed {seed}, step {step}");
            if random.chance(30) {
                store = store.reopened();
            }
            agree(&store, &mut random, days, &format!("{when}, before sealing"));
            if random.chance(60) {
                store.seal();
                agree(&store, &mut random, days, &format!("{when}, after sealing"));
            }
            if random.chance(30) {
                let told = counters(population.events(1), 10 + step);
                store.writer.commit(&[told]).unwrap();
            }
        }
    }
}

#[test]
fn every_key_and_filter_of_every_subject_agrees() {
    let mut store = Store::new();
    let mut population = Population::new(7, 20, 10);
    store.add(population.events(1500));
    assert!(store.seal() > 15, "several threads must have something to do");
    store.add(population.events(100));
    let all = Range { from: TODAY - 30, to: TODAY };
    let mut random = Random(7);
    for subject in Subject::ALL {
        // A snapshot has a time limit, so each subject gets one of its own.
        store
            .reader
            .snapshot(|snapshot| {
                let count = Question::count(subject, all, &Filters::default());
                agree_on(snapshot, &count, "count");
                let own: Vec<Key> = Key::ALL.into_iter().filter(|key| subject.has(*key)).collect();
                for (first, second) in own.iter().flat_map(|a| own.iter().map(move |b| (*a, *b))) {
                    let mut question = count.clone().by([first, second]).with_installs();
                    question.durations = subject.has_duration();
                    agree_on(snapshot, &question, "two keys");
                    let filters = Filters::default().with(second, values(second, &mut random));
                    agree_on(snapshot, &Question { filters, ..question }, "a key and a filter");
                }
                for sum in Sum::ALL.into_iter().filter(|sum| subject.sums(*sum)) {
                    agree_on(snapshot, &count.clone().by([Key::Version]).adding([sum]), "a sum");
                }
                agree_on(snapshot, &count.clone().by(own), "all keys");
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut store = Store::new();
    let mut population = Population::new(3, 20, 10);
    store.add(population.events(200));
    let question = Question::count(Subject::Command, Range { from: 0, to: TODAY }, &Filters::default());
    let Store { reader, writer, .. } = &mut store;
    reader
        .snapshot(|snapshot| {
            let before = snapshot.groups(&question)?;
            let events = population.events(500);
            let batch = crate::store::Batch { received_ms: TODAY * DAY_MS, events, ..Default::default() };
            writer.commit(&[batch]).unwrap();
            while let Some(packed) = reader.next_segment()? {
                writer.seal(&packed)?;
            }
            assert_eq!(snapshot.groups(&question)?, before);
            assert_ne!(reader.snapshot(|later| later.groups(&question))?, before);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_does_not_fit_a_subject_is_refused() {
    let store = Store::new();
    let all = Range { from: 0, to: TODAY };
    let count = |subject| Question::count(subject, all, &Filters::default());
    store
        .reader
        .snapshot(|snapshot| {
            let error = snapshot.groups(&count(Subject::Command).by([Key::Tool])).unwrap_err();
            assert_eq!(error.to_string(), "Command facts have no Tool");
            let error = snapshot.active(&[all], Some(Key::Tool), &Filters::default()).unwrap_err();
            assert_eq!(error.to_string(), "installations have no Tool");
            assert_eq!(
                snapshot.active(&[all], None, &Filters::default())?,
                [Active { key: Cell::Absent, installs: vec![0] }]
            );
            Ok(())
        })
        .unwrap();
}
