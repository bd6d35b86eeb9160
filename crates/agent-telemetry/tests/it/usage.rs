//! P11: what one call used, also where a provider reports running totals.

use std::time::Duration;

use agent_telemetry::testing::capture;
use agent_telemetry::{CumulativeUsage, Name, NanoUsd, Usage};
use proptest::prelude::*;
use serde_json::Value;

/// The properties of the token events that these usages become.
fn recorded(usages: impl IntoIterator<Item = Usage>) -> Vec<Value> {
    let (cx, capture) = capture();
    let session = cx.session(Name::agent("root")).start();
    usages.into_iter().for_each(|usage| session.tokens(usage));
    let tokens = capture.records().into_iter().filter(|record| record["event"] == "token");
    tokens.map(|record| record["properties"].clone()).collect()
}

fn total(input: u64, output: u64, nano: u64) -> CumulativeUsage {
    CumulativeUsage::total(input, output).cost(NanoUsd::new(nano))
}

#[test]
fn p11_running_totals_become_what_each_call_used() {
    let totals = [
        total(100, 50, 1_000_000_000).cache_read(10).cache_write(90).reasoning(5),
        total(250, 90, 1_500_000_000).cache_read(110).cache_write(90).reasoning(25),
        total(250, 90, 1_500_000_000).cache_read(110).cache_write(90).reasoning(25),
    ];
    let mut before = CumulativeUsage::ZERO;
    let usages = totals.map(|total| total.since(&std::mem::replace(&mut before, total)));
    let lines: Vec<String> = recorded(usages)
        .iter()
        .map(|p| {
            let keys =
                ["input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens"];
            let numbers: Vec<String> =
                keys.iter().map(|key| p.get(key).map_or(0, |n| n.as_u64().unwrap()).to_string()).collect();
            format!("{} {} {}", numbers.join(" "), p.get("reasoning_tokens").unwrap_or(&0.into()), p["cost"])
        })
        .collect();
    assert_eq!(lines, ["100 50 150 10 90 5 1", "150 40 190 100 0 20 0.5", "0 0 0 0 0 0 0"]);
}

#[test]
fn p11_how_long_a_model_took_is_recorded_as_it_was_measured() {
    let usages = [Usage::delta(1, 1).duration(Duration::from_micros(1_234_567)), Usage::delta(1, 1)];
    let took: Vec<Value> = recorded(usages).iter().map(|p| p["duration_ms"].clone()).collect();
    assert_eq!(took, [1234, 0]);
}

#[test]
fn p11_a_counter_that_began_anew_invents_nothing() {
    let usage = total(5, 60, 10).since(&total(1_000, 50, 2_000));
    let p = &recorded([usage])[0];
    assert_eq!((p["input_tokens"].as_u64(), p["output_tokens"].as_u64()), (Some(0), Some(10)));
    assert_eq!(p["cost"], 0);
}

#[test]
fn p11_a_cost_is_known_when_both_readings_know_it() {
    let (known, unknown) = (total(2, 2, 5), CumulativeUsage::total(1, 1));
    for usage in [known.since(&unknown), unknown.since(&known), unknown.since(&unknown)] {
        assert_eq!(recorded([usage])[0].get("cost"), None);
    }
    assert!(recorded([known.since(&CumulativeUsage::ZERO)])[0].get("cost").is_some());
}

proptest! {
    #[test]
    fn p11_the_parts_of_a_counter_add_up_to_it(steps in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 40), 1..8)) {
        let (mut input, mut output) = (0, 0);
        let mut before = CumulativeUsage::ZERO;
        let usages: Vec<Usage> = steps.iter().map(|(more_input, more_output)| {
            input += more_input;
            output += more_output;
            let now = CumulativeUsage::total(input, output);
            now.since(&std::mem::replace(&mut before, now))
        }).collect();
        let sum: u64 = recorded(usages).iter().map(|p| p["total_tokens"].as_u64().unwrap()).sum();
        prop_assert_eq!(sum, input + output);
    }
}
