//! Facts: single numbers of an answer, each with the place where programs find the same one.

use super::format::{self, Shown, decimal};
use super::state::Asked;
use crate::answer::PERCENTILE_ERROR;
use crate::answer::datum::Datum;
use crate::answer::table::Table;

/// One number.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) api: String,
    /// As in `totals.calls`.
    pub(crate) path: String,
    /// As the JSON has it.
    pub(crate) exact: String,
    pub(crate) shown: Shown,
    pub(crate) change: Option<Change>,
}

/// A number beside the same of the previous range.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// As the JSON has it.
    pub(crate) exact: String,
    pub(crate) text: String,
    pub(crate) title: String,
    pub(crate) tone: &'static str,
}

/// The rows of an answer, to take numbers from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) tables: &'a [Table],
    /// The share of the range's days that are over.
    pub(crate) elapsed: f64,
}

impl<'a> Numbers<'a> {
    pub(crate) fn table(self, name: &str) -> Option<&'a Table> {
        self.tables.iter().find(|table| table.spec.name == name)
    }

    /// The fact at a path such as `totals.calls`, in a table that is one row.
    pub(crate) fn fact(self, label: &'static str, path: &str) -> Option<Fact> {
        let (name, column) = path.split_once('.')?;
        let table = self.table(name)?;
        let at = table.spec.column(column)?;
        let datum = table.rows.first()?.get(at)?;
        Some(Fact {
            label,
            api: self.asked.api(),
            path: path.to_owned(),
            exact: exact(datum),
            shown: shown(table, 0, at),
            change: Change::of(table, 0, at),
        })
    }

    /// Whether a table has a row with a number in it that is not zero.
    pub(crate) fn has_any(self, name: &str) -> bool {
        let is_some = |datum: &Datum| number(datum).is_some_and(|number| number != 0.0);
        self.table(name).is_some_and(|table| table.rows.iter().flatten().any(is_some))
    }
}

/// A value as the JSON has it; a text without its quotes.
pub(crate) fn exact(datum: &Datum) -> String {
    match datum {
        Datum::Null => "null".to_owned(),
        other => other.text(),
    }
}

/// A value of a row, for reading; a cost that nobody knows is called so.
pub(crate) fn shown(table: &Table, row: usize, column: usize) -> Shown {
    let name = table.spec.columns[column].name;
    let datum = &table.rows[row][column];
    let is_unpriced = || {
        let calls = ["unpriced_calls", "token"].iter().filter_map(|name| table.spec.column(name));
        calls.into_iter().any(|at| number(&table.rows[row][at]).is_some_and(|calls| calls > 0.0))
    };
    if *datum == Datum::Null && name.starts_with("cost") && is_unpriced() {
        return Shown { text: "unknown".to_owned(), exact: "no price is known for these calls".to_owned() };
    }
    format::value(name, datum)
}

/// A value as a number to draw.
pub(crate) fn number(datum: &Datum) -> Option<f64> {
    match datum {
        Datum::Count(number) => Some(*number as f64),
        Datum::Change(number) => Some(*number as f64),
        Datum::Dollars(nano) => Some(*nano as f64 / 1e9),
        Datum::Quotient(number) => Some(*number),
        Datum::Null | Datum::Text(_) | Datum::Date(_) | Datum::Tally(_) => None,
    }
}

impl Fact {
    /// Where the answer has the change: after the table's name.
    pub(crate) fn changed(&self) -> String {
        self.path.replacen('.', ".change.", 1)
    }
}

impl Change {
    /// What became of a number; nothing where there is nothing to compare with.
    pub(crate) fn of(table: &Table, row: usize, column: usize) -> Option<Self> {
        let spec = &table.spec.columns[column];
        let (now, before) = (&table.rows[row][column], table.before(row, column)?);
        if !spec.form.is_number() {
            return None;
        }
        let change = now.since(before);
        let (now, was) = (number(now)?, number(before)?);
        let text = match (now - was, was) {
            (0.0, _) => "±0".to_owned(),
            (_, 0.0) if now > 0.0 => "new".to_owned(),
            (difference, _) if spec.name.ends_with("rate") || spec.name.ends_with("share") => {
                format!("{} pp", signed(100.0 * difference, 1))
            }
            (difference, _) => format!("{} %", signed(100.0 * difference / was, 0)),
        };
        let title = format!("before: {}", format::value(spec.name, before).text);
        Some(Self { exact: exact(&change), text, title, tone: tone(spec.name, now, was) })
    }
}

/// `+12` or `−3`, and `±0` for what is too small to be shown; small changes get a decimal more than they would have.
fn signed(number: f64, decimals: usize) -> String {
    let decimals = if number.abs() < 1.0 { decimals + 1 } else { decimals };
    match (decimal(number.abs(), decimals).as_str(), number < 0.0) {
        ("0", _) => "±0".to_owned(),
        (text, true) => format!("−{text}"),
        (text, false) => format!("+{text}"),
    }
}

/// Whether a change of this number is good or bad news; for most it is neither, and so is one too small to be told.
///
/// A single day is compared with another weekday, and that says nothing.
fn tone(column: &str, now: f64, before: f64) -> &'static str {
    let is_percentile = ["p50_ms", "p95_ms", "p99_ms"].iter().any(|percentile| column.ends_with(percentile));
    let is_rate = column.ends_with("failure_rate") || column == "rejected_share";
    let rises_are_good = ["installs", "week", "month", "new", "week_1_share"].contains(&column);
    let least = match (is_percentile, is_rate) {
        // Both of them may be that far off.
        (true, _) => 2.0 * PERCENTILE_ERROR * before,
        (_, true) => 0.005,
        _ if rises_are_good => 0.0,
        _ => return "plain",
    };
    match (now - before > least, before - now > least) {
        (true, _) if rises_are_good => "better",
        (true, _) => "worse",
        (_, true) if rises_are_good => "worse",
        (_, true) => "better",
        _ => "plain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_keep_a_digit_that_says_something() {
        let texts = [12.4, -3.0, 0.35, 0.0].map(|number| signed(number, 0));
        assert_eq!(texts, ["+12", "−3", "+0.3", "±0"]);
        assert_eq!(signed(-0.04, 1), "−0.04");
        assert_eq!(signed(-0.0004, 1), "±0");
    }

    #[test]
    fn more_failures_are_bad_news_and_more_calls_are_none() {
        assert_eq!(tone("command_failure_rate", 0.2, 0.1), "worse");
        assert_eq!(tone("command_failure_rate", 0.101, 0.1), "plain");
        assert_eq!(tone("p95_ms", 900.0, 1000.0), "better");
        assert_eq!(tone("p95_ms", 1045.0, 1000.0), "plain");
        assert_eq!(tone("installs", 1.0, 2.0), "worse");
        assert_eq!(tone("calls", 2.0, 1.0), "plain");
        assert_eq!(tone("total_ms", 1.0, 1.0), "plain");
    }
}
