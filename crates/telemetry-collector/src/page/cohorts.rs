//! The weekly cohorts as a grid: a row for each week's new installations, a column for each week after it.

use askama::Template;

use super::facts::{Numbers, number};
use super::format::percent;
use crate::answer::datum::Datum;
use crate::answer::range::show;
use crate::store::Day;
use crate::store::question::week_of;

/// The newest weeks; the table has all.
const MOST_WEEKS: usize = 16;
const CELL: (usize, usize) = (54, 30);
/// Where the cells begin: beside the names of the weeks, below those of the columns.
const ORIGIN: (usize, usize) = (150, 26);
const SHADES: f64 = 5.0;

/// A grid of cohorts.
#[derive(Debug, Template)]
#[template(path = "parts/cohorts.html")]
pub(crate) struct Cohorts {
    width: usize,
    height: usize,
    columns: Vec<(usize, usize)>,
    rows: Vec<Row>,
    is_cut: bool,
}

#[derive(Debug)]
struct Row {
    y: usize,
    week: String,
    size: u64,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    x: usize,
    shade: usize,
    text: String,
    title: String,
    /// Its week is not over.
    is_open: bool,
}

impl Cohorts {
    /// Draws the table `cohorts`; `None` when it is empty.
    pub(crate) fn new(numbers: Numbers<'_>, today: Day) -> Option<Self> {
        let mut weeks: Vec<(Day, u64, Vec<Cell>)> = Vec::new();
        for row in &numbers.table("cohorts")?.rows {
            let [Datum::Date(week), Datum::Count(later), Datum::Count(size), Datum::Count(active), share] =
                &row[..]
            else {
                continue;
            };
            if weeks.last().is_none_or(|(known, ..)| known != week) {
                weeks.push((*week, *size, Vec::new()));
            }
            let later = usize::try_from(*later).unwrap_or(usize::MAX);
            let is_open = week_of(today) == week + 7 * later as i64;
            if let Some((_, _, cells)) = weeks.last_mut().filter(|_| later < MOST_WEEKS) {
                cells.push(Cell::new((*week, later, *size), *active, number(share), is_open));
            }
        }
        let is_cut = weeks.len() > MOST_WEEKS;
        let newest = weeks.split_off(weeks.len().saturating_sub(MOST_WEEKS));
        let columns = newest.iter().map(|(_, _, cells)| cells.len()).max().unwrap_or(0);
        let row = |(at, (week, size, cells)): (usize, (Day, u64, Vec<Cell>))| Row {
            y: ORIGIN.1 + at * CELL.1,
            week: show(week),
            size,
            cells,
        };
        let rows: Vec<Row> = newest.into_iter().enumerate().map(row).collect();
        (!rows.is_empty()).then(|| Self {
            width: ORIGIN.0 + columns * CELL.0,
            height: ORIGIN.1 + rows.len() * CELL.1,
            columns: (0..columns).map(|later| (left(later) + CELL.0 / 2, later)).collect(),
            rows,
            is_cut,
        })
    }
}

impl Cell {
    fn new((week, later, size): (Day, usize, u64), active: u64, share: Option<f64>, is_open: bool) -> Self {
        let shown = share.map_or_else(|| "–".to_owned(), |share| percent(share).text);
        let ending = if is_open { "; this week is not over yet" } else { "" };
        let title = format!(
            "new in the week of {}, {later} weeks later: {active} of {size} ({shown}){ending}",
            show(week)
        );
        let text = share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        // The week of the installation itself is always full; it would outshine the others.
        let shade = if later == 0 { 0 } else { (share.unwrap_or_default() * SHADES).ceil() as usize };
        Self { x: left(later), shade, text, title, is_open }
    }
}

fn left(later: usize) -> usize {
    ORIGIN.0 + later * CELL.0
}
