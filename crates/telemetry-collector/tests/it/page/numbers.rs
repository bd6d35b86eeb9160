//! Every number of a page is that of the answer whose address stands beside it.

use std::collections::HashMap;

use serde_json::Value;

use super::{PAGES, RANGE};
use crate::harness::{Collector, DAY, NOW, command, session_end, session_start, token, tool};
use crate::html::{Element, Html};
use crate::views::populated;

/// The answers that a page refers to, each asked for once.
struct Answers<'a> {
    collector: &'a Collector,
    known: HashMap<String, Value>,
}

impl Answers<'_> {
    fn at(&mut self, api: &str, path: &str) -> Value {
        let answer = self.known.entry(api.to_owned()).or_insert_with(|| {
            let reply = self.collector.get(api);
            assert_eq!(reply.status, 200, "{api}: {}", reply.body);
            reply.json()
        });
        let pointer = format!("/{}", path.replace('.', "/"));
        answer.pointer(&pointer).unwrap_or_else(|| panic!("{api} has no {path}")).clone()
    }
}

/// Whether a page's value is this one.
fn is(value: &str, expected: &Value) -> bool {
    match expected {
        Value::String(text) => value == text,
        other => serde_json::from_str::<Value>(value).is_ok_and(|value| value == *other),
    }
}

/// How many numbers were compared: of facts, and of cells.
fn compare(page: &Html, answers: &mut Answers<'_>, at: &str) -> (usize, usize) {
    let (mut facts, mut cells) = (0, 0);
    for data in page.all("data") {
        let Some(path) = data.tag.get("data-path") else { continue };
        let expected = answers.at(data.tag.get("data-api").unwrap(), path);
        assert!(
            is(data.tag.get("value").unwrap(), &expected),
            "{at} {path}: {:?} is not {expected}",
            data.tag
        );
        assert!(!data.text().is_empty(), "{at} {path}");
        facts += 1;
    }
    for table in page.all("table") {
        let name = table.tag.get("data-table").unwrap();
        let rows = answers.at(table.tag.get("data-api").unwrap(), name);
        let rows = rows.as_array().unwrap_or_else(|| panic!("{at} {name} is no list"));
        let shown = table.all("tbody")[0].all("tr");
        let more = table.tag.get("data-more").map_or(0, |more| more.parse().unwrap());
        assert_eq!(shown.len() + more, rows.len(), "{at} {name}");
        for (row, expected) in shown.iter().zip(rows) {
            cells += compare_row(row, expected, &format!("{at} {name}"));
        }
    }
    (facts, cells)
}

fn compare_row(row: &Element<'_>, expected: &Value, at: &str) -> usize {
    let mut cells = 0;
    for cell in row.all("th").into_iter().chain(row.all("td")) {
        let Some(column) = cell.tag.get("data-column") else { continue };
        let expected = &expected[column];
        let data = &cell.all("data")[0];
        assert!(
            is(data.tag.get("value").unwrap(), expected),
            "{at} {column}: {:?} is not {expected}",
            data.tag
        );
        cells += 1;
    }
    cells
}

#[test]
fn every_number_is_that_of_the_api() {
    let collector = populated();
    let queries = [
        "".to_owned(),
        RANGE.to_owned(),
        format!("{RANGE}&compare=previous"),
        format!("{RANGE}&version=1.0.0&version=2.0.0&os=linux"),
        format!("{RANGE}&agent=root&model=gpt-4o&compare=previous"),
        "from=2026-01-01&to=2026-01-02".to_owned(),
    ];
    let mut answers = Answers { collector: &collector, known: HashMap::new() };
    let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
    for (path, view) in PAGES {
        for query in &queries {
            let at = format!("{path}?{query}");
            let reply = collector.get(&at);
            assert_eq!(reply.status, 200, "{at}: {}", reply.body);
            let page = Html::parse(&reply.body);
            assert_eq!(page.one("main").tag.get("data-view"), Some(view), "{at}");
            let (facts, cells) = compare(&page, &mut answers, &at);
            let sum = seen.entry(view).or_default();
            *sum = (sum.0 + facts, sum.1 + cells);
        }
    }
    // A comparison of nothing proves nothing.
    for (view, (facts, cells)) in &seen {
        let is_list = ["live"].contains(view);
        assert!(is_list || *cells > 40, "{view}: {cells} cells");
        assert!(["live", "collected"].contains(view) || *facts > 20, "{view}: {facts} facts");
    }
}

#[test]
fn the_numbers_read_well() {
    let collector = Collector::start();
    let mut records: Vec<_> = (0..40).map(|n| command(n, n, NOW, "run", n % 4 != 0)).collect();
    records.extend([
        session_start(50, 8, NOW),
        session_end(51, 8, NOW, "limit"),
        session_start(56, 9, NOW),
        tool(52, NOW, "shell", "error", 1500),
        token(53, NOW, "gpt-4o", 1_234_567, 1000, Some(12.5)),
        token(54, NOW, "own-model", 10, 10, None),
        command(55, 99, NOW - 2 * DAY, "version", true),
    ]);
    assert_eq!(collector.send(records).tally(), (47, 0, 0));
    let text = |path: &str| Html::parse(&collector.get(path).body).text();
    for (path, parts) in [
        (
            "/",
            &[
                "Active installs 41 new in 30 days 7 days 41 new last whole day 0",
                "Sessions 2 new started completed 0 ±0 never ended 1 new",
                "Failure rate 24.4 % of commands of tool calls 100 %",
                "Tokens 1.2 M new read and written input 1.2 M new output 1,010 new",
                "Estimated cost $12.50 of priced calls unpriced calls 1",
                "own-model openai 1 new 10 new 10 new unknown 1 new",
                "Days and times are UTC",
                "Installs appear from their second run",
                "2026-11-20 1",
                "today, not over yet",
            ][..],
        ),
        ("/commands", &["run 40 10 25.0 % 40 1.2 s 1.2 s 1.2 s", "0 31 1 10", "debug 40 yolo 40"]),
        ("/tools", &["shell builtin 1 1 100 % 0 0 1 1.5 s 1.5 s 1.5 s"]),
        ("/models", &["gpt-4o openai 1 1.2 M 1,000", "own-model openai 1 10 10 30.0 % 1 unknown 1"]),
        (
            "/sessions",
            &[
                "Stopped at a limit 1 50.0 % Never ended 1 50.0 %",
                "killed, still run, or have not reported yet",
            ],
        ),
        ("/retention", &["New 41 installs"]),
        ("/health", &["Accepted 47 records", "No record was refused in this range."]),
    ] {
        let text = text(path);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {path}: {text}");
        }
    }
    let page = collector.get("/").body;
    assert!(page.contains("title=\"1,234,577\""), "the exact number of input tokens");
    assert!(page.contains("title=\"12.500000000 USD\""));
}

#[test]
fn a_long_table_is_cut_and_says_where_the_rest_is() {
    let collector = Collector::start();
    for batch in (0..130).collect::<Vec<u64>>().chunks(60) {
        let sent = collector.send(batch.iter().map(|n| tool(*n, NOW, &format!("tool-{n}"), "ok", 1)));
        assert_eq!(sent.tally().2, 0);
    }
    let page = Html::parse(&collector.get("/tools").body);
    let table =
        page.all("table").into_iter().find(|table| table.tag.get("data-table") == Some("tools")).unwrap();
    assert_eq!((table.all("tbody")[0].all("tr").len(), table.tag.get("data-more")), (100, Some("30")));
    assert!(page.text().contains("30 more rows are in the files: CSV NDJSON JSON"));
}

#[test]
fn each_table_can_be_had_as_files() {
    let collector = populated();
    let mut files = 0;
    for (path, _) in PAGES {
        let page = Html::parse(&collector.get(&format!("{path}?{RANGE}&compare=previous&os=linux")).body);
        for link in
            page.all("a").iter().filter(|link| ["CSV", "NDJSON", "JSON"].contains(&link.text().as_str()))
        {
            let reply = collector.get(link.tag.get("href").unwrap());
            assert_eq!(reply.status, 200, "{:?}: {}", link.tag, reply.body);
            let expected = match link.text().as_str() {
                "CSV" => "text/csv",
                "NDJSON" => "application/x-ndjson",
                _ => "application/json",
            };
            assert!(reply.header("content-type").unwrap().starts_with(expected), "{:?}", link.tag);
            files += 1;
        }
    }
    assert!(files > 60, "{files}");
}

#[test]
fn the_health_of_what_arrived_is_told_in_words() {
    let collector = Collector::start();
    let with = |mut record: Value, member: &str, value: Value| {
        record[member] = value;
        record
    };
    let mut unknown = command(1, 1, NOW, "run", true);
    unknown["properties"]["colour"] = "blue".into();
    let mut lacking = command(2, 1, NOW, "run", true);
    lacking["properties"].as_object_mut().unwrap().remove("user_uuid");
    let mut wrong = command(3, 1, NOW, "run", true);
    wrong["properties"]["duration_ms"] = "long".into();
    let records = [
        unknown,
        command(1, 2, NOW, "run", true),
        command(10, 1, NOW - DAY, "run", true),
        lacking,
        wrong,
        with(command(4, 1, NOW, "run", true), "source", "elsewhere".into()),
        with(command(5, 1, NOW, "run", true), "event", "nothing".into()),
        tool(6, NOW, "not a name", "ok", 1),
        command(7, 1, NOW - 50 * DAY, "run", true),
        command(8, 1, NOW + 2 * DAY, "run", true),
        with(command(9, 1, NOW, "run", true), "more", "x".repeat(5000).into()),
    ];
    assert_eq!(collector.send(records).tally(), (2, 1, 8));
    let page = Html::parse(&collector.get("/health").body);
    let of = |table: &str| {
        let tables = page.all("table");
        let table = tables.iter().find(|found| found.tag.get("data-table") == Some(table)).unwrap();
        let heading = |row: &Element<'_>| row.all("th")[0].text();
        table.all("tbody")[0].all("tr").iter().map(heading).collect::<std::collections::BTreeSet<_>>()
    };
    insta::assert_snapshot!(of("arrivals").into_iter().collect::<Vec<_>>().join("\n"), @"
    A property of what was refused rejected_property
    A property that was left out dropped_property
    Left out, the rest was stored dropped
    Of the stored: on a later day than theirs late
    Refused rejected
    Sent again with other content; the first stays conflict
    Sent again, stored once duplicate
    Stored accepted
    ");
    insta::assert_snapshot!(of("rejected").into_iter().collect::<Vec<_>>().join("\n"), @"
    A name that is no plain identifier bad_name
    A value that its property cannot have bad_type
    An event that is not in the tool's catalogue unknown_event
    From a tool whose events are not taken here unknown_source
    Longer than a record may be too_large
    More than 45 days old too_old
    More than a day in the future in_future
    Something that must be there is missing missing_property
    ");
}

#[test]
fn what_changed_most_is_told_when_it_is_no_chance() {
    let collector = Collector::start();
    let calls = |from: u64, at: i64, failures: u64| {
        (0..60).map(move |n| tool(from + n, at, "shell", if n < failures { "error" } else { "ok" }, 5))
    };
    assert_eq!(collector.send(calls(0, NOW - 10 * DAY, 2)).tally(), (60, 0, 0));
    assert_eq!(collector.send(calls(100, NOW, 40)).tally(), (60, 0, 0));
    let range = "from=2026-11-16&to=2026-11-22";
    let page = Html::parse(&collector.get(&format!("/?{range}")).body);
    let told = "The tool shell fails more often: 66.7 % of the calls instead of 3.3 %.";
    assert!(page.text().contains(told), "{}", page.text());
    let link =
        page.all("a").into_iter().find(|link| link.tag.get("href") == Some(&format!("/tools/shell?{range}")));
    assert!(link.is_some(), "it leads to the tool");
    let calm = Html::parse(&collector.get("/?from=2026-11-22&to=2026-11-22").body);
    assert!(calm.text().contains("What changed most"));
}

#[test]
fn the_newest_events_come_first_and_at_most_fifty() {
    let collector = Collector::start();
    let sent = collector.send((0..60).map(|n| tool(n, NOW, &format!("tool-{n}"), "ok", n)));
    assert_eq!(sent.tally(), (60, 0, 0));
    let page = Html::parse(&collector.get("/live?from=2026-01-01&to=2026-01-01").body);
    let list = page.by_id("live").unwrap();
    let rows: Vec<&str> = list.all("li").iter().map(|item| item.tag.get("data-row").unwrap()).collect();
    let expected: Vec<String> = (11..=60).rev().map(|row| row.to_string()).collect();
    assert_eq!(rows, expected);
    assert!(list.all("li")[0].text().contains("tool_name tool-59"));
    assert_eq!(list.tag.get("data-after"), Some("60"), "the script continues after the last row");
}
