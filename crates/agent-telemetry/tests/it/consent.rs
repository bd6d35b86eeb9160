//! The decision, over every combination of inputs.

use agent_telemetry::consent::{ConsentFile, Decision, Facts, Saved, State, decide};
use agent_telemetry::{Endpoint, Inputs};

const OFFS: [&str; 6] = ["false", "0", "no", "off", " OFF ", "False"];
const ONS: [&str; 5] = ["true", "1", "yes", "on", " True "];

fn saved(text: &str) -> Saved {
    Saved::Read(serde_json::from_str::<ConsentFile>(text).unwrap())
}

fn file(choice: &str, notice: bool) -> Saved {
    let notice =
        if notice { r#","notice":{"version":1,"shown_ms":1,"endpoint":"https://t.example/x"}"# } else { "" };
    saved(&format!(r#"{{"format":1,"choice":{choice},"generation":1{notice}}}"#))
}

fn inputs(url: Option<&str>) -> Inputs {
    Inputs::from_lookup(|name| (name == "TELEMETRY_ENDPOINT").then(|| url.map(Into::into)).flatten())
}

fn decision(inputs: &Inputs, saved: &Saved, other: Option<&Saved>) -> Decision {
    decide(Facts::new(inputs, saved, other, &Endpoint::from_inputs(inputs)))
}

/// The rule of the promise, written down a second time: any off, else endpoint, else explicit on, else notice.
fn expected(
    enabled: Option<&str>,
    dnt: Option<&str>,
    file_enabled: Option<&str>,
    files: [&Saved; 2],
    url: Option<&str>,
) -> State {
    let clean = |text: &str| text.trim().to_lowercase();
    let says_off =
        |value: Option<&str>| value.map(clean).is_some_and(|v| !v.is_empty() && !ONS.contains(&v.as_str()));
    let tracks = |value: Option<&str>| {
        value.map(clean).is_none_or(|v| ["", "0", "false", "no", "off"].contains(&v.as_str()))
    };
    let file_off = |saved: &Saved| match saved {
        Saved::Missing => false,
        Saved::Read(file) => file.choice == Some(agent_telemetry::consent::Choice::Off),
        _ => true,
    };
    let file_on = |saved: &Saved| matches!(saved, Saved::Read(file) if file.choice == Some(agent_telemetry::consent::Choice::On));
    if says_off(enabled)
        || !tracks(dnt)
        || says_off(file_enabled)
        || files.iter().any(|saved| file_off(saved))
    {
        return State::Off;
    }
    let Some(url) = url else { return State::Held };
    if !url.starts_with("https://") && !url.contains("127.0.0.1") {
        return State::Held;
    }
    let explicit = enabled.map(clean).is_some_and(|v| ONS.contains(&v.as_str()))
        || files.iter().any(|saved| file_on(saved));
    let noticed = matches!(files[0], Saved::Read(file) if file.notice.as_ref().is_some_and(|notice| url.contains("127.0.0.1") || notice.endpoint == url));
    if explicit || noticed { State::On } else { State::Held }
}

#[test]
fn p2_every_combination_of_inputs_follows_the_rule() {
    let switches = [None, Some(""), Some("true"), Some("OFF"), Some("disabled"), Some("1"), Some("0")];
    let file_switches = [None, Some("true"), Some("false"), Some("?")];
    let saveds = [
        Saved::Missing,
        file("null", false),
        file("null", true),
        file("\"on\"", false),
        file("\"off\"", true),
        Saved::Corrupt,
        Saved::Newer,
        Saved::Unreadable(std::io::ErrorKind::PermissionDenied),
    ];
    let urls = [
        None,
        Some("https://t.example/x"),
        Some("https://other.example/x"),
        Some("http://t.example/x"),
        Some("http://127.0.0.1:1/x"),
        Some("rubbish"),
    ];
    let mut asked = 0;
    for url in urls {
        for enabled in switches {
            for dnt in switches {
                for file_enabled in file_switches {
                    for first in &saveds {
                        for second in &saveds {
                            let mut inputs = inputs(url);
                            inputs.enabled = enabled.map(str::to_owned);
                            inputs.do_not_track = dnt.map(str::to_owned);
                            inputs.file_enabled = file_enabled.map(str::to_owned);
                            let got = decision(&inputs, first, Some(second));
                            let want = expected(enabled, dnt, file_enabled, [first, second], url);
                            assert_eq!(
                                got.state, want,
                                "{url:?} {enabled:?} {dnt:?} {file_enabled:?} {first:?} {second:?} -> {got:?}"
                            );
                            assert!(got.inputs.iter().any(|line| line.name == got.decided_by), "{got:?}");
                            assert!(!(got.notice_due && got.state == State::Off), "{got:?}");
                            asked += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(asked, 6 * 7 * 7 * 4 * 8 * 8);
}

#[test]
fn p2_every_way_of_writing_no_and_yes() {
    for (values, state) in [(&OFFS[..], State::Off), (&ONS[..], State::On)] {
        for value in values {
            let mut inputs = inputs(Some("https://t.example/x"));
            inputs.enabled = Some((*value).to_owned());
            assert_eq!(decision(&inputs, &Saved::Missing, None).state, state, "{value:?}");
        }
    }
    for value in ["1", "true", "yes", "anything"] {
        let mut inputs = inputs(Some("https://t.example/x"));
        inputs.enabled = Some("true".to_owned());
        inputs.do_not_track = Some(value.to_owned());
        assert_eq!(decision(&inputs, &Saved::Missing, None).state, State::Off, "DO_NOT_TRACK={value}");
    }
}

#[test]
fn p2_a_value_nobody_understands_is_off_and_says_so() {
    let mut inputs = inputs(Some("https://t.example/x"));
    inputs.enabled = Some("disabled".to_owned());
    let decision = decision(&inputs, &Saved::Missing, None);
    assert_eq!(decision.state, State::Off);
    insta::assert_snapshot!(
        decision.complaint.unwrap(),
        @"TELEMETRY_ENABLED=disabled is not understood, so telemetry is off; use true or false"
    );
}

#[test]
fn p3_unset_means_on_after_the_notice() {
    let inputs = inputs(Some("https://t.example/x"));
    assert_eq!(decision(&inputs, &Saved::Missing, None).state, State::Held);
    assert_eq!(decision(&inputs, &file("null", true), None).state, State::On);
}

#[test]
fn endpoints() {
    let endpoint = |url: &str| Endpoint::from_inputs(&inputs(Some(url)));
    for url in [
        "http://127.0.0.1:4380/events/v1/track",
        "http://[::1]:80/x",
        "http://localhost/x",
        "https://127.0.0.1/x",
    ] {
        assert!(endpoint(url).is_loopback(), "{url}");
    }
    for url in [
        "https://localhost.example/x",
        "https://t.example:443/x",
        "https://[2001:db8::1]/x",
        "https://127.0.0.1.example/",
    ] {
        assert!(!endpoint(url).is_loopback() && endpoint(url).problem().is_none(), "{url}");
    }
    for url in [
        "ftp://x",
        "https://",
        "https:///path",
        "http://t.example/x",
        "https://user:pw@t.example/",
        "https://a b/",
        "https://t.example:65536/x",
        "https://t.example:0/x",
        "https://t.example:+1/x",
        "https://t.example:80:90/x",
        "http://[::1]t.example/x",
        "http://[::1/x",
    ] {
        assert!(endpoint(url).problem().is_some(), "{url}");
    }
    assert!(!endpoint("https://user:pw@t.example/").describe().contains("pw"));
    assert!(Endpoint::from_inputs(&inputs(None)).problem().is_some());
}

#[test]
fn p2_a_no_in_one_env_file_stays_whatever_the_next_says() {
    let file = |inputs: Inputs, name: &'static str, value: &'static str| {
        inputs.env_file(|asked| (asked == name).then(|| value.to_owned()))
    };
    let url = inputs(Some("https://t.example/x"));
    for (name, no, yes) in [("TELEMETRY_ENABLED", "false", "true"), ("DO_NOT_TRACK", "1", "0")] {
        let first = file(file(url.clone(), name, no), name, yes);
        let last = file(file(url.clone(), name, yes), name, no);
        for inputs in [first, last] {
            assert_eq!(decision(&inputs, &file_saved(), None).state, State::Off, "{name}");
        }
    }
}

fn file_saved() -> Saved {
    file("\"on\"", true)
}

#[test]
fn p12_the_table_for_people_is_what_is_decided() {
    insta::assert_snapshot!(agent_telemetry::consent::table(), @r"
| `TELEMETRY_ENABLED` | `DO_NOT_TRACK` | env-file | saved choice | notice | endpoint | telemetry is | because of |
|---|---|---|---|---|---|---|---|
|  |  |  |  | not yet shown |  | **held** | notice |
|  |  |  |  | shown earlier |  | **on** | notice |
|  |  |  |  | hidden |  | **held** | notice |
|  |  |  |  | shown earlier | another than in the notice | **held** | notice |
|  |  |  |  | shown earlier | this machine | **on** | notice |
| `true` |  |  |  | not yet shown |  | **on** | TELEMETRY_ENABLED |
| `false` |  |  |  | shown earlier |  | **off** | TELEMETRY_ENABLED |
| `OFF` |  |  |  | shown earlier |  | **off** | TELEMETRY_ENABLED |
| `maybe` |  |  |  | shown earlier |  | **off** | TELEMETRY_ENABLED |
| `false` |  |  | on | shown earlier |  | **off** | TELEMETRY_ENABLED |
|  | `1` |  |  | shown earlier |  | **off** | DO_NOT_TRACK |
|  | `0` |  |  | shown earlier |  | **on** | notice |
| `true` | `1` |  |  | shown earlier |  | **off** | DO_NOT_TRACK |
| `true` |  | `TELEMETRY_ENABLED=false` |  | shown earlier |  | **off** | TELEMETRY_ENABLED in --env-from-file |
|  |  | `TELEMETRY_ENABLED=true` |  | not yet shown |  | **held** | notice |
|  |  |  | on | not yet shown |  | **on** | saved choice |
|  |  |  | off | shown earlier |  | **off** | saved choice |
| `true` |  |  | off | shown earlier |  | **off** | saved choice |
|  |  |  | on here, off in the default folder | shown earlier |  | **off** | saved choice in the default folder |
| `true` |  |  | cannot be read | unknown |  | **off** | saved choice |
|  |  |  | of a newer version | unknown |  | **off** | saved choice |
| `true` |  |  |  | not yet shown | none in this build | **held** | endpoint |
| `true` |  |  |  | not yet shown | plain HTTP to another machine | **held** | endpoint |
");
}
