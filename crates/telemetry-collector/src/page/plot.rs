//! Charts over time: drawn on the server, so that they are there without a script, with their numbers on board for the
//! one that can zoom.

use askama::Template;

use super::facts::{Numbers, number};
use super::format::{tick, unit, value};
use crate::answer::datum::{Datum, Form};
use crate::answer::range::{Range, show};
use crate::answer::table::Table;
use crate::store::Day;

/// Width of a day in the drawing's own units; the height is 100.
const DAY: usize = 10;
/// With more days, a day is too narrow to point at; the table has its numbers.
const MOST_POINTED: i64 = 120;
/// More lines than this cannot be told apart.
const MOST_LINES: usize = 6;

/// What a chart shows of a table with a row for each day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlotSpec {
    pub(crate) title: &'static str,
    pub(crate) kind: Kind,
    /// Columns with the class of their colour.
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lines,
    /// Bars on top of each other.
    Stack,
    /// A line for each name in the second column of a [`crate::answer::table::Shape::Plain`] table.
    Names,
}

/// A chart.
#[derive(Debug, Template)]
#[template(path = "parts/plot.html")]
pub(crate) struct Plot {
    title: &'static str,
    kind: Kind,
    unit: &'static str,
    from: Day,
    width: usize,
    ticks: [String; 3],
    dates: [String; 3],
    /// Where the day that is not over begins.
    open: Option<usize>,
    lines: Vec<Line>,
    points: Vec<Point>,
}

/// The numbers of one line, `None` where there is none.
#[derive(Debug)]
struct Line {
    label: String,
    class: String,
    is_name: bool,
    path: String,
    numbers: Vec<Option<f64>>,
}

/// What a day says when it is pointed at.
#[derive(Debug)]
struct Point {
    x: usize,
    text: String,
}

impl Plot {
    /// Draws a table; `None` when there is nothing to draw.
    pub(crate) fn new(
        numbers: Numbers<'_>,
        spec: PlotSpec,
        name: &str,
        range: Range,
        today: Day,
    ) -> Option<Self> {
        let table = numbers.table(name)?;
        let (column, form) = spec.columns.first().and_then(|(column, _)| {
            table.spec.column(column).map(|at| (*column, table.spec.columns[at].form))
        })?;
        let mut lines = match spec.kind {
            Kind::Lines | Kind::Stack => columns(table, spec),
            Kind::Names => names(table, numbers, column, range),
        };
        let top = top_of(&lines, spec.kind);
        if top <= 0.0 {
            return None;
        }
        let top = rounded_up(top);
        match spec.kind {
            Kind::Lines | Kind::Names => {
                lines.iter_mut().for_each(|line| line.path = line_path(&line.numbers, top));
            }
            Kind::Stack => stack(&mut lines, top),
        }
        let open = range.contains(today).then(|| (today - range.from) as usize * DAY);
        let point = |day: Day| Point {
            x: (day - range.from) as usize * DAY,
            text: pointed(&lines, range, day, today, (column, form)),
        };
        let points = if range.len() <= MOST_POINTED { range.days().map(point).collect() } else { Vec::new() };
        Some(Self {
            title: spec.title,
            kind: spec.kind,
            unit: unit(column, form),
            from: range.from,
            width: range.len() as usize * DAY,
            ticks: [top, top / 2.0, 0.0].map(|number| tick(column, form, number)),
            dates: [range.from, range.from + range.len() / 2, range.to].map(show),
            open,
            points,
            lines,
        })
    }

    fn is_stack(&self) -> bool {
        self.kind == Kind::Stack
    }

    fn description(&self) -> String {
        let names: Vec<&str> = self.lines.iter().map(|line| line.label.as_str()).collect();
        format!(
            "{}, {} to {}: {}. The table below has the numbers.",
            self.title,
            self.dates[0],
            self.dates[2],
            names.join(", ")
        )
    }
}

impl Line {
    fn new(label: String, class: &str, numbers: Vec<Option<f64>>) -> Self {
        Self { label, class: class.to_owned(), is_name: false, path: String::new(), numbers }
    }

    /// For the script: numbers with a space between them, a dash where there is none.
    fn values(&self) -> String {
        let text = |number: &Option<f64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        self.numbers.iter().map(text).collect::<Vec<_>>().join(" ")
    }
}

fn columns(table: &Table, spec: PlotSpec) -> Vec<Line> {
    let mut lines = Vec::new();
    for (column, class) in spec.columns {
        let Some(at) = table.spec.column(column) else { continue };
        let now = table.rows.iter().map(|row| number(&row[at])).collect();
        lines.push(Line::new(super::grid::label(&table.spec.columns[at]), class, now));
        // More than one line with its past would be a tangle.
        if spec.kind == Kind::Lines && spec.columns.len() == 1 && table.before(0, at).is_some() {
            let before = (0..table.rows.len()).map(|row| table.before(row, at).and_then(number)).collect();
            lines.push(Line::new("Days before the range".to_owned(), "past", before));
        }
    }
    lines
}

/// The most used names, each with a number for each day.
fn names(table: &Table, numbers: Numbers<'_>, column: &str, range: Range) -> Vec<Line> {
    let (Some(at), Some(versions)) = (table.spec.column(column), numbers.table("versions")) else {
        return Vec::new();
    };
    let days = range.len() as usize;
    let mut any = vec![false; days];
    let mut lines: Vec<Line> = Vec::new();
    for row in versions.rows.iter().take(MOST_LINES) {
        let class = format!("s{}", lines.len());
        lines.push(Line { is_name: true, ..Line::new(row[0].text(), &class, vec![None; days]) });
    }
    for row in &table.rows {
        let (Datum::Date(day), name) = (&row[0], row[1].text()) else { continue };
        let Ok(day) = usize::try_from(day - range.from) else { continue };
        any[day] = true;
        if let Some(line) = lines.iter_mut().find(|line| line.label == name) {
            line.numbers[day] = number(&row[at]);
        }
    }
    // Nobody used it on a day on which others used something.
    for line in &mut lines {
        for (number, any) in line.numbers.iter_mut().zip(&any) {
            *number = number.or(any.then_some(0.0));
        }
    }
    lines
}

fn top_of(lines: &[Line], kind: Kind) -> f64 {
    match kind {
        Kind::Lines | Kind::Names => {
            lines.iter().flat_map(|line| line.numbers.iter().flatten()).copied().fold(0.0, f64::max)
        }
        Kind::Stack => {
            let days = lines.first().map_or(0, |line| line.numbers.len());
            let on = |day: usize| lines.iter().filter_map(|line| line.numbers[day]).sum::<f64>();
            (0..days).map(on).fold(0.0, f64::max)
        }
    }
}

/// The next round number, half of which is still short.
fn rounded_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= number * 0.999_999).unwrap_or(number)
}

/// A line from the middle of each day to that of the next, broken where a number is missing.
fn line_path(numbers: &[Option<f64>], top: f64) -> String {
    let mut path = String::new();
    let mut is_drawing = false;
    for (day, number) in numbers.iter().enumerate() {
        let Some(number) = number else {
            is_drawing = false;
            continue;
        };
        let (x, y) = (day * DAY + DAY / 2, 100.0 - 100.0 * number / top);
        let has_next = numbers.get(day + 1).is_some_and(Option::is_some);
        path.push_str(&match (is_drawing, has_next) {
            (true, _) => format!("L{x} {y:.1}"),
            (false, true) => format!("M{x} {y:.1}"),
            // A day alone would not be seen.
            (false, false) => format!("M{} {y:.1}h4", x - 2),
        });
        is_drawing = true;
    }
    path
}

/// Bars, each on those of the lines before it.
fn stack(lines: &mut [Line], top: f64) {
    let days = lines.first().map_or(0, |line| line.numbers.len());
    for day in 0..days {
        let mut y = 100.0;
        for line in lines.iter_mut() {
            let height = 100.0 * line.numbers[day].unwrap_or_default() / top;
            if height > 0.0 {
                y -= height;
                line.path.push_str(&format!("M{} {y:.1}h8v{height:.1}h-8z", day * DAY + 1));
            }
        }
    }
}

fn pointed(lines: &[Line], range: Range, day: Day, today: Day, (column, form): (&str, Form)) -> String {
    let at = (day - range.from) as usize;
    let mut text = show(day);
    if day == today {
        text.push_str(" (not over yet)");
    }
    for line in lines {
        if let Some(number) = line.numbers.get(at).copied().flatten() {
            let datum = match form {
                Form::Dollars => Datum::Dollars((number * 1e9).round() as i128),
                Form::Quotient => Datum::Quotient(number),
                _ => Datum::Count(number as u64),
            };
            text.push_str(&format!("\n{}: {}", line.label, value(column, &datum).text));
        }
    }
    text
}

/// A small line without axes; `None` when there is nothing to draw.
pub(crate) fn spark(numbers: Numbers<'_>, path: &str) -> Option<Spark> {
    let (name, column) = path.split_once('.')?;
    let table = numbers.table(name)?;
    let at = table.spec.column(column)?;
    let days: Vec<Option<f64>> = table.rows.iter().map(|row| number(&row[at])).collect();
    let top = days.iter().flatten().copied().fold(0.0, f64::max);
    (top > 0.0 && days.len() > 1).then(|| Spark { width: days.len() * DAY, path: line_path(&days, top) })
}

/// See [`spark`].
#[derive(Debug)]
pub(crate) struct Spark {
    pub(crate) width: usize,
    pub(crate) path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!(
            [1.0, 1.1, 26.0, 41.0, 0.0031, 99.0].map(rounded_up),
            [1.0, 2.0, 30.0, 50.0, 0.004, 100.0]
        );
    }

    #[test]
    fn a_line_is_broken_where_a_number_is_missing() {
        let numbers = [Some(0.0), Some(1.0), None, Some(2.0), None];
        assert_eq!(line_path(&numbers, 2.0), "M5 100.0L15 50.0M33 0.0h4");
    }

    #[test]
    fn bars_stand_on_each_other() {
        let mut lines = [Some(1.0), Some(3.0)].map(|n| Line::new(String::new(), "", vec![n]));
        stack(&mut lines, 4.0);
        assert_eq!(lines.map(|line| line.path), ["M1 75.0h8v25.0h-8z", "M1 0.0h8v75.0h-8z"]);
    }
}
