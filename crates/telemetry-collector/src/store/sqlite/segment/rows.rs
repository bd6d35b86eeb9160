//! Events taken apart into facts, as they come from the rows; still unsorted and unpacked.

use rusqlite::{Connection, OptionalExtension};

use super::fields::{Field, ROW_COLUMNS, Table, fields, place};
use super::{Segment, numbers};
use crate::store::question::{Key, Subject, Sum};
use crate::store::sqlite::codec;
use crate::store::{Day, day_of};

/// The facts of a range of rows; can be extended by the rows that follow.
#[derive(Debug, Clone)]
pub(in crate::store::sqlite) struct Rows {
    /// The last row that was looked for, whether it exists or not.
    pub(in crate::store::sqlite) last_row: i64,
    pub(in crate::store::sqlite) count: u64,
    tables: Vec<Unpacked>,
    /// Day, environment, installation; one an event.
    present: Vec<(u64, u64, u64)>,
}

#[derive(Debug, Clone)]
struct Unpacked {
    subject: Subject,
    fields: Vec<Field>,
    days: Vec<u64>,
    /// In the order of `fields`.
    columns: Vec<Vec<u64>>,
}

impl Unpacked {
    fn new(subject: Subject) -> Self {
        let fields = fields(Table::Facts(subject));
        Self { subject, columns: vec![Vec::new(); fields.len()], fields, days: Vec::new() }
    }
}

/// The values of one row, see [`place`].
struct Event {
    day: u64,
    values: [Option<u64>; ROW_COLUMNS.len()],
}

impl Rows {
    /// Reads the rows after `after` up to `to`.
    pub(in crate::store::sqlite) fn read(conn: &Connection, after: i64, to: i64) -> rusqlite::Result<Self> {
        let mut all = Self {
            last_row: to,
            count: 0,
            tables: Subject::ALL.into_iter().map(Unpacked::new).collect(),
            present: Vec::new(),
        };
        let words = Words::find(conn)?;
        let sql = format!(
            "SELECT ts_ms, flags, errors, {} FROM event WHERE id > ?1 AND id <= ?2 ORDER BY id",
            ROW_COLUMNS.join(", ")
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((after, to))?;
        while let Some(row) = rows.next()? {
            let mut event = Event { day: day_of(row.get(0)?).unsigned_abs(), values: [None; _] };
            for (index, value) in event.values.iter_mut().enumerate() {
                *value = row.get(3 + index)?;
            }
            all.count += 1;
            all.add(&event, &words);
            if let Some(flags) = row.get_ref(1)?.as_blob_or_null()? {
                all.add_items(Subject::Flag, &event, &words, flags)?;
            }
            if let Some(errors) = row.get_ref(2)?.as_blob_or_null()? {
                all.add_items(Subject::SessionError, &event, &words, errors)?;
            }
        }
        Ok(all)
    }

    /// Adds rows that follow.
    pub(in crate::store::sqlite) fn append(&mut self, later: Self) {
        self.last_row = later.last_row;
        self.count += later.count;
        self.present.extend(later.present);
        for (table, more) in self.tables.iter_mut().zip(later.tables) {
            table.days.extend(more.days);
            for (column, more) in table.columns.iter_mut().zip(more.columns) {
                column.extend(more);
            }
        }
    }

    fn add(&mut self, event: &Event, words: &Words) {
        let subject = words.subject(event);
        let table = &mut self.tables[subject as usize];
        table.days.push(event.day);
        for (field, column) in table.fields.iter().zip(&mut table.columns) {
            column.push(event.value(*field));
        }
        let install = event.value(Field::Install);
        if install != 0 {
            self.present.push((event.day, event.value(Field::Env), install));
        }
    }

    /// Adds one fact for each item of a list; `subject` says which list, and counts only in events of its own kind.
    fn add_items(
        &mut self,
        subject: Subject,
        event: &Event,
        words: &Words,
        list: &[u8],
    ) -> rusqlite::Result<()> {
        let (owner, item_key) = match subject {
            Subject::Flag => (Subject::Command, Key::Flag),
            _ => (Subject::SessionEnd, Key::Error),
        };
        if words.subject(event) != owner {
            return Ok(());
        }
        let table = &mut self.tables[subject as usize];
        let mut list = codec::Reader(list);
        while !list.is_empty() {
            let item = list.take()?;
            let times = if subject == Subject::Flag { 1 } else { list.take()? };
            table.days.push(event.day);
            for (field, column) in table.fields.iter().zip(&mut table.columns) {
                column.push(match field {
                    Field::Key(key) if *key == item_key => item,
                    Field::Sum(Sum::Errors) => times.saturating_add(1),
                    field => event.value(*field),
                });
            }
        }
        Ok(())
    }

    /// Sorts and packs, as the segment of a cell.
    pub(in crate::store::sqlite) fn pack(&self, cell: i64) -> Segment {
        let mut segment = Segment::empty(cell, self.last_row, self.count);
        for table in &self.tables {
            let id = Table::Facts(table.subject);
            segment.head.facts[table.subject as usize] = table.days.len() as u64;
            let Some(order) = order(&table.days, &table.columns[1]) else { continue };
            let sorted = |column: &[u64]| order.iter().map(|row| column[*row as usize]).collect::<Vec<_>>();
            segment.put(id, Field::Day, &sorted(&table.days));
            for (field, column) in table.fields.iter().zip(&table.columns) {
                segment.put(id, *field, &sorted(column));
            }
        }
        let mut present = self.present.clone();
        present.sort_unstable();
        let mut columns: [Vec<u64>; 4] = Default::default();
        for group in present.chunk_by(|a, b| a == b) {
            let (day, env, install) = group[0];
            for (column, value) in columns.iter_mut().zip([day, env, install, group.len() as u64]) {
                column.push(value);
            }
        }
        segment.head.installs = columns[0].len() as u64;
        if segment.head.installs > 0 {
            for (field, column) in
                [Field::Day, Field::Env, Field::Install, Field::Events].into_iter().zip(&columns)
            {
                segment.put(Table::Presence, field, column);
            }
        }
        let days = self.tables.iter().flat_map(|table| &table.days).map(|day| *day as Day);
        segment.head.min_day = days.clone().min().unwrap_or(0);
        segment.head.max_day = days.max().unwrap_or(0);
        segment.head.checksum = segment.head.sum();
        segment
    }
}

/// The order of rows by day and installation: a scan then sees an installation's facts of a day in a row.
fn order(days: &[u64], installs: &[u64]) -> Option<Vec<u32>> {
    let mut order: Vec<(u64, u64, u32)> =
        days.iter().zip(installs).zip(0..).map(|((day, install), row)| (*day, *install, row)).collect();
    order.sort_unstable();
    (!order.is_empty()).then(|| order.into_iter().map(|(_, _, row)| row).collect())
}

impl Event {
    fn value(&self, field: Field) -> u64 {
        let value = place(field).and_then(|(index, raise)| Some(self.values[index]?.saturating_add(raise)));
        value.unwrap_or(0)
    }
}

/// The numbers of the names that decide what an event is counted as; a missing one matches nothing.
struct Words {
    command: Option<u64>,
    session: Option<u64>,
    tool: Option<u64>,
    token: Option<u64>,
    start: Option<u64>,
    end: Option<u64>,
}

impl Words {
    fn find(conn: &Connection) -> rusqlite::Result<Self> {
        let mut statement = conn.prepare_cached("SELECT id FROM dict WHERE kind = ?1 AND name = ?2")?;
        let mut find = |kind, name| statement.query_row([kind, name], |row| row.get(0)).optional();
        Ok(Self {
            command: find("event", "command")?,
            session: find("event", "session")?,
            tool: find("event", "tool")?,
            token: find("event", "token")?,
            start: find("action", "start")?,
            end: find("action", "end")?,
        })
    }

    fn subject(&self, event: &Event) -> Subject {
        let name = Some(event.value(Field::Key(Key::Event)));
        let action = Some(event.value(Field::Key(Key::Action)));
        if name == self.command {
            Subject::Command
        } else if name == self.tool {
            Subject::Tool
        } else if name == self.token {
            Subject::Token
        } else if name == self.session && action == self.start {
            Subject::SessionStart
        } else if name == self.session && action == self.end {
            Subject::SessionEnd
        } else {
            Subject::Other
        }
    }
}

impl Segment {
    fn put(&mut self, table: Table, field: Field, values: &[u64]) {
        let mark = self.head.mark(table, field);
        let bytes = match field.form() {
            super::fields::Form::Runs => numbers::encode_runs(values, mark),
            super::fields::Form::Coded => numbers::encode_coded(values, mark),
            super::fields::Form::Numbers => numbers::encode_numbers(values, mark),
        };
        self.columns.insert(field.of(table), bytes);
    }
}
