//! Whether the newest version is worse than the one before it: in the answer, and in words on the page.

use serde_json::{Value, json};

use crate::harness::{Collector, NOW, command, id, tool};
use crate::html::Html;

/// Events of one version: 120 commands and 120 tool calls, of which some fail and some are slow.
fn events(
    version: &str,
    from: u64,
    (failed_commands, failed_calls, slow_calls): (u64, u64, u64),
) -> Vec<Value> {
    let commands = (0..120).map(|n| command(from + n, n, NOW, "run", n >= failed_commands));
    let calls = (0..120).map(|n| {
        let outcome = if n < failed_calls { "error" } else { "ok" };
        tool(from + 500 + n, NOW, "shell", outcome, if n < slow_calls { 4000 } else { 100 })
    });
    commands.chain(calls).map(|record| with_version(record, version)).collect()
}

fn with_version(mut record: Value, version: &str) -> Value {
    record["properties"]["version"] = version.into();
    record
}

fn collector(records: &[Value]) -> Collector {
    let collector = Collector::start();
    for some in records.chunks(64) {
        assert_eq!(collector.send(some.to_vec()).tally().2, 0);
    }
    collector
}

fn verdicts(collector: &Collector, query: &str) -> Value {
    collector.get(&format!("/api/v1/adoption{query}")).json()["verdicts"].clone()
}

/// The texts of the page, each a verdict.
fn told(collector: &Collector, query: &str) -> Vec<String> {
    let page = Html::parse(&collector.get(&format!("/adoption{query}")).body);
    let lists = page.all("ul");
    let list = lists.iter().find(|list| list.tag.get("class") == Some("verdicts"));
    list.map(|list| list.all("li").iter().map(|item| item.text()).collect()).unwrap_or_default()
}

#[test]
fn a_release_that_fails_more_often_and_is_slower_is_worse() {
    let records = [events("1.9.0", 1000, (6, 6, 0)), events("1.10.0", 3000, (6, 50, 60))].concat();
    let collector = collector(&records);
    assert_eq!(
        verdicts(&collector, ""),
        json!([{ "source": "docker-agent", "version": "1.10.0", "before": "1.9.0", "verdict": "worse" }])
    );
    let measures = collector.get("/api/v1/adoption?format=csv&table=verdict_measures").body;
    insta::assert_snapshot!(measures.replace("\r\n", "\n"), @"
    source,version,what,before,calls,before_calls,failure_rate,before_failure_rate,failure_verdict,p95_ms,before_p95_ms,duration_verdict
    docker-agent,1.10.0,commands,1.9.0,120,120,0.05,0.05,same,1243,1243,same
    docker-agent,1.10.0,tool_calls,1.9.0,120,120,0.416667,0.05,worse,4007,100,worse
    ");
    insta::assert_snapshot!(told(&collector, "").join("\n"), @"1.10.0 is worse than 1.9.0 : tool calls fail more often, 41.7 % instead of 5.0 %; tool calls are slower, 95 of 100 within 4.0 s instead of 100 ms; commands show no difference beyond chance. Side by side");
    // Numbers tell which one is newer, not the order in the address.
    let chosen = told(&collector, "?version=1.9.0&version=1.10.0");
    assert!(chosen[0].starts_with("1.10.0 is worse than 1.9.0"), "{chosen:?}");
}

#[test]
fn what_is_too_little_to_tell_is_said() {
    let few = |n: &Value| n["event"] == "tool" || n["event_id"].as_str().unwrap() < id(3020).as_str();
    let newer = events("1.10.0", 3000, (6, 6, 0)).into_iter().filter(few).collect();
    let collector = collector(&[events("1.9.0", 1000, (6, 6, 0)), newer].concat());
    assert_eq!(verdicts(&collector, "")[0]["verdict"], "no_worse");
    insta::assert_snapshot!(told(&collector, "").join("\n"), @"1.10.0 is no worse than 1.9.0 : tool calls show no difference beyond chance; there are too few commands to tell. Side by side");
}

#[test]
fn a_release_that_chance_cannot_tell_from_the_one_before_is_no_worse() {
    let records = [events("1.9.0", 1000, (6, 6, 0)), events("1.10.0", 3000, (8, 5, 1))].concat();
    let collector = collector(&records);
    assert_eq!(verdicts(&collector, "")[0]["verdict"], "no_worse");
    insta::assert_snapshot!(told(&collector, "").join("\n"), @"1.10.0 is no worse than 1.9.0 : commands and tool calls show no difference beyond chance. Side by side");
}

/// Two tools that may have the same versions are two things; the one that is used most comes first.
#[test]
fn each_tool_is_judged_by_itself() {
    let mut records = [events("1.0.0", 1000, (6, 6, 0)), events("1.1.0", 3000, (6, 6, 0))].concat();
    for version in ["v1.0.0", "v1.1.0"] {
        records.push(json!({ "event": "command", "event_timestamp": NOW, "source": "cagent",
            "properties": { "action": "run", "is_success": false, "version": version, "os": "linux" } }));
    }
    let collector = collector(&records);
    let told = told(&collector, "");
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("docker-agent 1.1.0 is no worse than 1.0.0"), "{told:?}");
    assert!(told[1].starts_with("cagent 1.1.0 has too few calls to say"), "{told:?}");
    let page = Html::parse(&collector.get("/adoption").body);
    let links = page.all("a").into_iter().filter(|link| link.text() == "Side by side");
    let links: Vec<_> = links.filter_map(|link| link.tag.get("href")).collect();
    let of = |source: &str| format!("/adoption?version=1.1.0&version=1.0.0&source={source}");
    assert_eq!(links, [of("docker-agent"), of("cagent")]);
}

#[test]
fn a_release_that_few_have_is_not_judged_but_the_one_before_it_is() {
    let few = (0..12).map(|n| with_version(command(5000 + n, n, NOW, "run", false), "2.0.0")).collect();
    let builds =
        (0..90).map(|n| with_version(command(6000 + n, n, NOW, "run", false), "3.0.0-dev")).collect();
    let records =
        [few, builds, events("1.9.0", 1000, (6, 50, 0)), events("1.10.0", 3000, (6, 6, 0))].concat();
    let collector = collector(&records);
    assert_eq!(
        verdicts(&collector, ""),
        json!([
            { "source": "docker-agent", "version": "2.0.0", "before": "1.10.0", "verdict": "too_few" },
            { "source": "docker-agent", "version": "1.10.0", "before": "1.9.0", "verdict": "no_worse" },
        ])
    );
    insta::assert_snapshot!(told(&collector, "").join("\n"), @"
    2.0.0 has too few calls to say whether it is worse than 1.10.0 : commands: 12 against 120, tool calls: 0 against 120; 100 of one kind are needed on both sides. Side by side
    1.10.0 is no worse than 1.9.0 : commands show no difference beyond chance; tool calls fail less often, 5.0 % instead of 41.7 %. Side by side
    ");
    assert_eq!(verdicts(&collector, "?version=2.0.0")[0]["verdict"], "nothing_before");
    insta::assert_snapshot!(told(&collector, "?version=2.0.0").join("\n"), @"2.0.0 has no version before it to be compared with .");
    assert_eq!(verdicts(&collector, "?os=windows"), json!([]));
}
