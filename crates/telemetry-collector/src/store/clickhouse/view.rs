//! Answers: questions become SQL, and rows become groups. Percentiles, rates and order are nobody's business here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::client::ClickHouse;
use super::sql::{self, NEVER, NOBODY, quoted};
use super::sums::{self, SummedDays};
use crate::answer::range::Range;
use crate::store::keys::{check_install_keys, kind};
use crate::store::question::{
    Active, Arrival, Cell, Cohort, DailyTotals, Filters, Group, Key, Losses, Question, View, week_of,
};
use crate::store::totals::{NAMES, measured, numbers, together};
use crate::store::{Day, EventRow, Page, StoreError};

/// One reader's view; it remembers only which days have sums.
pub(crate) struct ClickHouseView<'c> {
    store: &'c ClickHouse,
    summed: Option<SummedDays>,
}

type Groups = BTreeMap<Vec<Cell>, Group>;

impl ClickHouse {
    /// Runs `read` on what the database has now.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&mut ClickHouseView { store: self, summed: None })
    }
}

/// A row of an answer, read from left to right.
struct Cells(std::vec::IntoIter<Value>);

impl Cells {
    fn next(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| StoreError::Failed("an answer of ClickHouse lacks a column".to_owned()))
    }

    fn number<T: TryFrom<i128>>(&mut self) -> Result<T, StoreError> {
        let value = self.next()?;
        let number = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| StoreError::Failed(format!("ClickHouse answered {value} for a number")))
    }

    fn text(&mut self) -> Result<String, StoreError> {
        match self.next()? {
            Value::String(text) => Ok(text),
            other => Err(StoreError::Failed(format!("ClickHouse answered {other} for a text"))),
        }
    }

    fn uuid(&mut self) -> Result<Uuid, StoreError> {
        let text = self.text()?;
        Uuid::try_parse(&text)
            .map_err(|_| StoreError::Failed(format!("ClickHouse answered {text} for an id")))
    }

    /// The value of a key: names are absent when empty, numbers when null.
    fn cell(&mut self) -> Result<Cell, StoreError> {
        Ok(match self.next()? {
            Value::String(text) if text.is_empty() => Cell::Absent,
            Value::String(text) => Cell::Text(text.into()),
            Value::Number(number) => number.as_i64().map_or(Cell::Absent, Cell::Number),
            _ => Cell::Absent,
        })
    }
}

impl ClickHouseView<'_> {
    fn rows(&self, sql: &str) -> Result<impl Iterator<Item = Cells> + use<>, StoreError> {
        Ok(self.store.rows(sql)?.into_iter().map(|row| Cells(row.into_iter())))
    }

    /// The one row of an answer that always has one.
    fn row(&self, sql: &str) -> Result<Cells, StoreError> {
        Ok(self.rows(sql)?.next().unwrap_or(Cells(Vec::new().into_iter())))
    }

    /// The days that have sums; the same ones for all questions of an answer.
    fn summed(&mut self) -> Result<&SummedDays, StoreError> {
        let known = match self.summed.take() {
            Some(known) => known,
            None => self.store.summed_days()?,
        };
        Ok(self.summed.insert(known))
    }

    /// Groups without their installations: from sums where there are some, and from events.
    fn counted(&mut self, question: &Question) -> Result<Groups, StoreError> {
        let mut groups = Groups::new();
        let rows = sums::rows_for(question);
        let [in_sums, in_events] = match rows {
            Some(_) => self.summed()?.split(question.range),
            None => [Vec::new(), vec![question.range]],
        };
        self.add(&mut groups, question, &in_sums, rows)?;
        self.add(&mut groups, question, &in_events, None)?;
        Ok(groups)
    }

    /// Adds what some days have, with durations from rows that are a group and a bucket each.
    fn add(
        &self,
        groups: &mut Groups,
        question: &Question,
        days: &[Range],
        rows: Option<&str>,
    ) -> Result<(), StoreError> {
        if days.is_empty() {
            return Ok(());
        }
        for mut row in self.rows(&sql::groups(question, days, rows))? {
            let keys: Vec<Cell> = question.keys.iter().map(|_| row.cell()).collect::<Result<_, _>>()?;
            let bucket = if question.durations { row.cell()?.number() } else { None };
            let count: u64 = row.number()?;
            if count == 0 {
                continue;
            }
            let group = groups.entry(keys.clone()).or_insert_with(|| Group {
                keys,
                sums: vec![0; question.sums.len()],
                ..Group::default()
            });
            group.count += count;
            for sum in &mut group.sums {
                *sum += row.number::<u64>()?;
            }
            if let Some(bucket) = bucket.and_then(|bucket| u16::try_from(bucket).ok()) {
                group.durations.add_many(bucket, count);
            }
        }
        Ok(())
    }
}

impl View for ClickHouseView<'_> {
    fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError> {
        question.check()?;
        let mut groups = self.counted(question)?;
        if question.installs {
            for mut row in self.rows(&sql::installs(question, sums::users_for(question)))? {
                let keys: Vec<Cell> = question.keys.iter().map(|_| row.cell()).collect::<Result<_, _>>()?;
                if let Some(group) = groups.get_mut(&keys) {
                    group.installs = row.number()?;
                }
            }
        }
        Ok(groups.into_values().collect())
    }

    fn active(
        &mut self,
        windows: &[Range],
        by: Option<Key>,
        filters: &Filters,
    ) -> Result<Vec<Active>, StoreError> {
        check_install_keys(by, filters)?;
        let mut found: BTreeMap<Cell, Vec<u64>> = BTreeMap::new();
        if by.is_none() {
            found.insert(Cell::Absent, vec![0; windows.len()]);
        }
        if let [window] = windows {
            for mut row in self.rows(&sql::present(*window, by, filters))? {
                found.insert(row.cell()?, vec![row.number()?]);
            }
            return Ok(actives(found));
        }
        let hull = windows.iter().copied();
        let hull = hull.reduce(|a, b| Range { from: a.from.min(b.from), to: a.to.max(b.to) });
        let Some(hull) = hull else { return Ok(actives(found)) };
        for mut row in self.rows(&sql::presences(hull, by, filters))? {
            let key = row.cell()?;
            let (day, before, count): (Day, Day, u64) = (row.number()?, row.number()?, row.number()?);
            let installs = found.entry(key).or_insert_with(|| vec![0; windows.len()]);
            for (window, installs) in windows.iter().zip(installs) {
                // Of an installation's presences in a window, exactly one has its predecessor outside.
                if window.contains(day) && (before < window.from || before == Day::from(NEVER)) {
                    *installs += count;
                }
            }
        }
        found.retain(|_, installs| by.is_none() || installs.iter().any(|count| *count > 0));
        Ok(actives(found))
    }

    fn new_installs(&mut self, range: Range, filters: &Filters) -> Result<Vec<(Day, u64)>, StoreError> {
        check_install_keys(None, filters)?;
        self.rows(&sql::new_installs(range, filters))?
            .map(|mut row| Ok((row.number()?, row.number()?)))
            .collect()
    }

    fn cohorts(&mut self, range: Range, filters: &Filters) -> Result<Vec<Cohort>, StoreError> {
        check_install_keys(None, filters)?;
        let first_week = week_of(range.from + 6);
        let weeks = |week| ((range.to - week) / 7 + 1) as usize;
        let mut cohorts: Vec<Cohort> = (first_week..=range.to)
            .step_by(7)
            .map(|week| Cohort { week, size: 0, active: vec![0; weeks(week)] })
            .collect();
        for mut row in self.rows(&sql::cohorts(range, first_week, filters))? {
            let (born, week, count): (Day, Day, u64) = (row.number()?, row.number()?, row.number()?);
            let Some(cohort) = cohorts.get_mut(((born - first_week) / 7) as usize) else { continue };
            match week {
                0 => cohort.size = count,
                _ => {
                    if let Some(active) = cohort.active.get_mut(((week - born) / 7) as usize) {
                        *active = count;
                    }
                }
            }
        }
        Ok(cohorts)
    }

    fn arrivals(&mut self, range: Range) -> Result<Vec<Arrival>, StoreError> {
        // Each folder counts for itself, and tells its counters again and again.
        let sql = format!(
            "SELECT toInt32(day), fate, code, property, version, sum(highest) FROM (
                SELECT day, node, fate, code, property, version, max(n) AS highest FROM arrival WHERE {}
                GROUP BY day, node, fate, code, property, version)
            GROUP BY day, fate, code, property, version ORDER BY day, fate, code, property, version",
            sql::within(range)
        );
        let arrival = |mut row: Cells| {
            Ok(Arrival {
                day: row.number()?,
                fate: row.text()?,
                code: row.text()?,
                property: row.text()?.into(),
                version: row.text()?.into(),
                n: row.number()?,
            })
        };
        self.rows(&sql)?.map(arrival).collect()
    }

    fn losses(&mut self) -> Result<Losses, StoreError> {
        let mut row = self.row(&format!(
            "SELECT uniqExact(install), sum(recorded), sum(evicted), sum(expired), sum(rejected), sum(too_big) FROM (
                SELECT install, max(recorded) AS recorded, max(evicted) AS evicted, max(expired) AS expired,
                    max(rejected) AS rejected, max(too_big) AS too_big
                FROM loss WHERE install != {NOBODY} GROUP BY epoch, install)"
        ))?;
        let mut losses = Losses {
            installs: row.number()?,
            recorded: row.number()?,
            evicted: row.number()?,
            expired: row.number()?,
            rejected: row.number()?,
            too_big: row.number()?,
            stored: 0,
        };
        if losses.installs > 0 {
            let who = format!("install IN (SELECT install FROM loss WHERE install != {NOBODY})");
            let [summed, others] = self.summed()?.split(Range { from: Day::MIN, to: Day::MAX });
            for (what, days) in [("sum(n) FROM stored", summed), ("count() FROM event", others)] {
                if !days.is_empty() {
                    let sql = format!("SELECT {what} FINAL WHERE {} AND {who}", sql::within_any(&days));
                    losses.stored += self.row(&sql)?.number::<u64>()?;
                }
            }
        }
        Ok(losses)
    }

    fn values(&mut self, key: Key) -> Result<Vec<Arc<str>>, StoreError> {
        let sql = format!("SELECT DISTINCT name FROM name WHERE kind = {} ORDER BY name", quoted(kind(key)));
        self.rows(&sql)?.map(|mut row| Ok(row.text()?.into())).collect()
    }

    fn span(&mut self) -> Result<Option<Range>, StoreError> {
        let mut row = self.row("SELECT toInt32(min(day)), toInt32(max(day)), count() FROM event")?;
        let range = Range { from: row.number()?, to: row.number()? };
        Ok((row.number::<u64>()? > 0).then_some(range))
    }

    fn totals(&mut self, range: Range) -> Result<Vec<DailyTotals>, StoreError> {
        let kept = self.kept_totals(range)?;
        let Some(span) = self.span()? else { return Ok(kept) };
        let range = Range { from: range.from.max(span.from), to: range.to.min(span.to) };
        let measured = if range.from > range.to { Vec::new() } else { measured(self, range)? };
        Ok(together(kept, measured))
    }

    fn events(&mut self, page: Page) -> Result<Vec<EventRow>, StoreError> {
        let columns = "place, event_id, event, at_ms, source, properties";
        let sql = match page {
            Page::Last { limit } => {
                // Repetitions that were not merged yet may be among the newest, but no more than one of each batch.
                let newest =
                    format!("SELECT place FROM event ORDER BY place DESC LIMIT {}", limit.saturating_mul(2));
                format!(
                    "SELECT {columns} FROM event FINAL WHERE place >= (SELECT min(place) FROM ({newest}))
                    ORDER BY place DESC LIMIT {limit}"
                )
            }
            // Two collectors may have given the same place: neither is left for the next page, which would skip it.
            Page::After { row, limit } => format!(
                "SELECT {columns} FROM event FINAL WHERE place > {row} ORDER BY place LIMIT {limit} WITH TIES"
            ),
        };
        let mut events = self.rows(&sql)?.map(event).collect::<Result<Vec<_>, _>>()?;
        if matches!(page, Page::Last { .. }) {
            events.reverse();
        }
        Ok(events)
    }

    fn last_row(&mut self) -> Result<i64, StoreError> {
        self.row("SELECT max(place) FROM event")?.number()
    }
}

impl ClickHouseView<'_> {
    fn kept_totals(&self, range: Range) -> Result<Vec<DailyTotals>, StoreError> {
        let mut days: BTreeMap<Day, DailyTotals> = BTreeMap::new();
        let sql = format!(
            "SELECT toInt32(day), what, max(n) FROM daily WHERE {} GROUP BY day, what",
            sql::within(range)
        );
        for mut row in self.rows(&sql)? {
            let (day, what, n): (Day, String, u64) = (row.number()?, row.text()?, row.number()?);
            let totals = days.entry(day).or_insert_with(|| DailyTotals { day, ..DailyTotals::default() });
            if let Some((_, number)) = NAMES.iter().zip(numbers(totals)).find(|(name, _)| **name == what) {
                *number = n;
            }
        }
        Ok(days.into_values().collect())
    }
}

fn actives(found: BTreeMap<Cell, Vec<u64>>) -> Vec<Active> {
    found.into_iter().map(|(key, installs)| Active { key, installs }).collect()
}

fn event(mut row: Cells) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        row: row.number()?,
        event_id: row.uuid()?,
        event: row.text()?,
        event_timestamp: row.number()?,
        source: row.text()?,
        properties: serde_json::from_str(&row.text()?)
            .map_err(|error| StoreError::Failed(format!("an event's properties cannot be read: {error}")))?,
    })
}
