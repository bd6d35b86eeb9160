//! Names that want to be more than names.

use std::collections::BTreeSet;

use super::PAGES;
use crate::harness::{Collector, NOW, command, session_end, session_start, token, tool};
use crate::html::Html;

/// The catalogue's grammar lets no such name in; should one be in the store all the same, it is text.
#[test]
fn hostile_names_in_the_store_are_text() {
    let collector = Collector::start();
    let records = [
        tool(1, NOW, "evil", "ok", 1),
        command(2, 1, NOW, "run", true),
        token(3, NOW, "gpt-4o", 1, 1, None),
        session_start(4, 8, NOW),
        session_end(5, 8, NOW, "failed"),
    ];
    assert_eq!(collector.send(records).tally().0, 5);
    let folder = collector.stop();
    let hostile = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;{{7*7}}\u{202e}ف";
    let database = rusqlite::Connection::open(folder.path().join("collector.db")).unwrap();
    let sql = "UPDATE dict SET name = ?1 || kind \
               WHERE name IN ('evil', 'run', 'root', '1.2.3', 'debug', 'linux', 'gpt-4o', 'human', 'amd64')";
    assert_eq!(database.execute(sql, [hostile]).unwrap(), 9);
    drop(database);
    let collector = Collector::on(folder, |_| {});
    for (path, view) in PAGES {
        let reply = collector.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let page = Html::parse(&reply.body);
        let tags: BTreeSet<&str> = page.tags().map(|tag| tag.name.as_str()).collect();
        assert!(!tags.contains("img"), "{path}: {tags:?}");
        assert!(
            page.all("script").iter().all(|script| script.tag.get("src").is_some()),
            "{path}: only our own"
        );
        assert!(!reply.body.contains("alert('x')"), "{path}");
        if ["health", "collected", "tool"].contains(&view) {
            continue;
        }
        assert!(reply.body.contains("alert("), "{path}: the names are shown");
        // What turns the direction of the text must not turn that of its neighbours.
        for data in page.all("td").iter().chain(&page.all("th")) {
            assert_eq!(
                data.text().contains('\u{202e}'),
                data.all("bdi").iter().any(|bdi| bdi.text().contains('\u{202e}')),
                "{path}"
            );
        }
    }
    let page = Html::parse(&collector.get("/tools").body);
    let link = page.all("a").into_iter().find(|link| link.text().contains("alert(")).unwrap();
    let tool = collector.get(link.tag.get("href").unwrap());
    assert_eq!(tool.status, 200);
    let tool = Html::parse(&tool.body);
    assert!(tool.one("h1").text().contains("<script>alert('x')</script>"), "{}", tool.text());
    assert!(tool.text().contains("Calls 1"), "its numbers are found by its name: {}", tool.text());
}

#[test]
fn the_longest_names_are_shown_whole_and_lead_to_their_tool() {
    let collector = Collector::start();
    let names = ["a/b:c@d+e", &"x".repeat(64), "mcp/server/tool"];
    let sent = collector.send(names.iter().zip(1..).map(|(name, n)| tool(n, NOW, name, "ok", 1)));
    assert_eq!(sent.tally(), (3, 0, 0));
    let page = Html::parse(&collector.get("/tools").body);
    for name in names {
        let link = page.all("a").into_iter().find(|link| link.text() == name).unwrap();
        let tool = Html::parse(&collector.get(link.tag.get("href").unwrap()).body);
        assert_eq!(tool.one("h1").text(), format!("Tool {name}"));
        assert!(tool.text().contains("Calls 1"), "{}", tool.text());
    }
}
