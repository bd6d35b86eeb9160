//! CSV and NDJSON say what JSON says.

use serde_json::{Map, Value};

use crate::asking::VIEWS;
use crate::harness::{Collector, NOW, command, tool};
use crate::views::populated;

/// Records of RFC 4180.
pub(crate) fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => record.push(std::mem::take(&mut field)),
            ('\r', false) => {
                assert_eq!(chars.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (c, _) => field.push(c),
        }
    }
    assert!(field.is_empty() && record.is_empty() && !quoted, "the last line has no end");
    records
}

/// A row of JSON in the columns of CSV.
fn flat(row: &Value) -> Map<String, Value> {
    let mut columns = Map::new();
    for (name, value) in row.as_object().unwrap() {
        match (name.as_str(), value) {
            ("previous" | "change", Value::Object(values)) => {
                columns
                    .extend(values.iter().map(|(column, value)| (format!("{name}_{column}"), value.clone())));
            }
            _ => drop(columns.insert(name.clone(), value.clone())),
        }
    }
    columns
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn rows(table: &Value) -> Vec<Value> {
    table.as_array().cloned().unwrap_or_else(|| vec![table.clone()])
}

#[test]
fn every_table_of_every_view_is_the_same_in_all_formats() {
    let collector = populated();
    let mut tables = 0;
    for view in VIEWS {
        let filters: &[&str] = match view {
            "tools" => &["", "&tool=shell"],
            "adoption" => &["", "&version=1.0.0&version=2.0.0"],
            _ => &[""],
        };
        for filter in filters {
            for compare in ["", "&compare=previous"] {
                let query = format!("/api/v1/{view}?from=2026-11-16&to=2026-11-22{filter}{compare}");
                let json = collector.get(&query).json();
                let is_table = |name: &str, value: &Value| {
                    let general = ["range", "previous_range", "filters"].contains(&name);
                    !general && (value.is_array() || value.is_object())
                };
                for (name, table) in
                    json.as_object().unwrap().iter().filter(|(name, value)| is_table(name, value))
                {
                    agree(&collector, &format!("{query}&table={name}"), &rows(table));
                    tables += 1;
                }
            }
        }
    }
    assert!(tables > 100, "{tables}");
}

fn agree(collector: &Collector, query: &str, expected: &[Value]) {
    let ndjson = collector.get(&format!("{query}&format=ndjson"));
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = ndjson.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected, "{query}");
    let csv = collector.get(&format!("{query}&format=csv"));
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert!(csv.header("content-disposition").unwrap().starts_with("attachment; filename=\""));
    let mut records = parse_csv(&csv.body).into_iter();
    let headings = records.next().unwrap();
    let records: Vec<_> = records.collect();
    assert_eq!(records.len(), expected.len(), "{query}");
    for (record, row) in records.iter().zip(expected) {
        let row = flat(row);
        assert_eq!(row.len(), headings.len(), "{query}: {headings:?} {row:?}");
        for (heading, cell) in headings.iter().zip(record) {
            assert_eq!(*cell, text(&row[heading]), "{query} {heading}");
        }
    }
}

#[test]
fn events_and_the_catalogue_are_the_same_in_all_formats() {
    let collector = Collector::start();
    assert_eq!(
        collector.send([command(1, 1, NOW, "run", true), tool(2, NOW, "shell", "ok", 5)]).tally(),
        (2, 0, 0)
    );
    let events = collector.events();
    let lines = collector.get("/api/v1/events?format=ndjson").body;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, events);
    let records = parse_csv(&collector.get("/api/v1/events?format=csv").body);
    assert_eq!(records[0].join(" "), "row event_id event event_timestamp source properties");
    for (record, event) in records[1..].iter().zip(&events) {
        for (name, cell) in records[0].iter().zip(record) {
            assert_eq!(*cell, text(&event[name]));
        }
    }
    let catalogue = &collector.get("/api/v1/catalogue").json()["catalogues"][0];
    let own: usize =
        catalogue["events"].as_array().unwrap().iter().map(|e| e["fields"].as_array().unwrap().len()).sum();
    let properties = own + catalogue["common"].as_array().unwrap().len();
    let csv = parse_csv(&collector.get("/api/v1/catalogue?format=csv").body);
    assert_eq!(csv.len(), properties + 1);
    assert_eq!(collector.get("/api/v1/catalogue?format=ndjson").body.lines().count(), properties);
    assert_eq!(csv[1][..4], ["docker-agent", "", "user_uuid", "uuid"]);
}

/// Such names cannot arrive; a spreadsheet must not run them even if they are in the file.
#[test]
fn a_name_that_is_a_formula_stays_text_in_a_spreadsheet() {
    let collector = Collector::start();
    assert_eq!(collector.send([tool(1, NOW, "shell", "ok", 5)]).tally(), (1, 0, 0));
    let folder = collector.stop();
    let database = rusqlite::Connection::open(folder.path().join("collector.db")).unwrap();
    let evil = "=HYPERLINK(\"http://x\",\"y\")";
    database.execute("UPDATE dict SET name = ?1 WHERE kind = 'tool'", [evil]).unwrap();
    drop(database);
    let collector = Collector::on(folder, |_| {});
    let csv = parse_csv(&collector.get("/api/v1/tools?format=csv").body);
    assert_eq!(csv[1][0], format!("'{evil}"));
    assert_eq!(collector.get("/api/v1/tools").json()["tools"][0]["tool_name"], evil);
}
