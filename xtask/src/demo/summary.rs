//! The collector's summary as a table for the terminal.

use serde_json::Value;

/// A table: the key of its list in the summary, and the columns.
const TABLES: [(&str, &[&str]); 3] = [
    ("commands", &["action", "calls", "failures"]),
    ("tools", &["tool_name", "tool_kind", "calls", "failures", "p50_ms", "p95_ms"]),
    ("models", &["model_provider", "model_name", "input_tokens", "output_tokens", "cost", "unpriced_calls"]),
];

/// Objects of plain numbers, told in a line each.
const COUNTS: [&str; 3] = ["events", "sessions", "ingest"];

/// Renders the summary.
pub(super) fn lines(summary: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for name in COUNTS {
        let counts = summary[name].as_object().into_iter().flatten();
        let counts = counts.map(|(key, value)| format!("{} {key}", cell(value)));
        lines.push(format!("{name:<9} {}", counts.collect::<Vec<_>>().join(", ")));
    }
    for (name, columns) in TABLES {
        lines.push(String::new());
        lines.extend(table(columns, summary[name].as_array().map_or(&[], Vec::as_slice)));
    }
    lines
}

/// Renders rows under their headings, each column as wide as its widest cell.
fn table(columns: &[&str], rows: &[Value]) -> Vec<String> {
    let heading = columns.iter().map(|column| (*column).to_owned()).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect());
    let cells: Vec<Vec<String>> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let render = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(render).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows =
            [json!({"action": "run", "calls": 3}), json!({"action": "telemetry status", "calls": null})];
        assert_eq!(
            table(&["action", "calls"], &rows),
            ["action            calls", "run               3", "telemetry status  -"]
        );
    }

    #[test]
    fn an_empty_summary_is_headings_only() {
        let lines = lines(&json!({"events": {"tool": 2, "token": 1}}));
        assert_eq!(lines[0], "events    1 token, 2 tool");
        assert_eq!(lines[4], "action  calls  failures");
    }
}
