//! What holds for every page: it stands alone, it can be read by everybody, and it says what to do next.

use std::collections::BTreeSet;

use super::{PAGES, RANGE};
use crate::harness::{Collector, NOW, command};
use crate::html::Html;
use crate::views::populated;

#[test]
fn an_empty_collector_says_what_to_do_next() {
    let collector = Collector::start();
    for (path, view) in PAGES {
        let page = collector.get(path);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let text = Html::parse(&page.body).text();
        match view {
            "collected" => assert!(text.contains("What is never collected"), "{text}"),
            "live" => assert!(text.contains("A client sends from its second run on"), "{text}"),
            _ => {
                assert!(text.contains("No events yet"), "{text}");
                let endpoint = format!("TELEMETRY_ENDPOINT={}", collector.url("/events/v1/track"));
                assert!(text.contains(&endpoint), "{text}");
                assert!(text.contains("installs appear from their second run"), "{text}");
            }
        }
    }
}

/// A name that was given is one of a proxy with TLS: clients send nothing in the clear to other machines.
#[test]
fn the_endpoint_that_is_told_is_one_that_clients_can_use() {
    let collector = Collector::with(|settings| settings.access.hosts = vec!["stats.example.com".to_owned()]);
    let request = ureq::get(collector.url("/")).header("host", "stats.example.com");
    let page = crate::harness::reply(request.call().unwrap());
    let told = "TELEMETRY_ENDPOINT=https://stats.example.com/events/v1/track docker-agent version";
    assert!(Html::parse(&page.body).text().contains(told), "{}", page.body);
}

#[test]
fn a_range_without_events_leads_to_one_with_some() {
    let collector = Collector::start();
    assert_eq!(collector.send([command(1, 1, NOW, "run", true)]).tally().0, 1);
    for (path, view) in PAGES.into_iter().filter(|(_, view)| !["collected", "live"].contains(view)) {
        let at = format!("{path}?from=2026-09-10&to=2026-09-11&os=linux");
        let page = Html::parse(&collector.get(&at).body);
        let links: Vec<_> =
            page.all("a").into_iter().filter(|link| link.text() == "Look at more days").collect();
        assert!(!links.is_empty(), "{view}: {}", page.text());
        assert!(
            links[0].tag.get("href").unwrap().contains("from=2026-06-13&to=2026-09-11&os=linux"),
            "{view}"
        );
        assert!(page.text().contains("remove the filters"), "{view}");
    }
}

#[test]
fn pages_name_no_other_host_and_have_no_inline_code() {
    let collector = populated();
    for (path, _) in PAGES {
        let body = collector.get(&format!("{path}?{RANGE}")).body;
        let page = Html::parse(&body);
        for tag in page.tags() {
            assert!(!tag.names().any(|name| name == "style" || name.starts_with("on")), "{path}: {tag:?}");
            assert!(tag.name != "style", "{path}");
        }
        assert!(!body.contains("javascript:") && !body.contains("https://"), "{path}");
        let urls: BTreeSet<&str> = body
            .match_indices("http://")
            .map(|(at, _)| body[at..].split(['"', '\'', '/', ' ']).nth(2).unwrap())
            .collect();
        // The name of the SVG namespace inside the icon; it is not fetched.
        assert_eq!(urls, BTreeSet::from(["www.w3.org"]), "{path}");
    }
    for path in ["/assets/page.css", "/assets/page.js", "/assets/live.js"] {
        let asset = collector.get(path);
        assert_eq!(asset.status, 200);
        assert!(!asset.body.contains("http") && !asset.body.contains("innerHTML"), "{path}");
    }
}

/// At most 300 KiB and 12 requests a view.
#[test]
fn pages_are_light() {
    let collector = populated();
    for (path, _) in PAGES {
        // A year, compared: as much as a page can have to show of this store.
        let body = collector.get(&format!("{path}?from=2025-11-23&to=2026-11-22&compare=previous")).body;
        let page = Html::parse(&body);
        let styles = page.all("link").into_iter().filter_map(|link| link.tag.get("href"));
        let scripts = page.all("script").into_iter().filter_map(|script| script.tag.get("src"));
        let files: Vec<&str> = styles.chain(scripts).filter(|file| !file.starts_with("data:")).collect();
        let bytes: usize =
            files.iter().map(|file| collector.get(file).body.len()).sum::<usize>() + body.len();
        assert!(files.len() < 12 && bytes <= 300 << 10, "{path}: {bytes} bytes, {files:?}");
    }
}

#[test]
fn pages_can_be_read_without_seeing_them() {
    let collector = populated();
    let mut charts = 0;
    for (path, _) in PAGES {
        let page = Html::parse(&collector.get(&format!("{path}?{RANGE}")).body);
        assert_eq!(page.one("html").tag.get("lang"), Some("en"));
        assert_eq!(
            (page.all("h1").len(), page.all("header").len(), page.all("footer").len()),
            (1, 1, 1),
            "{path}"
        );
        let skip = &page.all("a")[0];
        assert_eq!((skip.text().as_str(), skip.tag.get("href")), ("Skip to the content", Some("#main")));
        assert_eq!(page.one("main").tag.get("id"), Some("main"));
        for table in page.all("table") {
            assert_eq!(table.all("caption").len(), 1, "{path}");
            assert!(table.all("th").iter().all(|heading| heading.tag.get("scope").is_some()), "{path}");
        }
        for svg in page.all("svg") {
            let is_hidden = svg.tag.get("aria-hidden") == Some("true");
            let label = svg.tag.get("aria-label").unwrap_or_default();
            assert!(
                is_hidden || svg.tag.get("role") == Some("img") && !label.is_empty(),
                "{path}: {:?}",
                svg.tag
            );
        }
        for figure in page.all("figure").iter().filter(|figure| figure.tag.get("class") == Some("plot")) {
            let values = figure.all("path").into_iter().filter_map(|line| line.tag.get("data-values"));
            let days: BTreeSet<usize> = values.map(|values| values.split(' ').count()).collect();
            assert_eq!(days, BTreeSet::from([14]), "{path}");
            assert_eq!(figure.tag.get("data-open"), Some("13"), "{path}: the last day is not over");
            assert!(figure.text().contains("today, not over yet"), "{path}");
            charts += 1;
        }
        for input in page.all("input").iter().filter(|input| input.tag.get("aria-describedby").is_some()) {
            assert!(page.by_id(input.tag.get("aria-describedby").unwrap()).is_some(), "{path}");
        }
    }
    assert!(charts >= 12, "{charts}");
}

#[test]
fn the_built_in_catalogue_can_be_read() {
    let catalogue = telemetry_collector::docker_agent().unwrap();
    let events: BTreeSet<&str> = catalogue.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(events, BTreeSet::from(["command", "session", "token", "tool"]));
    assert_eq!(catalogue.source, "docker-agent");
}

/// What is not ours is as it was published.
#[test]
fn vendored_files_are_the_recorded_ones() {
    let rustls::SupportedCipherSuite::Tls13(suite) =
        rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256
    else {
        panic!("no suite of TLS 1.3");
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
    let recorded = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "README.md" || name.ends_with("LICENSE") {
            continue;
        }
        let hash = suite.common.hash_provider.hash(&std::fs::read(&path).unwrap());
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let line = recorded.lines().find(|line| line.contains(&format!("| `{name}` |"))).unwrap();
        assert!(line.contains(&hex), "{name} has {hex}");
        files += 1;
    }
    assert_eq!(files, 2);
}
