//! The table `daily`: the totals of days whose rows go.

use rusqlite::{Connection, OptionalExtension};

use crate::answer::range::Range;
use crate::store::Day;
use crate::store::question::DailyTotals;
use crate::store::totals::{NAMES, numbers};

/// Keeps a day's totals; a number that is there already and larger stays, for rows only went since.
pub(super) fn save(conn: &Connection, day: &DailyTotals) -> rusqlite::Result<()> {
    let sql = "INSERT INTO daily (day, what, n) VALUES (?1, ?2, ?3)
        ON CONFLICT (day, what) DO UPDATE SET n = max(n, excluded.n)";
    let mut statement = conn.prepare_cached(sql)?;
    for (name, n) in NAMES.iter().zip(numbers(&mut day.clone())) {
        statement.execute((day.day, name, i64::try_from(*n).unwrap_or(i64::MAX)))?;
    }
    Ok(())
}

/// The kept totals of a range, by day.
pub(in crate::store::sqlite) fn kept(conn: &Connection, range: Range) -> rusqlite::Result<Vec<DailyTotals>> {
    let days = "SELECT DISTINCT day FROM daily WHERE day BETWEEN ?1 AND ?2 ORDER BY day";
    let days = conn
        .prepare_cached(days)?
        .query_map((range.from, range.to), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<Day>>>()?;
    let mut statement = conn.prepare_cached("SELECT n FROM daily WHERE day = ?1 AND what = ?2")?;
    let mut found = Vec::with_capacity(days.len());
    for day in days {
        let mut totals = DailyTotals { day, ..DailyTotals::default() };
        for (name, n) in NAMES.iter().zip(numbers(&mut totals)) {
            *n = statement.query_row((day, name), |row| row.get(0)).optional()?.unwrap_or(0);
        }
        found.push(totals);
    }
    Ok(found)
}
