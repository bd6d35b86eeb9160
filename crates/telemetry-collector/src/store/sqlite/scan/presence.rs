//! Distinct installations over time, from who was there on which day.
//!
//! An installation counts once in a window, however many of its days lie within. So every presence is told from the
//! one before it: of a window's presences, exactly one has its predecessor before the window. How many presences lie at
//! a day and have their predecessor at another is counted once, and any number of windows is then read from that.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::Scan;
use super::installs::Installs;
use super::tally::{cell, days_within, numbers, pass};
use crate::answer::range::Range;
use crate::store::keys::check_install_keys;
use crate::store::question::{Active, Cell, Cohort, Filters, Key, week_of};
use crate::store::sqlite::read::failed;
use crate::store::sqlite::segment::{Bytes, Field, ReadError, Source, Table};
use crate::store::sqlite::tail::env_place;
use crate::store::{Day, StoreError};

/// Everyone of one day in one source: the value they are grouped by, and the installation.
type Present = (Day, Vec<(u64, u32)>);

impl Scan<'_, '_> {
    pub(in crate::store::sqlite) fn active(
        &mut self,
        windows: &[Range],
        by: Option<Key>,
        filters: &Filters,
    ) -> Result<Vec<Active>, StoreError> {
        check_install_keys(by, filters)?;
        let spans = Spans::of(windows);
        let mut by_value: BTreeMap<u64, Vec<(usize, u32)>> = BTreeMap::new();
        if by.is_none() {
            by_value.insert(0, Vec::new());
        }
        if let Some(range) = hull(windows) {
            for (day, present) in self.present(range, by, filters)? {
                let span = spans.at(day);
                for (value, install) in present {
                    by_value.entry(value).or_default().push((span, install));
                }
            }
        }
        let mut found = Vec::new();
        for (value, present) in by_value {
            let installs = spans.count(windows, &present);
            if by.is_none() || installs.iter().any(|count| *count > 0) {
                let key = match by {
                    Some(key) => cell(key, value, self.naming).map_err(failed)?,
                    None => Cell::Absent,
                };
                found.push(Active { key, installs });
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    pub(in crate::store::sqlite) fn new_installs(
        &mut self,
        range: Range,
        filters: &Filters,
    ) -> Result<Vec<(Day, u64)>, StoreError> {
        check_install_keys(None, filters)?;
        let first_days = self.reader.shared.first_days(self.naming.conn, self.extent).map_err(failed)?;
        let mut fresh: BTreeMap<Day, Installs> = BTreeMap::new();
        for (day, present) in self.present(range, None, filters)? {
            for (_, install) in present {
                if first_days.get(install as usize) == Some(&day) {
                    fresh.entry(day).or_default().insert(install);
                }
            }
        }
        Ok(fresh.into_iter().map(|(day, mut installs)| (day, installs.len())).collect())
    }

    pub(in crate::store::sqlite) fn cohorts(
        &mut self,
        range: Range,
        filters: &Filters,
    ) -> Result<Vec<Cohort>, StoreError> {
        check_install_keys(None, filters)?;
        let first_days = self.reader.shared.first_days(self.naming.conn, self.extent).map_err(failed)?;
        let first_week = week_of(range.from + 6);
        let mut cohorts: Vec<Cohort> = (first_week..=range.to)
            .step_by(7)
            .map(|week| Cohort { week, size: 0, active: vec![0; ((range.to - week) / 7 + 1) as usize] })
            .collect();
        // The last week in which an installation was seen.
        let mut seen: HashMap<u32, Day> = HashMap::new();
        for (day, present) in self.present(range, None, filters)? {
            for (_, install) in present {
                let Some(first_day) = first_days.get(install as usize).copied() else { continue };
                let born = week_of(first_day);
                if born < first_week || born > range.to || day < born {
                    continue;
                }
                let cohort = &mut cohorts[((born - first_week) / 7) as usize];
                let before = seen.insert(install, week_of(day));
                cohort.size += u64::from(before.is_none());
                if before != Some(week_of(day)) {
                    cohort.active[((day - born) / 7) as usize] += 1;
                }
            }
        }
        Ok(cohorts)
    }

    /// How many events come from installations that `is_meant`.
    pub(in crate::store::sqlite) fn events_of(
        &self,
        is_meant: impl Fn(u64) -> bool + Sync,
    ) -> Result<u64, StoreError> {
        let ever = Range { from: Day::MIN, to: Day::MAX };
        let totals = self.fold(
            None,
            ever,
            || 0_u64,
            |total, conn, source| {
                let Some(column) = columns(conn, source)? else { return Ok(()) };
                let events = column(Field::Events)?.numbers()?.to_vec();
                let installs = column(Field::Install)?;
                let installs = installs.coded()?;
                let meant: Vec<bool> = installs.values.iter().map(|install| is_meant(*install)).collect();
                let places = installs.places.to_vec();
                let meant = places.iter().zip(events).filter(|(place, _)| meant[**place as usize]);
                *total += meant.map(|(_, events)| events).sum::<u64>();
                Ok(())
            },
        )?;
        Ok(totals.into_iter().sum())
    }

    /// Who was there, in the order of days.
    fn present(&self, range: Range, by: Option<Key>, filters: &Filters) -> Result<Vec<Present>, StoreError> {
        let envs = &self.extent.envs;
        let mut passing = None;
        for (key, values) in filters.iter() {
            let allowed = numbers(self.naming.conn, key, values).map_err(failed)?;
            if let Some(place) = env_place(key) {
                pass(&mut passing, envs, place, &allowed);
            }
        }
        let by = by.and_then(env_place);
        let value_of = |env: u64| {
            let passes = passing.as_ref().is_none_or(|passing| passing.get(env as usize).is_some_and(|p| *p));
            let values = envs.get(env as usize).copied().unwrap_or_default();
            passes.then(|| by.map_or(0, |place| values[place]))
        };
        let found = self.fold(None, range, Vec::new, |all: &mut Vec<Present>, conn, source| {
            let Some(column) = columns(conn, source)? else { return Ok(()) };
            let days = days_within(&column(Field::Day)?.runs()?, range);
            let (envs, installs) = (column(Field::Env)?, column(Field::Install)?);
            let (envs, installs) = (envs.coded()?, installs.coded()?);
            let values: Vec<Option<u64>> = envs.values.iter().map(|env| value_of(*env)).collect();
            let (places, who) = (envs.places.to_vec(), installs.places.to_vec());
            for (day, rows) in days {
                let present = places[rows.clone()].iter().zip(&who[rows]);
                let present = present.filter_map(|(place, who)| {
                    Some((values[*place as usize]?, installs.values[*who as usize] as u32))
                });
                all.push((day as Day, present.collect()));
            }
            Ok(())
        })?;
        let mut all: Vec<Present> = found.into_iter().flatten().collect();
        all.sort_by_key(|(day, _)| *day);
        Ok(all)
    }
}

/// The columns of a source's presences, `None` if there are none.
fn columns<'s>(
    conn: &'s Connection,
    source: &'s Source,
) -> Result<Option<impl Fn(Field) -> Result<Bytes, ReadError> + 's>, ReadError> {
    let anyone = source.head().installs > 0;
    Ok(anyone.then_some(move |field| source.column(conn, Table::Presence, field)))
}

/// The smallest range that has all windows.
fn hull(windows: &[Range]) -> Option<Range> {
    let windows = windows.iter().copied();
    windows.reduce(|a, b| Range { from: a.from.min(b.from), to: a.to.max(b.to) })
}

/// Days cut wherever a window begins or ends: no window tells the days of a span apart.
struct Spans(Vec<Day>);

impl Spans {
    fn of(windows: &[Range]) -> Self {
        let mut edges: Vec<Day> = windows.iter().flat_map(|window| [window.from, window.to + 1]).collect();
        edges.sort_unstable();
        edges.dedup();
        Self(edges)
    }

    /// The span of a day; 0 is before all windows.
    fn at(&self, day: Day) -> usize {
        self.0.partition_point(|edge| *edge <= day)
    }

    /// Counts distinct installations in each window; `present` is in the order of spans.
    fn count(&self, windows: &[Range], present: &[(usize, u32)]) -> Vec<u64> {
        let spans = self.0.len() + 1;
        let highest = present.iter().map(|(_, install)| *install as usize).max().unwrap_or(0);
        let mut last = vec![0_u32; highest + 1];
        // At [before][span]: presences of the span whose predecessor is in the span `before`.
        let mut following = vec![0_u64; spans * spans];
        for (span, install) in present {
            let before = &mut last[*install as usize];
            if *before as usize != *span {
                following[*before as usize * spans + span] += 1;
                *before = *span as u32;
            }
        }
        // Then: whose predecessor is in `before` or earlier.
        for at in spans..following.len() {
            following[at] += following[at - spans];
        }
        let count = |window: &Range| match (self.at(window.from), self.at(window.to)) {
            (first, last) if first <= last => following[(first - 1) * spans..][first..=last].iter().sum(),
            _ => 0,
        };
        windows.iter().map(count).collect()
    }
}
