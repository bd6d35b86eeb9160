//! Groups of facts, added up column by column.
//!
//! Within a source every value is a place in a small dictionary, so the values of all keys make one small number,
//! which a table turns into the group's slot; a group's real key is looked at once per source and day, not once per fact.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::installs::Installs;
use super::slots::{Buckets, Known, NO_SLOT};
use crate::answer::range::Range;
use crate::store::Day;
use crate::store::keys::kind;
use crate::store::question::{Cell, Group, Key, Question, Sum};
use crate::store::sqlite::codec::Resolve;
use crate::store::sqlite::names::Naming;
use crate::store::sqlite::segment::{Bytes, Coded, Field, Pick, ReadError, Runs, Source, Table};
use crate::store::sqlite::tail::{Envs, env_place};

/// A question in terms of columns.
pub(super) struct Plan<'q> {
    question: &'q Question,
    table: Table,
    envs: Arc<Envs>,
    /// By environment; `None` lets all pass.
    env_pass: Option<Vec<bool>>,
    /// The values that pass, sorted.
    filters: Vec<(Field, Vec<u64>)>,
    /// What facts are grouped by, but for the day.
    axes: Vec<Axis>,
}

enum Axis {
    /// The places in the group's key, and in the environment.
    Env(Vec<(usize, usize)>),
    Own(usize, Field),
}

impl<'q> Plan<'q> {
    /// `None` when a filter lets nothing pass.
    pub(super) fn new(
        question: &'q Question,
        conn: &Connection,
        envs: &Arc<Envs>,
    ) -> rusqlite::Result<Option<Self>> {
        let mut plan = Self {
            question,
            table: Table::Facts(question.subject),
            envs: Arc::clone(envs),
            env_pass: None,
            filters: Vec::new(),
            axes: Vec::new(),
        };
        for (key, values) in question.filters.iter() {
            let allowed = numbers(conn, key, values)?;
            if allowed.is_empty() {
                return Ok(None);
            }
            match env_place(key) {
                Some(place) => pass(&mut plan.env_pass, envs, place, &allowed),
                None => plan.filters.push((Field::Key(key), allowed)),
            }
        }
        let mut of_env = Vec::new();
        for (at, key) in question.keys.iter().enumerate() {
            match env_place(*key) {
                Some(place) => of_env.push((at, place)),
                None if *key == Key::Day => {}
                None => plan.axes.push(Axis::Own(at, Field::Key(*key))),
            }
        }
        if !of_env.is_empty() {
            plan.axes.push(Axis::Env(of_env));
        }
        Ok(Some(plan))
    }

    fn sums(&self) -> usize {
        self.question.sums.len()
    }
}

/// The numbers of names, sorted; names that are not in the dictionary have none.
pub(super) fn numbers(conn: &Connection, key: Key, names: &[String]) -> rusqlite::Result<Vec<u64>> {
    let mut statement = conn.prepare_cached("SELECT id FROM dict WHERE kind = ?1 AND name = ?2")?;
    let mut found = Vec::new();
    for name in names {
        found.extend(statement.query_row((kind(key), name), |row| row.get::<_, u64>(0)).optional()?);
    }
    found.sort_unstable();
    Ok(found)
}

/// Narrows down which environments pass.
pub(super) fn pass(passing: &mut Option<Vec<bool>>, envs: &Envs, place: usize, allowed: &[u64]) {
    let passing = passing.get_or_insert_with(|| vec![true; envs.len()]);
    for (pass, env) in passing.iter_mut().zip(envs) {
        *pass &= allowed.binary_search(&env[place]).is_ok();
    }
}

/// The groups found so far.
#[derive(Default)]
pub(super) struct Tally {
    slots: HashMap<Box<[u64]>, u32>,
    counts: Vec<u64>,
    /// All sums of a slot, then those of the next.
    sums: Vec<u64>,
    buckets: Buckets,
    installs: Vec<Installs>,
    known: Known,
}

/// The columns of one source that a question needs, all sound.
struct Columns {
    axes: Vec<Bytes>,
    sums: Vec<Bytes>,
    bucket: Option<Bytes>,
    install: Option<Bytes>,
}

impl Columns {
    fn read(plan: &Plan<'_>, conn: &Connection, source: &Source) -> Result<Self, ReadError> {
        let column = |field| source.column(conn, plan.table, field);
        let axis = |axis: &Axis| match axis {
            Axis::Env(_) => column(Field::Env),
            Axis::Own(_, field) => column(*field),
        };
        let sum = |sum: &Sum| column(Field::Sum(column_of(*sum)));
        let question = plan.question;
        Ok(Self {
            axes: plan.axes.iter().map(axis).collect::<Result<_, _>>()?,
            sums: question.sums.iter().map(sum).collect::<Result<_, _>>()?,
            bucket: question.durations.then(|| column(Field::Bucket)).transpose()?,
            install: question.installs.then(|| column(Field::Install)).transpose()?,
        })
    }
}

/// The sum whose column says what a sum needs.
fn column_of(sum: Sum) -> Sum {
    match sum {
        Sum::Priced => Sum::CostNano,
        sum => sum,
    }
}

/// A key's values within one source.
struct Dimension {
    /// One for each fact that was picked.
    places: Vec<u32>,
    /// What a place means: values for the positions of the group's key.
    meaning: Vec<Vec<u64>>,
    positions: Vec<usize>,
}

impl Tally {
    /// Adds the facts of a source; changes nothing when it fails.
    pub(super) fn add(
        &mut self,
        plan: &Plan<'_>,
        conn: &Connection,
        source: &Source,
    ) -> Result<(), ReadError> {
        let Some((pick, days)) = picked(plan, conn, source)? else { return Ok(()) };
        let columns = Columns::read(plan, conn, source)?;
        let axes: Vec<Coded<'_>> = columns.axes.iter().map(Bytes::coded).collect::<Result<_, _>>()?;
        let sums = columns.sums.iter().map(Bytes::numbers).collect::<Result<Vec<_>, _>>()?;
        let bucket = columns.bucket.as_ref().map(Bytes::numbers).transpose()?;
        let install = columns.install.as_ref().map(Bytes::coded).transpose()?;

        let dimensions: Vec<Dimension> =
            plan.axes.iter().zip(&axes).map(|(axis, coded)| dimension(plan, axis, coded, &pick)).collect();
        let slots = self.slots_of(plan, &dimensions, &days, pick.len());
        for slot in &slots {
            self.counts[*slot as usize] += 1;
        }
        let mut values = Vec::with_capacity(pick.len());
        let mut gathered = None;
        for (at, (column, sum)) in sums.iter().zip(&plan.question.sums).enumerate() {
            if gathered.replace(column_of(*sum)) != Some(column_of(*sum)) {
                values.clear();
                column.gather(&pick, &mut values, |raised| raised);
            }
            let of = |raised: u64| match sum {
                Sum::Priced => u64::from(raised > 0),
                _ => raised.saturating_sub(1),
            };
            for (slot, raised) in slots.iter().zip(&values) {
                let sum = &mut self.sums[*slot as usize * plan.sums() + at];
                *sum = sum.saturating_add(of(*raised));
            }
        }
        let mut values: Vec<u32> = Vec::with_capacity(pick.len());
        if let Some(column) = bucket {
            column.gather(&pick, &mut values, |value| value as u32);
            for (slot, raised) in slots.iter().zip(&values).filter(|(_, raised)| **raised > 0) {
                self.buckets.add(*slot, *raised as usize, 1);
            }
        }
        if let Some(coded) = install {
            values.clear();
            coded.places.gather(&pick, &mut values, |place| coded.values[place as usize] as u32);
            self.installs.resize_with(self.counts.len(), Installs::default);
            for (slot, install) in slots.iter().zip(&values).filter(|(_, install)| **install > 0) {
                self.installs[*slot as usize].insert(*install);
            }
        }
        Ok(())
    }

    /// The slot of each fact.
    fn slots_of(
        &mut self,
        plan: &Plan<'_>,
        dimensions: &[Dimension],
        days: &[(u64, usize)],
        count: usize,
    ) -> Vec<u32> {
        let sizes = dimensions.iter().map(|dimension| dimension.meaning.len() as u64);
        let combinations = sizes.fold(1_u64, u64::saturating_mul);
        // Each fact's combination first, then its slot.
        let mut slots = combined(dimensions, count);
        let mut known = std::mem::take(&mut self.known);
        known.prepare(combinations);
        let mut start = 0;
        for (day, end) in runs(plan, days, count) {
            for (at, slot) in (start..).zip(&mut slots[start..end]) {
                let combination = *slot;
                *slot = known.slot(combination);
                if *slot == NO_SLOT {
                    *slot = self.slot(plan, dimensions, day, at);
                    known.keep(combination, *slot);
                }
            }
            start = end;
            known.forget();
        }
        self.known = known;
        slots
    }

    /// The slot of the group that a fact belongs to.
    fn slot(&mut self, plan: &Plan<'_>, dimensions: &[Dimension], day: u64, at: usize) -> u32 {
        // Days keep their own number; see `cell`.
        let mut key: Box<[u64]> = plan.question.keys.iter().map(|_| day).collect();
        for dimension in dimensions {
            let meaning = &dimension.meaning[dimension.places[at] as usize];
            for (position, value) in dimension.positions.iter().zip(meaning) {
                key[*position] = *value;
            }
        }
        self.slot_of_key(plan, key)
    }

    fn slot_of_key(&mut self, plan: &Plan<'_>, key: Box<[u64]>) -> u32 {
        let next = self.counts.len() as u32;
        let slot = *self.slots.entry(key).or_insert(next);
        if slot == next {
            self.counts.push(0);
            self.sums.resize(self.counts.len() * plan.sums(), 0);
        }
        slot
    }

    /// Adds what another thread found.
    pub(super) fn merge(&mut self, plan: &Plan<'_>, mut other: Self) {
        let mut moved = vec![0; other.counts.len()];
        for (key, slot) in std::mem::take(&mut other.slots) {
            moved[slot as usize] = self.slot_of_key(plan, key);
        }
        for (from, to) in moved.iter().enumerate() {
            let to = *to as usize;
            self.counts[to] += other.counts[from];
            for at in 0..plan.sums() {
                let sum = &mut self.sums[to * plan.sums() + at];
                *sum = sum.saturating_add(other.sums[from * plan.sums() + at]);
            }
        }
        self.buckets.merge(std::mem::take(&mut other.buckets), &moved);
        self.installs.resize_with(self.counts.len(), Installs::default);
        for (to, installs) in moved.into_iter().zip(other.installs) {
            self.installs[to as usize].merge(installs);
        }
    }

    /// Puts names to numbers.
    pub(super) fn finish(mut self, plan: &Plan<'_>, names: &mut Naming<'_>) -> rusqlite::Result<Vec<Group>> {
        let mut groups = vec![Group::default(); self.counts.len()];
        for (key, slot) in &self.slots {
            let slot = *slot as usize;
            let cells = key.iter().zip(&plan.question.keys).map(|(value, key)| cell(*key, *value, names));
            groups[slot] = Group {
                keys: cells.collect::<rusqlite::Result<_>>()?,
                count: self.counts[slot],
                sums: self.sums[slot * plan.sums()..(slot + 1) * plan.sums()].to_vec(),
                installs: self.installs.get_mut(slot).map_or(0, Installs::len),
                ..Group::default()
            };
        }
        for (group, durations) in groups.iter_mut().zip(self.buckets.histograms(self.counts.len())) {
            group.durations = durations;
        }
        Ok(groups)
    }
}

/// A number for each fact that is the same for the same values.
///
/// With 4,294,967,296 combinations or more, facts get a number each: two combinations must not look alike.
fn combined(dimensions: &[Dimension], count: usize) -> Vec<u32> {
    let sizes = dimensions.iter().map(|dimension| dimension.meaning.len() as u64);
    if sizes.fold(1_u64, u64::saturating_mul) > u64::from(u32::MAX) {
        return (0..count as u32).collect();
    }
    let Some((first, others)) = dimensions.split_first() else { return vec![0; count] };
    let mut combined = first.places.clone();
    for dimension in others {
        let size = dimension.meaning.len() as u32;
        for (all, place) in combined.iter_mut().zip(&dimension.places) {
            *all = *all * size + place;
        }
    }
    combined
}

/// The facts that pass, and the days they are of: each with the place after its last picked fact.
type Picked = (Pick, Vec<(u64, usize)>);

fn picked(plan: &Plan<'_>, conn: &Connection, source: &Source) -> Result<Option<Picked>, ReadError> {
    let column = |field| source.column(conn, plan.table, field);
    let days = days_within(&column(Field::Day)?.runs()?, plan.question.range);
    let (Some((_, first)), Some((_, last))) = (days.first(), days.last()) else { return Ok(None) };
    let mut pick = Pick::All(first.start..last.end);
    if let Some(passing) = &plan.env_pass {
        let bytes = column(Field::Env)?;
        narrow(&mut pick, &bytes.coded()?, |env| passing.get(env as usize).is_some_and(|pass| *pass));
    }
    for (field, allowed) in &plan.filters {
        if pick.len() == 0 {
            break;
        }
        narrow(&mut pick, &column(*field)?.coded()?, |value| allowed.binary_search(&value).is_ok());
    }
    let end_of = |end: usize| match &pick {
        Pick::All(range) => end - range.start,
        Pick::Some(rows) => rows.partition_point(|row| (*row as usize) < end),
    };
    let days = days.iter().map(|(day, rows)| (*day, end_of(rows.end))).collect();
    Ok((pick.len() > 0).then_some((pick, days)))
}

/// The runs of days within a range.
pub(super) fn days_within(days: &Runs, range: Range) -> Vec<(u64, std::ops::Range<usize>)> {
    let day = |day: Day| u64::try_from(day).ok();
    // No event is older than 1970.
    day(range.to).map_or_else(Vec::new, |to| days.within(day(range.from).unwrap_or(0), to))
}

/// Keeps the rows whose value passes.
fn narrow(pick: &mut Pick, column: &Coded<'_>, passes: impl Fn(u64) -> bool) {
    let passing: Vec<bool> = column.values.iter().map(|value| passes(*value)).collect();
    if passing.iter().all(|pass| *pass) {
        return;
    }
    let mut places = Vec::with_capacity(pick.len());
    if passing.iter().any(|pass| *pass) {
        column.places.gather(pick, &mut places, |place| place as u32);
    }
    let passes = |place: &u32| passing[*place as usize];
    let rows = match pick {
        Pick::All(range) => {
            let rows = (range.start as u32..).zip(&places);
            rows.filter(|(_, place)| passes(place)).map(|(row, _)| row).collect()
        }
        Pick::Some(rows) => {
            let rows = rows.iter().zip(&places);
            rows.filter(|(_, place)| passes(place)).map(|(row, _)| *row).collect()
        }
    };
    *pick = Pick::Some(rows);
}

fn dimension(plan: &Plan<'_>, axis: &Axis, coded: &Coded<'_>, pick: &Pick) -> Dimension {
    let mut places = Vec::with_capacity(pick.len());
    match axis {
        Axis::Own(position, _) => {
            coded.places.gather(pick, &mut places, |place| place as u32);
            let meaning = coded.values.iter().map(|value| vec![*value]).collect();
            Dimension { places, meaning, positions: vec![*position] }
        }
        Axis::Env(keys) => {
            // Several environments may agree in the keys that are asked for.
            let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
            let mut meaning = Vec::new();
            let mut place_of = Vec::with_capacity(coded.values.len());
            for env in &coded.values {
                let env = plan.envs.get(*env as usize).copied().unwrap_or_default();
                let values: Vec<u64> = keys.iter().map(|(_, place)| env[*place]).collect();
                let place = *known.entry(values.clone()).or_insert(meaning.len() as u32);
                if place as usize == meaning.len() {
                    meaning.push(values);
                }
                place_of.push(place);
            }
            coded.places.gather(pick, &mut places, |place| place_of[place as usize]);
            let positions = keys.iter().map(|(position, _)| *position).collect();
            Dimension { places, meaning, positions }
        }
    }
}

/// The days of a question that groups by them; one that does not has a single one.
fn runs(plan: &Plan<'_>, days: &[(u64, usize)], count: usize) -> Vec<(u64, usize)> {
    match plan.question.keys.contains(&Key::Day) {
        true => days.to_vec(),
        false => vec![(0, count)],
    }
}

/// What a value of a column means.
pub(super) fn cell(key: Key, value: u64, names: &mut Naming<'_>) -> rusqlite::Result<Cell> {
    Ok(match (key, kind(key), value) {
        (Key::Day, _, day) => Cell::Number(day as i64),
        (_, _, 0) => Cell::Absent,
        (_, "", raised) => Cell::Number((raised - 1) as i64),
        (_, _, name) => Cell::Text(names.resolve(name as i64)?),
    })
}
