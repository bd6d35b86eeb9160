//! Tables: any table of any answer as HTML, with the same numbers as files.

use askama::Template;

use super::facts::{Change, Numbers, exact, number, shown};
use super::format::{Shown, count};
use super::state::tool_path;
use super::views::Section;
use super::words::{self, Words};
use crate::answer::datum::{Datum, Form};
use crate::answer::table::{Column, Table};

/// Longer tables end with a pointer to the files.
const MOST_ROWS: usize = 100;
/// Of a tally in a cell; the rest is in its tooltip.
const MOST_NAMES: usize = 4;

/// A table with its links.
#[derive(Debug, Template)]
#[template(path = "parts/grid.html")]
pub(crate) struct Grid {
    table: &'static str,
    caption: String,
    api: String,
    csv: String,
    ndjson: String,
    headings: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
    more: usize,
}

#[derive(Debug)]
struct Heading {
    label: String,
    about: String,
    is_number: bool,
}

#[derive(Debug)]
struct Cell {
    column: &'static str,
    is_heading: bool,
    is_number: bool,
    /// As the JSON has it.
    exact: String,
    shown: Shown,
    /// A name that a user or a client chose.
    is_name: bool,
    is_unknown: bool,
    /// What a code means.
    words: Option<Words>,
    href: Option<String>,
    change: Option<Change>,
    gauge: Option<Gauge>,
    /// Names with a count each, and how many more there are.
    tally: Option<(Vec<(String, Shown)>, usize)>,
}

/// A bar under a name: its share of the longest, and how much of it is bad; in percent.
#[derive(Debug)]
struct Gauge {
    all: String,
    bad: String,
}

impl Grid {
    /// The table of a section; `None` when it has no rows.
    pub(crate) fn new(
        numbers: Numbers<'_>,
        section: &Section,
        link: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let table = numbers.table(section.table).filter(|table| !table.rows.is_empty())?;
        let shown: Vec<usize> = match section.columns {
            [] => (0..table.spec.columns.len()).collect(),
            some => some.iter().filter_map(|column| table.spec.column(column)).collect(),
        };
        let gauges = Gauges::new(table, section);
        let most = section.most.unwrap_or(MOST_ROWS);
        let row = |row: usize| {
            let cells = shown.iter().map(|at| Cell::new(table, row, *at, link));
            let mut cells: Vec<Cell> = cells.collect();
            if let Some(first) = cells.first_mut() {
                first.is_heading = true;
                first.gauge = gauges.as_ref().map(|gauges| gauges.of(row));
            }
            cells
        };
        Some(Self {
            table: table.spec.name,
            caption: table.spec.about.replace('`', ""),
            api: numbers.asked.api(),
            csv: numbers.asked.file(table.spec.name, "csv"),
            ndjson: numbers.asked.file(table.spec.name, "ndjson"),
            headings: shown.iter().map(|at| Heading::new(&table.spec.columns[*at])).collect(),
            rows: (0..table.rows.len().min(most)).map(row).collect(),
            more: table.rows.len().saturating_sub(most),
        })
    }

    fn more_rows(&self) -> String {
        count(self.more as u64).text
    }
}

impl Heading {
    fn new(column: &Column) -> Self {
        Self {
            label: label(column),
            about: column.about.replace('`', ""),
            is_number: column.form.is_number(),
        }
    }
}

impl Cell {
    fn new(table: &Table, row: usize, at: usize, link: &dyn Fn(&str) -> String) -> Self {
        let column = &table.spec.columns[at];
        let datum = &table.rows[row][at];
        let is_text = matches!(datum, Datum::Text(text) if !text.is_empty());
        Self {
            column: column.name,
            is_heading: false,
            is_number: column.form.is_number(),
            exact: exact(datum),
            shown: shown(table, row, at),
            is_name: is_text,
            is_unknown: matches!(datum, Datum::Null) || column.form == Form::Text && !is_text,
            words: match datum {
                Datum::Text(code) => words::of(column.name, code),
                _ => None,
            },
            href: match datum {
                Datum::Text(name) if is_text && column.name == "tool_name" => Some(link(&tool_path(name))),
                _ => None,
            },
            change: Change::of(table, row, at),
            gauge: None,
            tally: match datum {
                Datum::Tally(tally) => {
                    let mut most: Vec<_> = tally.iter().collect();
                    most.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
                    let names = most.iter().take(MOST_NAMES).map(|(name, n)| (name.to_string(), count(**n)));
                    Some((names.collect(), tally.len().saturating_sub(MOST_NAMES)))
                }
                _ => None,
            },
        }
    }
}

/// The bars of a table.
struct Gauges<'a> {
    table: &'a Table,
    all: usize,
    bad: Option<usize>,
    most: f64,
}

impl<'a> Gauges<'a> {
    fn new(table: &'a Table, section: &Section) -> Option<Self> {
        let (all, bad) = section.bars?;
        let all = table.spec.column(all)?;
        let most = table.rows.iter().filter_map(|row| number(&row[all])).fold(0.0, f64::max);
        (most > 0.0).then_some(Self { table, all, bad: table.spec.column(bad), most })
    }

    fn of(&self, row: usize) -> Gauge {
        let percent = |at: usize| {
            let number = number(&self.table.rows[row][at]).unwrap_or_default();
            format!("{:.1}", 100.0 * number / self.most)
        };
        Gauge { all: percent(self.all), bad: self.bad.map_or_else(|| "0".to_owned(), percent) }
    }
}

/// A column's name as a heading.
pub(crate) fn label(column: &Column) -> String {
    let name = column.name;
    let text = match name {
        "action" => "Command",
        "tool_name" => "Tool",
        "tool_kind" => "Kind",
        "model_name" => "Model",
        "model_provider" => "Provider",
        "agent_name" => "Agent",
        "days_to_half" => "Days to 50 %",
        "last_day_share" => "Share, last whole day",
        "date" => "Day (UTC)",
        "installs" => "Installs",
        "command" => "Commands",
        "session" => "Session events",
        "tool" => "Tool calls",
        "token" => "Model calls",
        "range" => "Whole range",
        "n" => "How many",
        "fate" => "What became of it",
        "code" => "Why",
        "week" if column.form == Form::Date => "Week of",
        "week" => "Last 7 days",
        "month" => "Last 30 days",
        "command_failure_rate" => "Cmd. failure rate",
        "command_p50_ms" => "Cmd. p50",
        "command_p95_ms" => "Cmd. p95",
        "session_failure_rate" => "Session failure rate",
        "sessions_never_ended" => "Never ended",
        "cost" => "Cost (est.)",
        "total_ms" => "Total time",
        "what" => "Of",
        "before_calls" => "Calls before",
        "before_failure_rate" => "Failure rate before",
        "before_p95_ms" => "p95 before",
        "failure_verdict" => "Failures",
        "duration_verdict" => "Durations",
        _ => "",
    };
    if !text.is_empty() {
        return text.to_owned();
    }
    let words = name.strip_suffix("_ms").unwrap_or(name).replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        // p50, p95, p99
        Some('p') if words[1..].starts_with(|c: char| c.is_ascii_digit()) => words,
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}
