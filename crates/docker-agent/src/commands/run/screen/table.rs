//! A Markdown table: columns as wide as their cells need, or one cell a line where that is wider than the terminal.

use std::fmt::Write as _;

use clap::builder::styling::Style;

use super::inline::{self, Line, styled};
use crate::output::wrap::width;

/// Between two columns.
const GAP: &str = " │ ";

/// A cell as it is shown, and its width.
struct Cell {
    text: String,
    width: usize,
}

/// Shows a table's lines within a width.
pub(super) fn show(lines: &[String], limit: usize) -> String {
    let is_rule =
        |line: &String| line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let has_head = lines.get(1).is_some_and(is_rule);
    let rows = lines.iter().filter(|line| !is_rule(line));
    let rows: Vec<Vec<Cell>> = rows
        .enumerate()
        .map(|(number, line)| {
            let style = if has_head && number == 0 { Style::new().bold() } else { Style::new() };
            cells(line).iter().map(|text| cell(text, style)).collect()
        })
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.width)).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
    let total = widths.iter().sum::<usize>() + columns.saturating_sub(1) * width(GAP);
    if total <= limit || !has_head {
        side_by_side(&rows, &widths, has_head)
    } else {
        one_below_the_other(&rows)
    }
}

fn side_by_side(rows: &[Vec<Cell>], widths: &[usize], has_head: bool) -> String {
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                line.push_str(GAP);
            }
            line.push_str(&cell.text);
            if column + 1 < row.len() {
                line.extend(std::iter::repeat_n(' ', widths[column] - cell.width));
            }
        }
        let _ = writeln!(out, "{line}");
        if has_head && number == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            let _ = writeln!(out, "{}", rule.join("─┼─"));
        }
    }
    out
}

fn one_below_the_other(rows: &[Vec<Cell>]) -> String {
    let Some((head, body)) = rows.split_first() else { return String::new() };
    let blocks = body.iter().map(|row| {
        let lines = row.iter().enumerate().map(|(column, cell)| match head.get(column) {
            Some(name) if name.width > 0 => format!("{}: {}\n", name.text, cell.text),
            _ => format!("{}\n", cell.text),
        });
        lines.collect::<String>()
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// The cells of a line; a `\|` or one in code is no border.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = line.strip_suffix('|').filter(|rest| !rest.ends_with('\\')).unwrap_or(line);
    let (mut cells, mut cell, mut in_code) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&'|') => cell.extend(characters.next()),
            '|' if !in_code => cells.push(std::mem::take(&mut cell)),
            _ => {
                in_code ^= c == '`';
                cell.push(c);
            }
        }
    }
    cells.push(cell);
    cells
}

fn cell(text: &str, style: Style) -> Cell {
    let (spans, _) = inline::read(text.trim(), Line::Whole);
    let mut shown = String::new();
    for span in &spans {
        let style = styled(style, span.look);
        let _ = write!(shown, "{style}{}{style:#}", span.text);
    }
    Cell { text: shown, width: spans.iter().map(|span| width(&span.text)).sum() }
}
