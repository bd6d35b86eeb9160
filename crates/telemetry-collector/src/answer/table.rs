//! Tables: the one form that every answer has, from which JSON, CSV, NDJSON, schema and documentation are made.
//!
//! [`rows!`](crate::answer::table::rows) declares a row as a struct, for those who compute and show it, and as columns
//! with a sentence each, for those who read it; the two cannot drift apart.

use std::collections::{HashMap, HashSet};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::datum::{Datum, Form};

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// A sentence.
    pub(crate) about: &'static str,
}

/// A struct that is a row of a table; see [`rows`].
pub(crate) trait Row {
    const COLUMNS: &'static [Column];
    /// How many of the first columns tell rows apart.
    const KEYS: usize;
    fn data(&self) -> Vec<Datum>;
}

/// Declares rows: `struct Name[number of key columns] { /// Sentence. field: Type, … }`.
macro_rules! rows {
    ($($(#[doc = $about:literal])+ struct $name:ident[$keys:literal] {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+
    })+) => {$(
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)+
        }

        impl $crate::answer::table::Row for $name {
            const COLUMNS: &'static [$crate::answer::table::Column] = &[$($crate::answer::table::Column {
                name: stringify!($field),
                form: <$type as $crate::answer::datum::Shown>::FORM,
                about: concat!($($doc),+),
            }),+];
            const KEYS: usize = $keys;

            fn data(&self) -> Vec<$crate::answer::datum::Datum> {
                vec![$($crate::answer::datum::Shown::datum(&self.$field)),+]
            }
        }
    )+};
}
pub(crate) use rows;

/// How a table appears in an answer, and how it is compared with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One row, an object.
    Object,
    /// One row, an object that is not compared.
    Fact,
    /// A list; rows with equal keys are compared.
    List,
    /// A list with a row for each day; the first is compared with the first, and so on.
    Series,
    /// A list that is not compared.
    Plain,
}

/// What is known of a table before it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    /// A sentence.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) columns: &'static [Column],
    pub(crate) keys: usize,
    /// When it is there; empty if always.
    pub(crate) only: &'static str,
}

impl TableSpec {
    pub(crate) const fn new<R: Row>(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, about, shape, columns: R::COLUMNS, keys: R::KEYS, only: "" }
    }

    /// The table is in some answers only.
    pub(crate) const fn only(mut self, when: &'static str) -> Self {
        self.only = when;
        self
    }

    /// The table with these rows.
    pub(crate) fn fill<'a, R: Row + 'a>(&'static self, rows: impl IntoIterator<Item = &'a R>) -> Table {
        debug_assert_eq!(self.columns, R::COLUMNS, "{}", self.name);
        Table { spec: self, rows: rows.into_iter().map(Row::data).collect(), previous: None }
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The columns that are compared.
    pub(crate) fn compared(&self) -> &'static [Column] {
        match self.shape {
            Shape::Plain | Shape::Fact => &[],
            // The day that stands at the same place.
            Shape::Series => self.columns,
            Shape::Object | Shape::List => &self.columns[self.keys..],
        }
    }
}

/// A table with its rows, and those of the previous range if they were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) spec: &'static TableSpec,
    pub(crate) rows: Vec<Vec<Datum>>,
    /// Parallel to `rows`: the values of [`TableSpec::compared`].
    previous: Option<Vec<Vec<Datum>>>,
}

impl Table {
    /// Puts the rows of an earlier table beside these; a row that one of them lacks counts nothing there.
    pub(crate) fn compared_with(mut self, earlier: Self) -> Self {
        let spec = self.spec;
        let first = spec.columns.len() - spec.compared().len();
        let nothing: Vec<Datum> = spec.columns.iter().map(|column| column.form.nothing()).collect();
        let previous = match spec.shape {
            Shape::Plain | Shape::Fact => return self,
            Shape::Object | Shape::Series => {
                let mut earlier = earlier.rows.into_iter();
                self.rows.iter().map(|_| earlier.next().unwrap_or_else(|| nothing.clone())).collect()
            }
            Shape::List => self.matched(earlier, &nothing),
        };
        let cut = |row: Vec<Datum>| row.into_iter().skip(first).collect();
        self.previous = Some(previous.into_iter().map(cut).collect());
        self
    }

    /// The earlier rows in the order of these; those that are gone are appended to both.
    fn matched(&mut self, earlier: Self, nothing: &[Datum]) -> Vec<Vec<Datum>> {
        let keys = self.spec.keys;
        let key = |row: &[Datum]| row[..keys].iter().map(Datum::text).collect::<Vec<_>>();
        let mut gone: Vec<Vec<Datum>> = Vec::new();
        let known: HashSet<Vec<String>> = self.rows.iter().map(|row| key(row)).collect();
        let mut by_key = HashMap::new();
        for row in earlier.rows {
            if known.contains(&key(&row)) {
                by_key.insert(key(&row), row);
            } else {
                gone.push(row);
            }
        }
        let mut previous: Vec<Vec<Datum>> = self
            .rows
            .iter()
            .map(|row| by_key.remove(&key(row)).unwrap_or_else(|| nothing.to_vec()))
            .collect();
        for row in gone {
            self.rows.push([&row[..keys], &nothing[keys..]].concat());
            previous.push(row);
        }
        previous
    }

    /// The value in a row of the previous range, where the column is compared.
    pub(crate) fn before(&self, row: usize, column: usize) -> Option<&Datum> {
        let first = self.spec.columns.len() - self.spec.compared().len();
        self.previous.as_ref()?.get(row)?.get(column.checked_sub(first)?)
    }

    /// The names of all flat columns: the table's own, and `previous_…` and `change_…` when compared.
    pub(crate) fn headings(&self) -> Vec<String> {
        let own = self.spec.columns.iter().map(|column| column.name.to_owned());
        let compared = if self.previous.is_some() { self.spec.compared() } else { &[] };
        let previous = compared.iter().map(|column| format!("previous_{}", column.name));
        let numbers = compared.iter().filter(|column| column.form.is_number());
        own.chain(previous).chain(numbers.map(|column| format!("change_{}", column.name))).collect()
    }

    /// The rows in the order of [`Table::headings`].
    pub(crate) fn flat(&self) -> impl Iterator<Item = Vec<Datum>> {
        self.lines().map(|line| {
            let previous = line.previous.unwrap_or_default();
            let changes = line.changes().map(|(_, change)| change);
            line.own.iter().cloned().chain(previous.iter().cloned()).chain(changes).collect()
        })
    }

    /// The rows as JSON objects.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().enumerate().map(|(at, own)| Line {
            spec: self.spec,
            own,
            previous: self.previous.as_ref().map(|previous| previous[at].as_slice()),
        })
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.spec.shape {
            Shape::Object | Shape::Fact => self.lines().next().serialize(serializer),
            Shape::List | Shape::Series | Shape::Plain => serializer.collect_seq(self.lines()),
        }
    }
}

/// A row as a JSON object, with `previous` and `change` when it is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    spec: &'static TableSpec,
    own: &'a [Datum],
    previous: Option<&'a [Datum]>,
}

impl Line<'_> {
    fn changes(&self) -> impl Iterator<Item = (&'static str, Datum)> {
        let compared = self.spec.compared();
        let now = &self.own[self.own.len() - compared.len()..];
        let pairs = compared.iter().zip(now.iter().zip(self.previous.unwrap_or_default()));
        pairs
            .filter(|(column, _)| column.form.is_number())
            .map(|(column, (now, before))| (column.name, now.since(before)))
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, datum) in self.spec.columns.iter().zip(self.own) {
            map.serialize_entry(column.name, datum)?;
        }
        if let Some(previous) = self.previous {
            let compared = self.spec.compared().iter().map(|column| column.name);
            map.serialize_entry("previous", &Entries(compared.zip(previous.iter().cloned()).collect()))?;
            map.serialize_entry("change", &Entries(self.changes().collect()))?;
        }
        map.end()
    }
}

struct Entries(Vec<(&'static str, Datum)>);

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, datum)| (name, datum)))
    }
}
