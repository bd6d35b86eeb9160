//! The page.

use std::collections::BTreeSet;

use crate::harness::{Collector, DAY, NOW, command, session_end, session_start, token, tool};

/// The text of an HTML document, tags removed and white space folded.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fails if an element is not closed, or closed where it was not opened.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 4] = ["meta", "link", "input", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let tag = tag.split_once('>').unwrap().0;
        let name = tag.split_whitespace().next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, [] as [&str; 0]);
}

#[test]
fn an_empty_collector_says_what_to_do_next() {
    let collector = Collector::start();
    let page = collector.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_well_formed(&page.body);
    let text = text_of(&page.body);
    assert!(text.contains("No events yet"), "{text}");
    assert!(text.contains(&format!("TELEMETRY_ENDPOINT={}", collector.url("/events/v1/track"))), "{text}");
    assert!(text.contains("installs appear from their second run"), "{text}");
}

#[test]
fn the_numbers_are_there_without_javascript() {
    let collector = Collector::start();
    let mut records: Vec<_> = (0..40).map(|n| command(n, n, NOW, "run", n % 4 != 0)).collect();
    records.extend([
        session_start(50, 8, NOW),
        session_end(51, 8, NOW, "limit"),
        tool(52, NOW, "shell", "error", 1500),
        token(53, NOW, "gpt-4o", 1_234_567, 1000, Some(12.5)),
        token(54, NOW, "own-model", 10, 10, None),
        command(55, 99, NOW - 2 * DAY, "version", true),
    ]);
    assert_eq!(collector.send(records).tally(), (46, 0, 0));
    let page = collector.get("/").body;
    assert_well_formed(&page);
    let text = text_of(&page);
    for part in [
        "Events 46 of all types command 41 session 2 tool 1 token 2",
        "Installs 41 in 30 days last 7 days 41 last day 40",
        "Failure rate 24.4 % of commands",
        "of tool calls 100 %",
        "Tokens 1.2 M read and written input 1.2 M output 1,010",
        "Estimated cost $12.50 of priced calls unpriced calls 1",
        "run 40 10 25.0 %",
        "shell builtin 1 1 100 % 1.5 s 1.5 s 1.5 s",
        "gpt-4o openai 1 1.2 M 1,000 $12.50",
        "own-model openai 1 10 10 unknown 1 unpriced",
        "stopped at a limit 1 100 %",
        "never ended killed, still running, or not reported yet 0",
        "accepted stored for the first time 46",
        "Days and times are UTC",
        "2026-11-20 1 0 0 0 1",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(page.contains("title=\"1,234,577\""), "the exact number of input tokens");
    assert!(page.contains("title=\"12.500000000 USD\""));
    let other = text_of(&collector.get("/?from=2026-11-20&to=2026-11-20").body);
    assert!(other.contains("Events 1 of all types"), "{other}");
    let nothing = text_of(&collector.get("/?from=2026-10-01&to=2026-10-02").body);
    assert!(nothing.contains("No events between 2026-10-01 and 2026-10-02."), "{nothing}");
}

#[test]
fn the_newest_events_come_first_and_at_most_fifty() {
    let collector = Collector::start();
    assert_eq!(
        collector.send((0..60).map(|n| tool(n, NOW, &format!("tool-{n}"), "ok", n))).tally(),
        (60, 0, 0)
    );
    let page = collector.get("/?from=2026-01-01&to=2026-01-01").body;
    let listed: Vec<&str> =
        page.split("<b>tool_name</b> ").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let expected: Vec<String> = (10..60).rev().map(|n| format!("tool-{n}")).collect();
    assert_eq!(listed, expected);
    assert!(page.contains("data-after=\"60\""), "the script continues after the last row");
}

#[test]
fn wrong_ranges_are_explained_in_html() {
    let collector = Collector::start();
    let page = collector.get("/?from=%3Cscript%3E");
    assert_eq!((page.status, page.header("content-type")), (400, Some("text/html; charset=utf-8")));
    assert_well_formed(&page.body);
    assert!(text_of(&page.body).contains("from must be a UTC date"), "{}", page.body);
}

/// The catalogue's grammar lets no such name in; should one be in the store all the same, it is text.
#[test]
fn hostile_names_in_the_store_are_text() {
    let collector = Collector::start();
    assert_eq!(collector.send([tool(1, NOW, "evil", "ok", 1), command(2, 1, NOW, "run", true)]).tally().0, 2);
    let folder = collector.stop();
    let hostile = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;{{7*7}}";
    let database = rusqlite::Connection::open(folder.path().join("collector.db")).unwrap();
    let sql =
        "UPDATE dict SET name = ?1 || kind WHERE name IN ('evil', 'run', 'root', '1.2.3', 'debug', 'linux')";
    assert_eq!(database.execute(sql, [hostile]).unwrap(), 6);
    drop(database);
    let collector = Collector::on(folder, |_| {});
    let page = collector.get("/").body;
    assert_well_formed(&page);
    assert!(page.contains("alert("), "the names are shown");
    let tags: BTreeSet<&str> =
        page.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap()).collect();
    assert!(!tags.contains("img"), "{tags:?}");
    assert_eq!(page.matches("<script").count(), 1, "only our own");
    assert!(!page.contains("alert('x')</script>"));
}

#[test]
fn the_page_names_no_other_host_and_has_no_inline_code() {
    let collector = Collector::start();
    assert_eq!(collector.send([command(2, 1, NOW, "run", true)]).tally().0, 1);
    let page = collector.get("/").body;
    for forbidden in ["<style", " style=", " onclick", "javascript:", "//cdn", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let urls: BTreeSet<&str> = page
        .match_indices("http://")
        .map(|(at, _)| page[at..].split(['"', '\'', '/', ' ']).nth(2).unwrap())
        .collect();
    // The name of the SVG namespace inside the icon; it is not fetched.
    assert_eq!(urls, BTreeSet::from(["www.w3.org"]));
    for path in ["/assets/page.css", "/assets/live.js"] {
        let asset = collector.get(path);
        assert_eq!(asset.status, 200);
        assert!(!asset.body.contains("http") && !asset.body.contains("innerHTML"), "{path}");
    }
}

#[test]
fn every_table_has_a_caption_and_scoped_headings() {
    let collector = Collector::start();
    assert_eq!(
        collector
            .send([
                tool(1, NOW, "shell", "ok", 1),
                token(2, NOW, "m", 1, 1, None),
                command(3, 1, NOW, "run", true)
            ])
            .tally()
            .0,
        3
    );
    let page = collector.get("/").body;
    let tables: Vec<&str> =
        page.split("<table").skip(1).map(|rest| rest.split("</table>").next().unwrap()).collect();
    assert_eq!(tables.len(), 7);
    for table in tables {
        assert!(table.contains("<caption>"), "{table}");
        assert_eq!(table.matches("<th ").count(), table.matches(" scope=\"").count(), "{table}");
    }
}

#[test]
fn the_built_in_catalogue_can_be_read() {
    let catalogue = telemetry_collector::docker_agent().unwrap();
    let events: BTreeSet<&str> = catalogue.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(events, BTreeSet::from(["command", "session", "token", "tool"]));
    assert_eq!(catalogue.source, "docker-agent");
}
