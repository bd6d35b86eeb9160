//! The form: all state in the address, and a reason for everything that cannot be chosen.

use std::collections::BTreeMap;

use super::{PAGES, RANGE};
use crate::harness::{Collector, NOW, TODAY, command};
use crate::html::{Element, Html};
use crate::views::populated;

const FILTERS: [(&str, &str); 6] = [
    ("version", "1.0.0"),
    ("os", "linux"),
    ("arch", "amd64"),
    ("caller", "human"),
    ("agent", "root"),
    ("model", "gpt-4o"),
];

/// What shows everything, whatever the days and filters; these are kept for the other pages.
const HAVE_NO_FORM: [&str; 2] = ["live", "collected"];

fn page(collector: &Collector, at: &str) -> Html {
    let reply = collector.get(at);
    assert_eq!(reply.status, 200, "{at}: {}", reply.body);
    Html::parse(&reply.body)
}

fn controls<'a>(form: &Element<'a>, name: &str) -> Vec<Element<'a>> {
    form.all("input").into_iter().filter(|input| input.tag.get("name") == Some(name)).collect()
}

fn is_off(control: &Element<'_>) -> bool {
    control.tag.names().any(|name| name == "disabled")
}

/// What a browser would send.
fn sent(form: &Element<'_>) -> BTreeMap<String, Vec<String>> {
    let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for input in form.all("input") {
        let is_box = input.tag.get("type") == Some("checkbox");
        let is_checked = input.tag.names().any(|name| name == "checked");
        if is_off(&input) || is_box && !is_checked {
            continue;
        }
        let name = input.tag.get("name").unwrap().to_owned();
        pairs.entry(name).or_default().push(input.tag.get("value").unwrap_or_default().to_owned());
    }
    pairs
}

#[test]
fn links_and_the_form_keep_the_state() {
    let collector = populated();
    let filters: String = FILTERS.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    let query = format!("{RANGE}&compare=previous{filters}");
    for (path, view) in PAGES {
        let page = page(&collector, &format!("{path}?{query}"));
        let nav = page.one("nav");
        assert_eq!(nav.tag.get("aria-label"), Some("Views"));
        let links = nav.all("a");
        assert_eq!(links.len(), 10);
        for link in &links {
            assert!(link.tag.get("href").unwrap().ends_with(&format!("?{query}")), "{view}: {:?}", link.tag);
        }
        let current = links.iter().filter(|link| link.tag.get("aria-current") == Some("page")).count();
        assert_eq!(current, 1, "{view}");
        if HAVE_NO_FORM.contains(&view) {
            assert!(page.by_id("filters").is_none(), "{view}: a form that does nothing");
            continue;
        }
        let sent = sent(&page.by_id("filters").unwrap());
        let mut expected: BTreeMap<String, Vec<String>> =
            FILTERS.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        for (name, value) in [("from", "2026-11-09"), ("to", "2026-11-22"), ("compare", "previous")] {
            expected.insert(name.to_owned(), vec![value.to_owned()]);
        }
        assert_eq!(sent, expected, "{view}");
    }
}

#[test]
fn a_filter_is_served_or_greyed_out_with_the_reason() {
    let collector = populated();
    let mut greyed = Vec::new();
    for (path, view) in PAGES.into_iter().filter(|(_, view)| !HAVE_NO_FORM.contains(view)) {
        for (name, value) in FILTERS {
            let at = format!("{path}?{RANGE}&{name}={value}");
            let page = page(&collector, &at);
            let form = page.by_id("filters").unwrap();
            let visible: Vec<_> = controls(&form, name)
                .into_iter()
                .filter(|input| input.tag.get("type") != Some("hidden"))
                .collect();
            assert!(!visible.is_empty(), "{at}");
            let asked = page
                .tags()
                .filter_map(|tag| tag.get("data-api"))
                .any(|api| api.contains(&format!("{name}={value}")));
            let is_greyed = visible.iter().all(is_off);
            if is_greyed {
                greyed.push(format!("{view} {name}"));
                let why = visible[0].tag.get("aria-describedby").unwrap();
                let reason = page.by_id(why).unwrap().text();
                assert!(reason.contains("Not here:") && reason.contains("because"), "{at}: {reason}");
                assert!(page.text().contains(&format!("{name} {value} (not applied here)")), "{at}");
                assert!(!asked, "{at} asks for what cannot be served");
            } else {
                assert!(asked, "{at} does not ask for its filter");
            }
        }
    }
    insta::assert_snapshot!(greyed.join("\n"), @"
    overview agent
    overview model
    commands agent
    commands model
    tools model
    tool model
    adoption agent
    adoption model
    retention agent
    retention model
    health version
    health os
    health arch
    health caller
    health agent
    health model
    ");
}

#[test]
fn presets_and_empty_fields_are_understood() {
    let collector = Collector::start();
    assert_eq!(collector.send([command(1, 1, NOW, "run", true)]).tally().0, 1);
    let week = page(&collector, &format!("/commands?from=2026-11-16&to={TODAY}&version=&compare="));
    let presets = week.all("ul").into_iter().find(|list| list.tag.get("class") == Some("presets")).unwrap();
    let current: Vec<String> = presets
        .all("a")
        .iter()
        .filter(|link| link.tag.get("aria-current").is_some())
        .map(Element::text)
        .collect();
    assert_eq!(current, ["7 days"]);
    let bare = page(&collector, "/commands?from=&to=");
    assert!(bare.text().contains("2026-10-24 to 2026-11-22, UTC, both days included"), "{}", bare.text());
    assert_eq!(
        bare.one("nav").all("a")[2].tag.get("href"),
        Some("/tools"),
        "the days move on with the calendar"
    );
}

#[test]
fn two_versions_are_put_side_by_side() {
    let collector = populated();
    let plain = page(&collector, &format!("/adoption?{RANGE}"));
    let link = plain.all("a").into_iter().find(|link| link.text() == "Side by side").unwrap();
    assert_eq!(link.tag.get("href"), Some(&*format!("/adoption?{RANGE}&version=2.0.0&version=1.0.0")));
    let both = page(&collector, link.tag.get("href").unwrap());
    let tables: Vec<&str> =
        both.all("table").iter().filter_map(|table| table.tag.get("data-table")).collect();
    assert!(
        tables.starts_with(&["verdict_measures", "compared", "compared_commands", "compared_tools"]),
        "{tables:?}"
    );
}

#[test]
fn what_cannot_be_understood_is_explained_in_html() {
    let collector = Collector::start();
    for (path, _) in PAGES {
        for (query, told) in [
            ("from=%3Cscript%3E", "from must be a UTC date"),
            ("from=2026-11-02&to=2026-11-01", "is after to"),
            ("colour=blue", "takes no parameter \"colour\"; it takes from, to, compare, source, version"),
            ("compare=yes", "compare must be previous"),
            ("from=2026-11-02&from=2026-11-03", "given twice"),
        ] {
            let reply = collector.get(&format!("{path}?{query}"));
            let kind = reply.header("content-type");
            assert_eq!((reply.status, kind), (400, Some("text/html; charset=utf-8")), "{path} {query}");
            let text = Html::parse(&reply.body).text();
            assert!(text.contains(told), "{path}: {text}");
        }
    }
}
