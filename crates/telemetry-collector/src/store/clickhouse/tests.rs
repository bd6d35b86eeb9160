//! When a day is answered from its sums, and when from its events.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::rows::date;
use crate::answer::range::Range;
use crate::store::question::{Filters, Group, Key, Question, Subject, View};
use crate::store::sqlite::tests::population::{Population, TODAY};
use crate::store::tests::conformance::{Pair, agree_on, runtime};
use crate::store::tests::engine::Engine;
use crate::store::{Day, StoreError};

const DAYS: Day = 10;

fn tools() -> Question {
    let range = Range { from: TODAY - DAYS, to: TODAY };
    Question::count(Subject::Tool, range, &Filters::default()).by([Key::Day, Key::Tool])
}

/// How many tools were called, as the shared store answers it.
fn calls(pair: &Pair) -> u64 {
    let groups = pair.store.read(|view: &mut dyn View| view.groups(&tools())).unwrap();
    groups.iter().map(|group: &Group| group.count).sum()
}

fn agree(pair: &Pair, when: &str) {
    pair.both(|here, there| {
        agree_on(here, there, &tools(), when);
        agree_on(here, there, &tools().by([Key::Tool]).with_durations().with_installs(), when);
        Ok(())
    });
}

fn unsummed(pair: &Pair) -> Vec<(Day, bool)> {
    let days = pair.store.unsummed_days().unwrap();
    days.into_iter().map(|day| (day.day, day.is_whole)).collect()
}

#[test]
fn a_day_is_answered_from_its_sums_until_it_is_touched() {
    let Some(engine) = Engine::start() else { return };
    let runtime = runtime();
    let mut pair = Pair::new(&engine, &runtime, 20);
    let mut population = Population::new(20, 20, DAYS);
    pair.add(population.events(600));
    pair.ship();
    assert!(unsummed(&pair).iter().all(|(_, is_whole)| *is_whole));
    pair.store.sum_all().unwrap();
    assert_eq!(unsummed(&pair), []);
    agree(&pair, "summed");
    // The sums say something else than the events, and are believed.
    let before = calls(&pair);
    let invented = format!(
        "INSERT INTO sums (day, basis, subject, tool, n) VALUES ({}, 1, 'tool', 'invented', 1000)",
        date(TODAY - 1)
    );
    pair.store.execute(&invented).unwrap();
    assert_eq!(calls(&pair), before + 1_000);
    // Until somebody says that more is on its way.
    let day = BTreeSet::from([date(TODAY - 1)]);
    let node = Uuid::from_u128(1);
    pair.store.touch(&day, node, 5, 0).unwrap();
    assert_eq!(calls(&pair), before);
    assert_eq!(unsummed(&pair), [(TODAY - 1, false)]);
    // As long as that has not arrived, the day cannot be added up.
    pair.store.sum_all().unwrap();
    assert_eq!(unsummed(&pair), [(TODAY - 1, false)]);
    // What is done for a collector that never comes back.
    let given_up = format!(
        "INSERT INTO touched SELECT day, node, 0, max(begun) FROM touched WHERE node = '{node}' GROUP BY day, node"
    );
    pair.store.execute(&given_up).unwrap();
    assert_eq!(unsummed(&pair), [(TODAY - 1, true)]);
    assert_eq!(calls(&pair), before);
    // What no event stands for does not stay.
    pair.store.sum_all().unwrap();
    assert_eq!(unsummed(&pair), []);
    assert_eq!(calls(&pair), before);
    agree(&pair, "summed again");
}

#[test]
fn sums_of_a_day_that_was_touched_meanwhile_do_not_count() {
    let Some(engine) = Engine::start() else { return };
    let runtime = runtime();
    let mut pair = Pair::new(&engine, &runtime, 21);
    let mut population = Population::new(21, 20, DAYS);
    pair.add(population.events(300));
    pair.ship();
    let seen = pair.store.unsummed_days().unwrap();
    pair.add(population.events(300));
    pair.ship();
    let more = pair.store.unsummed_days().unwrap();
    for day in &seen {
        pair.store.sum_day(*day, std::future::pending).unwrap();
    }
    // Added up with what came meanwhile, but under the state before: who knows what was missed.
    for day in &more {
        assert_eq!(pair.store.unsummed_days().unwrap().contains(day), !seen.contains(day), "{day:?}");
    }
    agree(&pair, "touched meanwhile");
    // An older one that comes late does not replace a newer one.
    pair.store.sum_all().unwrap();
    for day in &seen {
        pair.store.sum_day(*day, std::future::pending).unwrap();
    }
    assert_eq!(unsummed(&pair), []);
    agree(&pair, "summed by a slow one");
}

#[test]
fn an_installation_that_is_forgotten_is_in_no_sum() {
    let Some(engine) = Engine::start() else { return };
    let runtime = runtime();
    let mut pair = Pair::new(&engine, &runtime, 22);
    let mut population = Population::new(22, 3, DAYS);
    pair.add(population.events(400));
    pair.ship();
    pair.store.sum_all().unwrap();
    let installs = pair.reader.first_days().unwrap();
    let (forgotten, _) = installs[0];
    let before = calls(&pair);
    let here = pair.writer.lock().unwrap().as_mut().unwrap().forget(forgotten).unwrap().unwrap();
    let there = pair.store.forget(forgotten).unwrap().unwrap();
    assert_eq!(there.events, here.events);
    assert!(there.events > 0);
    assert!(calls(&pair) < before);
    agree(&pair, "forgotten");
    pair.store.sum_all().unwrap();
    assert_eq!(unsummed(&pair), []);
    agree(&pair, "forgotten, and summed again");
    assert!(pair.store.forget(forgotten).unwrap().is_none());
    let tables = ["event", "presence", "usage", "stored", "install", "loss"];
    for table in tables {
        let left = format!("SELECT count() FROM {table} WHERE install = toUUID('{forgotten}')");
        assert_eq!(pair.store.rows(&left).unwrap(), [[serde_json::json!(0)]], "{table}");
    }
}

#[test]
fn days_that_are_too_old_go_by_months_and_their_totals_stay() -> Result<(), StoreError> {
    let Some(engine) = Engine::start() else { return Ok(()) };
    let runtime = runtime();
    let mut pair = Pair::new(&engine, &runtime, 23);
    let mut population = Population::new(23, 30, 90);
    pair.add(population.events(900));
    pair.ship();
    // Some days are added up, some are not.
    for day in pair.store.unsummed_days()?.into_iter().step_by(2) {
        pair.store.sum_day(day, std::future::pending)?;
    }
    let ever = Range { from: TODAY - 120, to: TODAY + 5 };
    let totals = |pair: &Pair| pair.store.read(|view: &mut dyn View| view.totals(ever));
    let before = totals(&pair)?;
    let last = TODAY - 20;
    pair.store.cut(last)?;
    let span = pair.store.read(|view: &mut dyn View| view.span())?.unwrap();
    assert!(span.from > TODAY - 90 && span.from < last, "{span:?}");
    for table in ["event", "presence", "usage", "sums", "stored"] {
        let first = format!("SELECT toInt32(min(day)) FROM {table}");
        let first = pair.store.rows(&first)?[0][0].as_i64().unwrap();
        assert!(first >= span.from, "{table} still has {first}");
    }
    assert_eq!(totals(&pair)?, before);
    // Again, also by another collector: nothing more goes.
    pair.store.cut(last)?;
    assert_eq!(pair.store.read(|view: &mut dyn View| view.span())?, Some(span));
    assert_eq!(totals(&pair)?, before);
    Ok(())
}
