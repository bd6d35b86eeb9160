//! Both stores give the same answer to every question, on the same random events, at every stage of shipping.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::engine::Engine;
use crate::answer::range::Range;
use crate::answer::{Scope, VIEWS};
use crate::migrate::desk;
use crate::store::clickhouse::ClickHouse;
use crate::store::question::{Active, Filters, Group, Key, Question, Subject, Sum, View};
use crate::store::shipment::{Role, Shipment};
use crate::store::shipping::Lane;
use crate::store::sqlite::tests::agreement::{filters, question, range, values};
use crate::store::sqlite::tests::population::{Population, Random, TODAY, counters};
use crate::store::sqlite::{Desk, Folder, Reader, Writer};
use crate::store::{Batch, DAY_MS, Day, NewEvent, Page, StoreError};

/// A folder, and a database that is shipped to.
pub(crate) struct Pair {
    pub(crate) reader: Reader,
    pub(crate) writer: Arc<Mutex<Option<Writer>>>,
    desk: Desk,
    pub(crate) store: ClickHouse,
    shipment: Shipment,
    random: Random,
    _folder: tempfile::TempDir,
}

impl Pair {
    pub(crate) fn new(engine: &Engine, runtime: &tokio::runtime::Runtime, seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(directory.path()).unwrap());
        let writer = Arc::new(Mutex::new(Some(Writer::open(Arc::clone(&folder), 0).unwrap())));
        let address = engine.database(&format!("conformance_{seed}")).parse().unwrap();
        let store = ClickHouse::new(&address, Duration::from_secs(60), runtime.handle().clone());
        store.prepare().unwrap().unwrap();
        Self {
            reader: Reader::new(folder),
            desk: desk(&writer),
            writer,
            shipment: Shipment::new(Role::Store, store.name()),
            store,
            random: Random(seed),
            _folder: directory,
        }
    }

    fn commit(&self, batch: Batch) {
        self.writer.lock().unwrap().as_mut().unwrap().commit(&[batch]).unwrap();
    }

    pub(crate) fn add(&self, events: Vec<NewEvent>) {
        self.commit(Batch { received_ms: TODAY * DAY_MS, events, ..Batch::default() });
    }

    /// Ships everything; some batches twice, with the same token or, as from another collector, with another one.
    pub(crate) fn ship(&mut self) {
        let lane = Lane { reader: &self.reader, store: &self.store, desk: &self.desk };
        loop {
            let before = self.shipment.clone();
            let rows = self.random.pick(&[1, 50, 200]);
            if lane.ship(&mut self.shipment, rows, TODAY * DAY_MS).unwrap() == 0 {
                break;
            }
            if self.random.chance(30) {
                let next_place = self.shipment.next_place;
                let mut again = Shipment { next_place, ..before.clone() };
                if self.random.chance(50) {
                    again.node = uuid::Uuid::from_u128(self.random.below(1 << 60).into());
                }
                lane.ship(&mut again, rows, TODAY * DAY_MS).unwrap();
                self.shipment.next_place = again.next_place;
            }
        }
        let counted = self.reader.counted(Day::MIN).unwrap();
        for _ in 0..2 {
            self.store.add_arrivals(self.shipment.node, &counted.arrivals).unwrap();
            self.store.add_losses(&counted.losses).unwrap();
        }
        self.store.add_first_days(self.reader.first_days().unwrap()).unwrap();
    }

    /// Lends both views.
    pub(crate) fn both(&self, compare: impl FnOnce(&mut dyn View, &mut dyn View) -> Result<(), StoreError>) {
        let embedded = |here: &mut dyn View| self.store.read(|there| compare(here, there));
        self.reader.snapshot(|snapshot| embedded(snapshot)).unwrap();
    }
}

fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by(|a, b| a.keys.cmp(&b.keys));
    groups
}

pub(crate) fn agree_on(here: &mut dyn View, there: &mut dyn View, question: &Question, when: &str) {
    let ours = sorted(here.groups(question).unwrap());
    assert_eq!(sorted(there.groups(question).unwrap()), ours, "{when}: {question:?}");
}

fn agree_on_installs(
    here: &mut dyn View,
    there: &mut dyn View,
    random: &mut Random,
    days: Day,
    when: &str,
) -> Result<(), StoreError> {
    let by = random.chance(60).then(|| random.pick(&Key::ENV));
    let filters = if random.chance(60) { filters(random, &Key::ENV) } else { Filters::default() };
    let mut windows: Vec<Range> = (0..random.below(6)).map(|_| range(random, days)).collect();
    windows.extend((0..7).map(|n| Range { from: TODAY - n - 6, to: TODAY - n }));
    let ours: Vec<Active> = here.active(&windows, by, &filters)?;
    let theirs: Vec<Active> = there.active(&windows, by, &filters)?;
    assert_eq!(theirs, ours, "{when}: {windows:?} {by:?} {filters:?}");
    let range = range(random, days);
    let asked = format!("{when}: {range:?} {filters:?}");
    assert_eq!(there.new_installs(range, &filters)?, here.new_installs(range, &filters)?, "{asked}");
    assert_eq!(there.cohorts(range, &filters)?, here.cohorts(range, &filters)?, "{asked}");
    Ok(())
}

/// Everything but questions with parameters.
fn agree_on_the_rest(here: &mut dyn View, there: &mut dyn View, when: &str) -> Result<(), StoreError> {
    let ever = Range { from: Day::MIN, to: Day::MAX };
    assert_eq!(there.arrivals(ever)?, here.arrivals(ever)?, "{when}");
    assert_eq!(there.span()?, here.span()?, "{when}");
    for key in Key::ALL {
        assert_eq!(there.values(key)?, here.values(key)?, "{when}: {key:?}");
    }
    let months = Range { from: TODAY - 100, to: TODAY + 5 };
    assert_eq!(there.totals(months)?, here.totals(months)?, "{when}");
    // Rows are numbered otherwise, their order is the same.
    let mut after = [0, 0];
    loop {
        let page = |view: &mut dyn View, row: &mut i64| {
            let mut events = view.events(Page::After { row: *row, limit: 100 }).unwrap();
            *row = events.last().map_or(*row, |event| event.row);
            events.iter_mut().for_each(|event| event.row = 0);
            events
        };
        let ours = page(here, &mut after[0]);
        assert_eq!(page(there, &mut after[1]), ours, "{when}");
        if ours.is_empty() {
            break;
        }
    }
    let last = |view: &mut dyn View| {
        let events = view.events(Page::Last { limit: 20 }).unwrap();
        events.into_iter().map(|event| event.event_id).collect::<Vec<_>>()
    };
    assert_eq!(last(there), last(here), "{when}");
    Ok(())
}

/// What the API and the page show, in all views.
fn agree_on_answers(pair: &Pair, when: &str) {
    let ranges = [Range { from: TODAY - 29, to: TODAY }, Range { from: TODAY - 90, to: TODAY }];
    for (range, version) in ranges.into_iter().flat_map(|range| [(range, false), (range, true)]) {
        for spec in VIEWS.iter().filter(|spec| !version || spec.serves.contains(&Key::Version)) {
            let versions = if version { vec!["1.0.0".to_owned(), "2.0.0".to_owned()] } else { Vec::new() };
            let filters = Filters::default().with(Key::Version, versions);
            let scope = Scope { range, filters, today: TODAY };
            let tables = |view: &mut dyn View| {
                let tables = spec.answer(view, &scope, true)?;
                let shown = tables.iter().map(|table| serde_json::to_string(table).unwrap());
                Ok::<_, StoreError>(shown.map(without_last_row).collect::<Vec<_>>())
            };
            pair.both(|here, there| {
                let (ours, theirs) = (tables(here)?, tables(there)?);
                assert_eq!(theirs, ours, "{when}: {}", spec.name);
                Ok(())
            });
        }
    }
}

/// Rows are numbered otherwise.
fn without_last_row(table: String) -> String {
    match table.split_once("\"last_row\":") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => table,
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn both_stores_give_every_answer_alike() {
    let Some(engine) = Engine::start() else { return };
    let runtime = runtime();
    for seed in 0..2 {
        let mut pair = Pair::new(&engine, &runtime, seed);
        let mut random = Random(100 + seed);
        let days = random.pick(&[3, 20, 80]);
        let mut population = Population::new(seed, random.pick(&[1, 5, 60]), days);
        for (step, count) in [0, 1, 63, 400].into_iter().enumerate() {
            pair.add(population.events(count));
            pair.commit(counters(population.events(1), 10 + step as u64));
            pair.ship();
            // Answered from the events of days that were touched, then from the sums of all.
            for state in ["touched", "summed"] {
                let when = format!("seed {seed}, step {step}, {state}");
                for _ in 0..15 {
                    let question = question(&mut random, days);
                    pair.both(|here, there| {
                        agree_on(here, there, &question, &when);
                        Ok(())
                    });
                }
                if state == "summed" || step == 3 {
                    agree_on_answers(&pair, &when);
                }
                pair.both(|here, there| {
                    assert_eq!(there.losses()?, here.losses()?, "{when}");
                    Ok(())
                });
                pair.store.sum_all().unwrap();
                assert_eq!(pair.store.unsummed_days().unwrap(), [], "{when}");
            }
            let when = format!("seed {seed}, step {step}");
            for _ in 0..4 {
                pair.both(|here, there| agree_on_installs(here, there, &mut random, days, &when));
            }
            pair.both(|here, there| agree_on_the_rest(here, there, &when));
        }
    }
}

#[test]
fn both_stores_know_every_key_filter_and_sum() {
    let Some(engine) = Engine::start() else { return };
    let runtime = runtime();
    let mut pair = Pair::new(&engine, &runtime, 7);
    pair.add(Population::new(7, 20, 10).events(900));
    pair.ship();
    let all = Range { from: TODAY - 30, to: TODAY };
    let mut random = Random(7);
    for state in ["touched", "summed"] {
        for subject in Subject::ALL {
            know_all_of(&pair, subject, all, &mut random, state);
        }
        pair.store.sum_all().unwrap();
    }
}

fn know_all_of(pair: &Pair, subject: Subject, all: Range, random: &mut Random, state: &str) {
    pair.both(|here, there| {
        let count = Question::count(subject, all, &Filters::default());
        let own: Vec<Key> = Key::ALL.into_iter().filter(|key| subject.has(*key)).collect();
        for key in &own {
            let mut question = count.clone().by([*key, Key::Version]).with_installs();
            question.durations = subject.has_duration();
            agree_on(here, there, &question, &format!("{state}: a key"));
            let filters = Filters::default().with(*key, values(*key, random));
            agree_on(here, there, &Question { filters, ..question }, &format!("{state}: a key and a filter"));
        }
        let sums: Vec<_> = Sum::ALL.into_iter().filter(|sum| subject.sums(*sum)).collect();
        agree_on(here, there, &count.clone().by([Key::Version]).adding(sums), &format!("{state}: all sums"));
        agree_on(here, there, &count.by(own), &format!("{state}: all keys"));
        Ok(())
    });
}
