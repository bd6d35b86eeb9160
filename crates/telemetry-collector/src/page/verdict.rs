//! Whether the newest version is worse than the one before it, in a sentence; the answer has decided it.

use super::facts::{Numbers, exact};
use super::format::value;
use super::state::State;
use crate::answer::FILTERS;
use crate::answer::adoption::ENOUGH;
use crate::answer::table::Table;
use crate::store::question::Key;

/// A verdict as a person reads it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Where the answer has the verdict.
    pub(crate) api: String,
    pub(crate) path: String,
    pub(crate) code: String,
    pub(crate) tone: &'static str,
    /// The tool, if there are several.
    pub(crate) source: Option<String>,
    pub(crate) version: String,
    /// What stands between the two versions.
    pub(crate) words: &'static str,
    pub(crate) before: String,
    pub(crate) because: String,
    /// The two side by side; nothing where versions were chosen already.
    pub(crate) href: Option<String>,
}

/// All verdicts of an answer; none in an answer about anything else.
pub(crate) fn told(numbers: Numbers<'_>, state: &State, path: &str) -> Vec<Told> {
    let (Some(verdicts), Some(measures)) = (numbers.table("verdicts"), numbers.table("verdict_measures"))
    else {
        return Vec::new();
    };
    let has_one_source =
        (1..verdicts.rows.len()).all(|row| text(verdicts, row, "source") == text(verdicts, 0, "source"));
    let one = |row: usize| {
        let of = |column: &str| text(verdicts, row, column);
        let (source, version, before, code) = (of("source"), of("version"), of("before"), of("verdict"));
        let rows: Vec<Measured<'_>> = (0..measures.rows.len())
            .filter(|row| {
                text(measures, *row, "source") == source && text(measures, *row, "version") == version
            })
            .map(|row| Measured { table: measures, row })
            .collect();
        let (words, tone, because) = match code.as_str() {
            "worse" => ("is worse than", "worse", differences(&rows)),
            "no_worse" => ("is no worse than", "better", differences(&rows)),
            "too_few" => ("has too few calls to say whether it is worse than", "plain", too_few(&rows)),
            _ => ("has no version before it to be compared with", "plain", String::new()),
        };
        let source = (!has_one_source).then_some(source);
        Told {
            api: numbers.asked.api(),
            path: format!("verdicts.{row}.verdict"),
            href: side_by_side(numbers, state, [&version, &before], source.as_ref()).map(|to| to.link(path)),
            source,
            code,
            tone,
            version,
            words,
            before,
            because,
        }
    };
    (0..verdicts.rows.len()).map(one).collect()
}

fn text(table: &Table, row: usize, column: &str) -> String {
    table.spec.column(column).map(|at| exact(&table.rows[row][at])).unwrap_or_default()
}

/// The state that shows two versions, of one tool if several have them.
fn side_by_side(
    numbers: Numbers<'_>,
    state: &State,
    versions: [&String; 2],
    source: Option<&String>,
) -> Option<State> {
    if versions[1].is_empty() || numbers.asked.filters_by(Key::Version) {
        return None;
    }
    let filter = |key| FILTERS.iter().find(move |filter| filter.key == key);
    let both = state.with(filter(Key::Version)?, versions.map(String::clone).into());
    match source {
        Some(source) => Some(both.with(filter(Key::Source)?, vec![source.clone()])),
        None => Some(both),
    }
}

/// A row of what a verdict rests on.
struct Measured<'a> {
    table: &'a Table,
    row: usize,
}

impl Measured<'_> {
    fn of(&self, column: &str) -> String {
        text(self.table, self.row, column)
    }

    fn what(&self) -> &'static str {
        if self.of("what") == "commands" { "commands" } else { "tool calls" }
    }

    fn shown(&self, column: &str) -> String {
        let at = self.table.spec.column(column);
        at.map(|at| value(column, &self.table.rows[self.row][at]).text).unwrap_or_default()
    }

    fn is_enough(&self) -> bool {
        self.of("failure_verdict") != "too_few"
    }

    fn is_worse(&self) -> bool {
        ["failure_verdict", "duration_verdict"].iter().any(|column| self.of(column) == "worse")
    }

    /// What differs, or that nothing does.
    fn says(&self) -> Vec<String> {
        let what = self.what();
        if !self.is_enough() {
            return vec![format!("there are too few {what} to tell")];
        }
        let mut says = Vec::new();
        if let Some(often) = one_of(&self.of("failure_verdict"), "more", "less") {
            let (now, before) = (self.shown("failure_rate"), self.shown("before_failure_rate"));
            says.push(format!("{what} fail {often} often, {now} instead of {before}"));
        }
        if let Some(fast) = one_of(&self.of("duration_verdict"), "slower", "faster") {
            let (now, before) = (self.shown("p95_ms"), self.shown("before_p95_ms"));
            says.push(format!("{what} are {fast}, 95 of 100 within {now} instead of {before}"));
        }
        if says.is_empty() {
            says.push(format!("{what} {SAME}"));
        }
        says
    }
}

const SAME: &str = "show no difference beyond chance";

fn one_of(verdict: &str, worse: &'static str, better: &'static str) -> Option<&'static str> {
    match verdict {
        "worse" => Some(worse),
        "better" => Some(better),
        _ => None,
    }
}

fn differences(rows: &[Measured<'_>]) -> String {
    let mut rows: Vec<&Measured<'_>> = rows.iter().collect();
    // What is worse comes first, what cannot be told last.
    rows.sort_by_key(|row| (!row.is_enough(), !row.is_worse()));
    let says: Vec<String> = rows.into_iter().flat_map(Measured::says).collect();
    match says.iter().all(|says| says.ends_with(SAME)) {
        true => format!("commands and tool calls {SAME}"),
        false => says.join("; "),
    }
}

fn too_few(rows: &[Measured<'_>]) -> String {
    let one = |row: &Measured<'_>| {
        format!("{}: {} against {}", row.what(), row.shown("calls"), row.shown("before_calls"))
    };
    let counts: Vec<String> = rows.iter().map(one).collect();
    format!("{}; {ENOUGH} of one kind are needed on both sides", counts.join(", "))
}
