//! `telemetry-collector query`: SQL over what is stored, with limits, written as a table, CSV, JSON or NDJSON.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::answer::csv::{self, Field};
use crate::export::ReadError;
use crate::store::sqlite::Folder;
use crate::store::sqlite::query::views::VIEWS;
use crate::store::sqlite::query::{self, SqlError, SqlValue};

/// The most bytes that an answer may have in memory.
const MOST_BYTES: usize = 32 << 20;
/// The most characters that a column of a table for people may have.
const MOST_WIDE: usize = 60;

/// How much a query may ask for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct QueryLimits {
    /// Rows.
    pub rows: usize,
    /// Time.
    pub time: Duration,
}

impl QueryLimits {
    /// Limits to rows and time.
    #[must_use]
    pub fn new(rows: usize, time: Duration) -> Self {
        Self { rows, time }
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryFormat {
    /// Columns side by side, for people.
    Table,
    /// A line of headings, then a line a row.
    Csv,
    /// An array of objects.
    Json,
    /// An object a line.
    Ndjson,
}

/// Which limit cut an answer off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryStopped {
    /// There are more rows.
    #[error("stopped after {0} rows; add a LIMIT, aggregate, or raise --max-rows")]
    Rows(usize),
    /// There is more than fits into memory.
    #[error("stopped after {} MiB; ask for fewer columns or rows", .0 >> 20)]
    Bytes(usize),
}

/// The rows that a query gave.
#[derive(Debug)]
pub struct QueryAnswer {
    columns: Vec<String>,
    rows: Vec<Vec<SqlValue>>,
    /// Why there are not all of them.
    pub stopped: Option<QueryStopped>,
}

/// Answers a `SELECT` about the events of a data folder; a collector may write to it meanwhile.
///
/// # Errors
///
/// When the folder cannot be read, the query is wrong or not a `SELECT`, or it takes too long.
pub fn query(data: &Path, sql: &str, limits: QueryLimits) -> Result<QueryAnswer, ReadError> {
    let folder = Folder::look(data)?;
    let mut answer = QueryAnswer { columns: Vec::new(), rows: Vec::new(), stopped: None };
    let mut bytes = 0;
    let (columns, rows, stopped) = (&mut answer.columns, &mut answer.rows, &mut answer.stopped);
    let each = |row: Vec<SqlValue>| {
        if rows.len() == limits.rows {
            *stopped = Some(QueryStopped::Rows(limits.rows));
            return false;
        }
        bytes += row.iter().map(size).sum::<usize>();
        if bytes > MOST_BYTES {
            *stopped = Some(QueryStopped::Bytes(MOST_BYTES));
            return false;
        }
        rows.push(row);
        true
    };
    query::run(&folder, sql, limits.time, |names| *columns = told_apart(names), each).map_err(|error| match error {
        SqlError::Asked(message) if message.starts_with("no such table") => {
            let views: Vec<&str> = VIEWS.iter().map(|view| view.name).collect();
            ReadError::Asked(format!("{message}; there is {} (`api sql` describes them)", views.join(", ")))
        }
        SqlError::Asked(message) => ReadError::Asked(message),
        SqlError::TooSlow(_) => ReadError::Asked(format!(
            "{error}; ask for fewer days (`event_timestamp` is the fastest to filter by), or raise --timeout"
        )),
        SqlError::Store(error) => error.into(),
    })?;
    Ok(answer)
}

/// Names for columns of which several have one name, as `SELECT a.n, b.n` makes them: an object has each once.
fn told_apart(names: Vec<String>) -> Vec<String> {
    let mut apart: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let numbered = (1..).map(|n| format!("{name}:{n}"));
        let mut choices = std::iter::once(name.clone()).chain(numbered);
        apart.extend(choices.find(|choice| !apart.contains(choice)));
    }
    apart
}

fn size(value: &SqlValue) -> usize {
    size_of::<SqlValue>()
        + match value {
            SqlValue::Text(text) => text.len(),
            SqlValue::Blob(bytes) => bytes.len(),
            SqlValue::Null | SqlValue::Integer(_) | SqlValue::Real(_) => 0,
        }
}

impl QueryAnswer {
    /// Writes the rows.
    ///
    /// # Errors
    ///
    /// When `out` does not take them.
    pub fn write(&self, format: QueryFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            QueryFormat::Table => out.write_all(self.table().as_bytes())?,
            QueryFormat::Csv => {
                let mut text = String::new();
                csv::line(&mut text, self.columns.iter().map(|name| Field::Text(name)));
                for row in &self.rows {
                    let cells: Vec<String> = row.iter().map(shown).collect();
                    let fields = row.iter().zip(&cells).map(|(value, cell)| match value {
                        SqlValue::Text(_) => Field::Text(cell),
                        _ => Field::Number(cell),
                    });
                    csv::line(&mut text, fields);
                }
                out.write_all(text.as_bytes())?;
            }
            QueryFormat::Json => {
                let rows: Vec<Object<'_>> = self.objects().collect();
                serde_json::to_writer(&mut *out, &rows)?;
                out.write_all(b"\n")?;
            }
            QueryFormat::Ndjson => {
                for row in self.objects() {
                    serde_json::to_writer(&mut *out, &row)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        out.flush()
    }

    fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        self.rows.iter().map(|row| Object { columns: &self.columns, row })
    }

    /// Columns as wide as their widest cell, numbers to the right.
    fn table(&self) -> String {
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|value| shortened(&printable(&shown(value)))).collect())
            .collect();
        let headings: Vec<String> = self.columns.iter().map(|name| shortened(&printable(name))).collect();
        let width = |at: usize| {
            let column = cells.iter().map(|row| &row[at]).chain([&headings[at]]);
            column.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        let is_number = |value: &SqlValue| matches!(value, SqlValue::Integer(_) | SqlValue::Real(_));
        let mut out = String::new();
        let mut line = |cells: &[String], right: &dyn Fn(usize) -> bool| {
            let mut text = String::new();
            for (at, cell) in cells.iter().enumerate() {
                let width = widths[at];
                let _ = if right(at) {
                    write!(text, "{cell:>width$}  ")
                } else {
                    write!(text, "{cell:<width$}  ")
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(&headings, &|at| self.rows.first().is_some_and(|row| is_number(&row[at])));
        for (row, values) in cells.iter().zip(&self.rows) {
            line(row, &|at| is_number(&values[at]));
        }
        out
    }
}

fn shown(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Integer(number) => number.to_string(),
        SqlValue::Real(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => hex(bytes),
    }
}

/// A row as a JSON object, in the order of its columns.
struct Object<'a> {
    columns: &'a [String],
    row: &'a [SqlValue],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.row))
    }
}

impl Serialize for SqlValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Blob(bytes) => serializer.serialize_str(&hex(bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A stored text must not move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_WIDE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What SQL can ask about, as a page to read.
#[must_use]
pub fn schema_page() -> String {
    let mut page = String::from(
        "# What SQL can ask about\n\n\
         This page is generated by `cargo xtask docs` from the views themselves; do not edit it.\n\n\
         `telemetry-collector query \"SELECT …\"` answers one `SELECT` about a data folder, also while a collector writes to it.\n\
         It is SQLite's SQL; nothing can be written, attached or set, and rows and time have limits (`--max-rows`, `--timeout`).\n\
         The tables below these views may change with any version; the views stay.\n\n\
         ```console\n\
         $ telemetry-collector query \"SELECT tool_name, count(*) AS calls FROM events WHERE event = 'tool' GROUP BY 1 ORDER BY 2 DESC\"\n\
         ```\n",
    );
    for view in &VIEWS {
        let _ = writeln!(page, "\n## `{}`\n\n{}\n\n| column | |\n|---|---|", view.name, view.about);
        for column in view.columns {
            let _ = writeln!(page, "| `{}` | {} |", column.name, column.about);
        }
    }
    page
}
