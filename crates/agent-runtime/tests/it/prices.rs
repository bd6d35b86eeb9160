//! Prices: exact, or unknown.

use agent_runtime::prices::Catalogue;
use agent_runtime::provider::Usage;
use agent_runtime::{Agent, Choice, Environment, Keys, config};

fn cost(provider: &str, model: &str, input: u64, output: u64, cached: u64) -> Option<u64> {
    let usage = Usage { input, output, cache_read: cached, ..Usage::default() };
    Catalogue::bundled().cost(provider, model, usage).map(|cost| cost.get())
}

#[test]
fn a_token_at_15_cents_per_million_is_150_nano_dollars() {
    assert_eq!(cost("openai", "gpt-4o-mini", 1, 0, 0), Some(150));
    assert_eq!(cost("openai", "gpt-4o-mini", 1_000_000, 0, 0), Some(150_000_000));
    assert_eq!(cost("openai", "gpt-4o-mini", 0, 1, 0), Some(600));
}

#[test]
fn cached_tokens_are_part_of_the_input_and_cheaper() {
    assert_eq!(cost("openai", "gpt-4o", 100, 10, 40), Some(60 * 2_500 + 40 * 1_250 + 10 * 10_000));
    assert_eq!(cost("mistral", "mistral-large-2411", 100, 0, 40), Some(100 * 2_000));
}

#[test]
fn tokens_written_to_a_cache_cost_more() {
    let usage = Usage { input: 1_000, output: 10, cache_read: 600, cache_write: 300, ..Usage::default() };
    let cost = Catalogue::bundled().cost("anthropic", "claude-sonnet-4-5", usage).map(|cost| cost.get());
    assert_eq!(cost, Some(100 * 3_000 + 600 * 300 + 300 * 3_750 + 10 * 15_000));
    // More than the whole cannot be cached, whatever a server says.
    let absurd = Usage { input: 100, cache_read: 80, cache_write: 80, ..Usage::default() };
    let cost = Catalogue::bundled().cost("anthropic", "claude-sonnet-4-5", absurd).map(|cost| cost.get());
    assert_eq!(cost, Some(80 * 300 + 20 * 3_750));
}

#[test]
fn limits_are_known_or_unknown() {
    let limits = |provider, model| Catalogue::bundled().limits(provider, model);
    let sonnet = limits("anthropic", "claude-sonnet-4-5");
    assert_eq!((sonnet.context, sonnet.output), (Some(200_000), Some(64_000)));
    assert_eq!(limits("openai", "gpt-17"), agent_runtime::prices::Limits::default());
}

#[test]
fn a_newer_catalogue_replaces_models_and_keeps_the_others() {
    let newer = r#"{"openai":{"models":{"gpt-4o":{"cost":{"input":1,"output":1},"limit":{"context":7,"output":0}},"gpt-17":{}}}}"#;
    let updated = Catalogue::bundled().clone().updated(Catalogue::from_json(newer).unwrap());
    let usage = Usage { input: 1, ..Usage::default() };
    assert_eq!(updated.cost("openai", "gpt-4o", usage).map(|cost| cost.get()), Some(1_000));
    assert_eq!(updated.limits("openai", "gpt-4o").context, Some(7));
    assert_eq!(updated.limits("openai", "gpt-4o").output, None);
    assert_eq!(updated.cost("openai", "gpt-17", usage), None);
    assert_eq!(updated.cost("openai", "gpt-4o-mini", usage).map(|cost| cost.get()), Some(150));
}

#[test]
fn every_bundled_entry_says_whether_it_was_checked() {
    let text = include_str!("../../src/prices/catalogue.json");
    let catalogue: serde_json::Value = serde_json::from_str(text).unwrap();
    for (provider, entry) in catalogue.as_object().unwrap() {
        for (model, entry) in entry["models"].as_object().unwrap() {
            let checked = entry.get("checked").unwrap_or_else(|| panic!("{provider}/{model} says nothing"));
            let dated = checked.as_str().is_none_or(|text| text.starts_with("20") && text.len() > 11);
            assert!(dated, "{provider}/{model}: {checked}");
            assert!(Catalogue::bundled().lists(provider, model), "{provider}/{model} has no price");
        }
    }
}

#[test]
fn an_unknown_price_is_not_zero() {
    assert_eq!(cost("openai", "gpt-17", 1, 1, 0), None);
    assert_eq!(cost("nobody", "gpt-4o", 1, 1, 0), None);
    assert_eq!(cost("xai", "grok-4", 128_000, 0, 0), Some(128_000 * 3_000));
    assert_eq!(cost("xai", "grok-4", 128_001, 0, 0), None);
}

#[test]
fn another_catalogue_in_the_form_of_models_dev() {
    let text = r#"{"p":{"id":"p","models":{"m":{"id":"m","cost":{"input":0.0005,"output":1,"cache_write":2}},"free":{"name":"x"}}}}"#;
    let catalogue = Catalogue::from_json(text).unwrap();
    let usage = |input| Usage { input, ..Usage::default() };
    // Half a nano-dollar a token: rounded once, at the end.
    assert_eq!(catalogue.cost("p", "m", usage(1_001)).map(|cost| cost.get()), Some(501));
    assert!(!catalogue.lists("p", "free"));
    assert!(Catalogue::from_json("[]").is_err());
}

#[test]
fn what_was_perhaps_meant_has_a_price_and_another_name() {
    let perhaps = |model: &str| {
        let text = format!("agents: {{root: {{model: {model}}}}}");
        let config = config::from_yaml("agent.yaml", &text).unwrap();
        let choice = Choice::default().keys(Keys::Unused);
        Agent::new(&config, &choice, &Environment::default()).unwrap().perhaps_meant()
    };
    assert_eq!(perhaps("openai/gpt-4oo").as_deref(), Some("openai/gpt-4o"));
    assert_eq!(perhaps("openai/gpt-4o"), None);
    assert_eq!(perhaps("openai/something-else-entirely"), None);
    assert_eq!(perhaps("ollama/gpt-4o"), None);
}
