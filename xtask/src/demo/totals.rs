//! The collector's summary against the events that it is a summary of.
//!
//! Every total is computed here once more, from the single events.

use serde_json::Value;

use super::account::EVENTS;
use super::events::property;

/// What is added up over events to give a total.
#[derive(Clone, Copy)]
enum Of {
    /// One for each event.
    Events,
    /// One for each event that did not succeed.
    Failures,
    /// The number in a property.
    Property(&'static str),
}

/// Totals over lists: the summary's list, its column, the events that are meant, and what of them is added up.
const TOTALS: [(&str, &str, &str, Of); 7] = [
    ("commands", "calls", "command", Of::Events),
    ("commands", "failures", "command", Of::Failures),
    ("tools", "calls", "tool", Of::Events),
    ("tools", "failures", "tool", Of::Failures),
    ("models", "input_tokens", "token", Of::Property("input_tokens")),
    ("models", "output_tokens", "token", Of::Property("output_tokens")),
    ("models", "cost", "token", Of::Property("cost")),
];

/// Finds totals in the summary that differ from what the events add up to.
pub(super) fn miscounted(stored: &[Value], summary: &Value) -> Vec<String> {
    let mut totals = Vec::new();
    for kind in EVENTS {
        totals.push((
            format!("events.{kind}"),
            summary["events"][kind].as_f64(),
            add(stored, kind, Of::Events),
        ));
    }
    let all: f64 = EVENTS.iter().map(|kind| add(stored, kind, Of::Events)).sum();
    totals.push(("ingest.accepted".to_owned(), summary["ingest"]["accepted"].as_f64(), all));
    for (list, column, kind, of) in TOTALS {
        let cells = summary[list].as_array().map(|rows| rows.iter().filter_map(|row| row[column].as_f64()));
        totals.push((format!("{list}.{column}"), cells.map(Iterator::sum), add(stored, kind, of)));
    }
    totals
        .into_iter()
        .filter(|(_, summed, added)| !summed.is_some_and(|summed| close(summed, *added)))
        .map(|(name, summed, added)| {
            let summed = summed.map_or("nothing".to_owned(), |summed| summed.to_string());
            format!("the summary says {summed} for {name}, and the events add up to {added}")
        })
        .collect()
}

fn add(stored: &[Value], kind: &str, of: Of) -> f64 {
    let events = stored.iter().filter(|event| event["event"] == kind);
    let values = events.map(|event| match of {
        Of::Events => 1.0,
        Of::Failures if *property(event, "is_success") == Value::Bool(false) => 1.0,
        Of::Failures => 0.0,
        Of::Property(name) => property(event, name).as_f64().unwrap_or_default(),
    });
    values.fold(0.0, |sum, value| sum + value)
}

/// Compares sums; money has nine decimals.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 5e-10
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored() -> Vec<Value> {
        vec![
            json!({"event": "command", "properties": {"is_success": false}}),
            json!({"event": "session", "properties": {}}),
            json!({"event": "tool", "properties": {"is_success": true}}),
            json!({"event": "token", "properties": {"input_tokens": 3, "output_tokens": 2, "cost": 0.1}}),
            json!({"event": "token", "properties": {"input_tokens": 4, "output_tokens": 1, "cost": 0.2}}),
            json!({"event": "token", "properties": {"input_tokens": 1, "output_tokens": 1}}),
        ]
    }

    fn summary() -> Value {
        json!({
            "events": {"command": 1, "session": 1, "tool": 1, "token": 3},
            "ingest": {"accepted": 6},
            "commands": [{"calls": 1, "failures": 1}],
            "tools": [{"calls": 1, "failures": 0}],
            "models": [
                {"input_tokens": 7, "output_tokens": 3, "cost": 0.3},
                {"input_tokens": 1, "output_tokens": 1, "cost": null}
            ]
        })
    }

    #[test]
    fn totals_that_agree_are_no_problem() {
        assert_eq!(miscounted(&stored(), &summary()), Vec::<String>::new());
    }

    #[test]
    fn each_total_that_differs_is_found() {
        for (list, column, _, _) in TOTALS {
            let mut wrong = summary();
            wrong[list][0][column] = json!(99);
            let found = miscounted(&stored(), &wrong);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(&format!("for {list}.{column}, ")), "{found:?}");
        }
        for kind in EVENTS {
            let mut wrong = summary();
            wrong["events"][kind] = json!(99);
            assert_eq!(miscounted(&stored(), &wrong).len(), 1);
        }
        let mut wrong = summary();
        wrong["ingest"]["accepted"] = json!(5);
        assert_eq!(
            miscounted(&stored(), &wrong),
            ["the summary says 5 for ingest.accepted, and the events add up to 6"]
        );
    }

    #[test]
    fn a_total_that_is_not_there_is_found() {
        assert_eq!(miscounted(&[], &json!({})).len(), EVENTS.len() + 1 + TOTALS.len());
    }
}
