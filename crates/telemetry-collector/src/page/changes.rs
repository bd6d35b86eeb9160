//! What changed most: the rows of an answer that differ from the previous range by more than chance explains.

use super::facts::{Change, Numbers, number};
use super::format::{count, percent};
use super::state::tool_path;
use crate::answer::chance;
use crate::answer::table::Table;

/// How many changed rates are told, and how many changed counts.
const MOST: usize = 3;

/// A row that changed.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Tool, command or model.
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) also: String,
    pub(crate) path: String,
    pub(crate) says: String,
    /// The fact: where the answer has it, and its value.
    pub(crate) fact: String,
    pub(crate) change: Change,
    weight: f64,
}

/// What a table says of use and failures.
struct Watched {
    table: &'static str,
    what: &'static str,
    /// The column of the name, and one that tells namesakes apart.
    name: &'static str,
    also: Option<&'static str>,
    failures: Option<&'static str>,
    path: fn(&str) -> String,
}

const WATCHED: [Watched; 3] = [
    Watched {
        table: "commands",
        what: "command",
        name: "action",
        also: None,
        failures: Some("failures"),
        path: |_| "/commands".to_owned(),
    },
    Watched {
        table: "tools",
        what: "tool",
        name: "tool_name",
        also: None,
        failures: Some("failures"),
        path: tool_path,
    },
    Watched {
        table: "models",
        what: "model",
        name: "model_name",
        also: Some("model_provider"),
        failures: None,
        path: |_| "/models".to_owned(),
    },
];

/// Failure rates that changed, then use that changed; the most telling first.
pub(crate) fn most(numbers: Numbers<'_>) -> Vec<Changed> {
    let (mut rates, mut uses) = (Vec::new(), Vec::new());
    for watched in &WATCHED {
        let Some(table) = numbers.table(watched.table) else { continue };
        for row in 0..table.rows.len() {
            rates.extend(watched.rate(table, row));
            uses.extend(watched.calls(table, row, numbers.elapsed));
        }
    }
    for some in [&mut rates, &mut uses] {
        some.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        some.truncate(MOST);
    }
    rates.append(&mut uses);
    rates
}

impl Watched {
    fn rate(&self, table: &Table, row: usize) -> Option<Changed> {
        let (calls, calls_before) = pair(table, row, "calls")?;
        let (failures, failures_before) = pair(table, row, self.failures?)?;
        let significance = chance::of_shares((failures, calls), (failures_before, calls_before))?;
        let says = format!(
            "{}: {} of the calls instead of {}",
            if significance > 0.0 { "fails more often" } else { "fails less often" },
            percent(failures / calls).text,
            percent(failures_before / calls_before).text,
        );
        self.changed(table, row, "failure_rate", says, significance.abs())
    }

    fn calls(&self, table: &Table, row: usize, elapsed: f64) -> Option<Changed> {
        let (now, before) = pair(table, row, "calls")?;
        let growth = growth(now, before, elapsed)?;
        let says = format!(
            "is used {}: {} calls instead of {}",
            if growth > 0.0 { "more" } else { "less" },
            count(now as u64).text,
            count(before as u64).text,
        );
        self.changed(table, row, "calls", says, growth.abs())
    }

    fn changed(&self, table: &Table, row: usize, column: &str, says: String, weight: f64) -> Option<Changed> {
        let name = table.rows[row][table.spec.column(self.name)?].text();
        (weight.is_finite() && !name.is_empty()).then_some(())?;
        let also = self.also.and_then(|also| table.spec.column(also)).map(|at| table.rows[row][at].text());
        let also = also.filter(|also| !also.is_empty());
        Some(Changed {
            what: self.what,
            path: (self.path)(&name),
            name,
            also: also.map(|also| format!(" of {also}")).unwrap_or_default(),
            says,
            fact: format!("{}.{row}.change.{column}", table.spec.name),
            change: Change::of(table, row, table.spec.column(column)?)?,
            weight,
        })
    }
}

fn pair(table: &Table, row: usize, column: &str) -> Option<(f64, f64)> {
    let at = table.spec.column(column)?;
    Some((number(&table.rows[row][at])?, number(table.before(row, at)?)?))
}

/// How much the use grew or shrank, where only a share of the days has `elapsed`: what today still brings is not missing.
fn growth(now: f64, before: f64, elapsed: f64) -> Option<f64> {
    let growth = chance::of_counts(now, before)?;
    let is_less_already = || chance::of_counts(now, before * elapsed).is_some_and(|growth| growth < 0.0);
    (growth > 0.0 || is_less_already()).then_some(growth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_has_just_begun_is_no_decline() {
        let six_of_seven = 6.0 / 7.0;
        assert!(growth(6_000.0, 7_000.0, 1.0).is_some_and(|growth| growth < 0.0));
        assert_eq!(growth(6_000.0, 7_000.0, six_of_seven), None);
        assert!(growth(3_000.0, 7_000.0, six_of_seven).is_some_and(|growth| growth < 0.0));
        assert!(growth(9_000.0, 7_000.0, six_of_seven).is_some_and(|growth| growth > 0.0));
        assert_eq!(growth(0.0, 7_000.0, 0.0), None, "today alone");
    }
}
