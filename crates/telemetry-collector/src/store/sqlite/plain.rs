//! Questions answered by plain SQL over the rows: slow, and simple enough to be believed.
//!
//! This is what tests compare the scan of segments with; it shares nothing with it but the tables and [`kind`]. Lists within an event (flags, error classes) are the only thing that is taken apart here instead of in SQL.

use std::collections::{BTreeMap, HashMap};

use rusqlite::OptionalExtension;

use super::codec::{self, Resolve};
use super::names::Naming;
use super::read::failed;
use crate::answer::range::Range;
use crate::store::keys::{check_install_keys, kind};
use crate::store::question::{Active, Cell, Cohort, Filters, Group, Key, Question, Subject, Sum, week_of};
use crate::store::{DAY_MS, Day, StoreError};

/// Answers questions about the rows.
pub(super) struct Plain<'a, 'b>(pub(super) &'b mut Naming<'a>);

/// Matches no row.
const NOTHING: &str = "0";

impl Plain<'_, '_> {
    pub(super) fn groups(&mut self, question: &Question) -> Result<Vec<Group>, StoreError> {
        question.check()?;
        let grouped = match question.subject {
            Subject::Flag | Subject::SessionError => self.exploded(question),
            _ => self.grouped(question),
        };
        grouped.map_err(failed)
    }

    fn grouped(&mut self, question: &Question) -> rusqlite::Result<Vec<Group>> {
        let condition = self.condition(question.subject, question.range, &question.filters)?;
        let keys: Vec<String> = question.keys.iter().map(|key| expression(*key).to_owned()).collect();
        let mut columns = keys.clone();
        columns.push("count(*)".to_owned());
        columns.push(if question.installs {
            "count(DISTINCT nullif(e.install, 0))".to_owned()
        } else {
            "0".to_owned()
        });
        columns.extend(question.sums.iter().map(|sum| format!("coalesce(sum({}), 0)", addend(*sum))));
        let group_by = if keys.is_empty() { String::new() } else { format!("GROUP BY {}", keys.join(", ")) };
        let sql = format!("SELECT {} FROM {FROM} WHERE {condition} {group_by}", columns.join(", "));
        let mut statement = self.0.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut groups = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let cells = self.cells(row, &question.keys)?;
            let at = keys.len();
            let group = Group {
                keys: cells.clone(),
                count: row.get(at)?,
                installs: row.get(at + 1)?,
                sums: (0..question.sums.len()).map(|i| row.get(at + 2 + i)).collect::<Result<_, _>>()?,
                ..Group::default()
            };
            if group.count > 0 {
                groups.insert(cells, group);
            }
        }
        if question.durations {
            self.durations(question, &keys, &condition, &mut groups)?;
        }
        Ok(groups.into_values().collect())
    }

    fn durations(
        &mut self,
        question: &Question,
        keys: &[String],
        condition: &str,
        groups: &mut BTreeMap<Vec<Cell>, Group>,
    ) -> rusqlite::Result<()> {
        let columns = [keys, &["e.duration_bucket".to_owned()]].concat().join(", ");
        let sql = format!(
            "SELECT {columns}, count(*) FROM {FROM} WHERE {condition} AND e.duration_bucket IS NOT NULL
             GROUP BY {columns}"
        );
        let mut statement = self.0.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = self.cells(row, &question.keys)?;
            if let Some(group) = groups.get_mut(&cells) {
                group.durations.add_many(row.get(keys.len())?, row.get(keys.len() + 1)?);
            }
        }
        Ok(())
    }

    /// Facts that are items of a list within an event.
    fn exploded(&mut self, question: &Question) -> rusqlite::Result<Vec<Group>> {
        let is_item = |key: Key| match question.subject {
            Subject::Flag => key == Key::Flag,
            _ => key == Key::Error,
        };
        // An item's own value cannot be filtered in SQL.
        let (items, rows): (Vec<_>, Vec<_>) = question.filters.iter().partition(|(key, _)| is_item(*key));
        let filters = rows.into_iter().fold(Filters::default(), |f, (key, v)| f.with(key, v.to_vec()));
        let condition = self.condition(question.subject, question.range, &filters)?;
        let outer: Vec<Key> = question.keys.iter().copied().filter(|key| !is_item(*key)).collect();
        let blob = if question.subject == Subject::Flag { "e.flags" } else { "e.errors" };
        let mut columns: Vec<&str> = outer.iter().map(|key| expression(*key)).collect();
        columns.extend(["e.install", blob]);
        let sql = format!("SELECT {} FROM {FROM} WHERE {condition}", columns.join(", "));
        let mut statement = self.0.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut groups: HashMap<Vec<Cell>, (u64, u64, std::collections::BTreeSet<i64>)> = HashMap::new();
        while let Some(row) = rows.next()? {
            let cells = self.cells(row, &outer)?;
            let install: i64 = row.get(outer.len())?;
            let Some(blob) = row.get::<_, Option<Vec<u8>>>(outer.len() + 1)? else { continue };
            for (name, count) in self.items(question.subject, &blob)? {
                if !items.iter().all(|(_, allowed)| allowed.iter().any(|value| **value == *name)) {
                    continue;
                }
                let mut rest = cells.iter().cloned();
                let item = Cell::Text(name);
                let key = question.keys.iter().map(|key| match is_item(*key) {
                    true => item.clone(),
                    false => rest.next().unwrap_or(Cell::Absent),
                });
                let group = groups.entry(key.collect()).or_default();
                group.0 += 1;
                group.1 += count;
                if install != 0 {
                    group.2.insert(install);
                }
            }
        }
        let finish =
            |(keys, (count, times, installs)): (Vec<Cell>, (u64, u64, std::collections::BTreeSet<i64>))| {
                Group {
                    keys,
                    count,
                    sums: question.sums.iter().map(|_| times).collect(),
                    installs: if question.installs { installs.len() as u64 } else { 0 },
                    ..Group::default()
                }
            };
        Ok(groups.into_iter().map(finish).collect())
    }

    fn items(&mut self, subject: Subject, blob: &[u8]) -> rusqlite::Result<Vec<(std::sync::Arc<str>, u64)>> {
        let mut reader = codec::Reader(blob);
        let mut items = Vec::new();
        while !reader.is_empty() {
            let name = reader.take()?;
            let count = if subject == Subject::Flag { 1 } else { reader.take()? };
            items.push((self.0.resolve(name as i64)?, count));
        }
        Ok(items)
    }

    /// Counts distinct installations in each window.
    pub(super) fn active(
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
        for (index, window) in windows.iter().enumerate() {
            self.active_in(*window, by, filters, |cell, count| {
                found.entry(cell).or_insert_with(|| vec![0; windows.len()])[index] = count;
            })
            .map_err(failed)?;
        }
        Ok(found.into_iter().map(|(key, installs)| Active { key, installs }).collect())
    }

    fn active_in(
        &mut self,
        window: Range,
        by: Option<Key>,
        filters: &Filters,
        mut each: impl FnMut(Cell, u64),
    ) -> rusqlite::Result<()> {
        let passing = self.passing(window, filters)?;
        let keys: Vec<Key> = by.into_iter().collect();
        let key = by.map_or("NULL", expression);
        let sql = format!(
            "SELECT {key}, count(DISTINCT e.install) FROM {FROM} WHERE {passing} AND e.install <> 0 GROUP BY 1"
        );
        let mut statement = self.0.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cell = self.cells(row, &keys)?.pop().unwrap_or(Cell::Absent);
            each(cell, row.get(1)?);
        }
        Ok(())
    }

    pub(super) fn new_installs(
        &mut self,
        range: Range,
        filters: &Filters,
    ) -> Result<Vec<(Day, u64)>, StoreError> {
        check_install_keys(None, filters)?;
        let mut read = || {
            let passing = self.passing(range, filters)?;
            let sql = format!(
                "SELECT i.first_day, count(DISTINCT i.id) FROM {FROM} JOIN install i ON i.id = e.install
                 WHERE {passing} AND {} = i.first_day GROUP BY 1 ORDER BY 1",
                expression(Key::Day)
            );
            let mut statement = self.0.conn.prepare(&sql)?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(failed)
    }

    pub(super) fn cohorts(&mut self, range: Range, filters: &Filters) -> Result<Vec<Cohort>, StoreError> {
        check_install_keys(None, filters)?;
        let weeks = (week_of(range.from)..=range.to).step_by(7).filter(|week| *week >= range.from);
        weeks.map(|week| self.cohort(week, range, filters).map_err(failed)).collect()
    }

    fn cohort(&mut self, week: Day, range: Range, filters: &Filters) -> rusqlite::Result<Cohort> {
        let mut came = |window: Range| {
            let passing = self.passing(window, filters)?;
            let sql = format!(
                "SELECT count(DISTINCT e.install) FROM {FROM} JOIN install i ON i.id = e.install
                 WHERE {passing} AND i.first_day BETWEEN ?1 AND ?2"
            );
            self.0.conn.query_row(&sql, [week, week + 6], |row| row.get(0))
        };
        let size = came(Range { from: week, to: range.to })?;
        let starts = (week..=range.to).step_by(7);
        let active =
            starts.map(|from| came(Range { from, to: range.to.min(from + 6) })).collect::<Result<_, _>>()?;
        Ok(Cohort { week, size, active })
    }

    /// The condition for events of a subject in a range that pass the filters.
    fn condition(&mut self, subject: Subject, range: Range, filters: &Filters) -> rusqlite::Result<String> {
        Ok(format!("{} AND {}", self.subject(subject)?, self.passing(range, filters)?))
    }

    fn passing(&mut self, range: Range, filters: &Filters) -> rusqlite::Result<String> {
        let (from, to) = (range.from.saturating_mul(DAY_MS), (range.to + 1).saturating_mul(DAY_MS));
        let mut condition = format!("e.ts_ms >= {from} AND e.ts_ms < {to}");
        for (key, values) in filters.iter() {
            let ids = self.ids(kind(key), values)?;
            let passing = match ids.is_empty() {
                true => NOTHING.to_owned(),
                false => format!("{} IN ({})", expression(key), ids.join(", ")),
            };
            condition = format!("{condition} AND {passing}");
        }
        Ok(condition)
    }

    fn subject(&mut self, subject: Subject) -> rusqlite::Result<String> {
        let mut named = |column: &str, kind: &str, name: &str| {
            let found = self.ids(kind, &[name.to_owned()])?;
            Ok::<_, rusqlite::Error>(
                found.first().map_or(NOTHING.to_owned(), |id| format!("{column} = {id}")),
            )
        };
        let event = |subject: &mut dyn FnMut(&str, &str, &str) -> rusqlite::Result<String>, name| {
            subject("e.event", "event", name)
        };
        let session = |subject: &mut dyn FnMut(&str, &str, &str) -> rusqlite::Result<String>, action| {
            let (event, action) = (event(subject, "session")?, subject("e.action", "action", action)?);
            Ok::<_, rusqlite::Error>(format!("({event} AND {action})"))
        };
        Ok(match subject {
            Subject::Command | Subject::Flag => event(&mut named, "command")?,
            Subject::Tool => event(&mut named, "tool")?,
            Subject::Token => event(&mut named, "token")?,
            Subject::SessionStart => session(&mut named, "start")?,
            Subject::SessionEnd | Subject::SessionError => session(&mut named, "end")?,
            Subject::Other => {
                let known = [
                    event(&mut named, "command")?,
                    event(&mut named, "tool")?,
                    event(&mut named, "token")?,
                    session(&mut named, "start")?,
                    session(&mut named, "end")?,
                ];
                format!("NOT ({})", known.join(" OR "))
            }
        })
    }

    fn ids(&self, kind: &str, names: &[String]) -> rusqlite::Result<Vec<String>> {
        let mut statement =
            self.0.conn.prepare_cached("SELECT id FROM dict WHERE kind = ?1 AND name = ?2")?;
        let mut ids = Vec::new();
        for name in names {
            let id: Option<i64> = statement.query_row((kind, name), |row| row.get(0)).optional()?;
            ids.extend(id.map(|id| id.to_string()));
        }
        Ok(ids)
    }

    /// The first columns of a row, as the values of `keys`.
    fn cells(&mut self, row: &rusqlite::Row<'_>, keys: &[Key]) -> rusqlite::Result<Vec<Cell>> {
        let mut cells = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            cells.push(match (row.get::<_, Option<i64>>(index)?, kind(*key)) {
                (None, _) => Cell::Absent,
                (Some(number), "") => Cell::Number(number),
                (Some(id), _) => Cell::Text(self.0.resolve(id)?),
            });
        }
        Ok(cells)
    }
}

const FROM: &str = "event e JOIN env v ON v.id = e.env";

/// The column of a key; names are numbers from the dictionary, NULL when absent.
fn expression(key: Key) -> &'static str {
    match key {
        Key::Day => "e.ts_ms / 86400000",
        Key::Source => "nullif(v.source, 0)",
        Key::Version => "nullif(v.version, 0)",
        Key::Os => "nullif(v.os, 0)",
        Key::Arch => "nullif(v.arch, 0)",
        Key::Caller => "nullif(v.caller, 0)",
        Key::Language => "nullif(v.language, 0)",
        Key::Event => "e.event",
        Key::Action => "nullif(e.action, 0)",
        Key::Agent => "e.agent",
        Key::Provider => "e.provider",
        Key::Model => "e.model",
        Key::Tool => "e.tool",
        Key::ToolKind => "e.tool_kind",
        Key::Purpose => "e.purpose",
        Key::Outcome => "e.outcome",
        Key::Error => "e.error",
        Key::Success => "e.is_success",
        Key::ExitCode => "e.exit_code",
        // Items of a list, see `Plain::exploded`.
        Key::Flag => "NULL",
    }
}

fn addend(sum: Sum) -> &'static str {
    match sum {
        Sum::InputTokens => "e.input_tokens",
        Sum::OutputTokens => "e.output_tokens",
        Sum::CacheReadTokens => "e.cache_read_tokens",
        Sum::CacheWriteTokens => "e.cache_write_tokens",
        Sum::ReasoningTokens => "e.reasoning_tokens",
        Sum::CostNano => "e.cost_nano",
        Sum::Priced => "e.cost_nano IS NOT NULL",
        Sum::Turns => "e.turns",
        Sum::ToolCalls => "e.tool_calls",
        Sum::ToolErrors => "e.tool_errors",
        Sum::Errors => "e.error_count",
        Sum::DurationMs => "e.duration_ms",
    }
}
