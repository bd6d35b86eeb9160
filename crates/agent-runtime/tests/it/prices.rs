//! Prices: exact, or unknown.

use agent_runtime::prices::Catalogue;
use agent_runtime::provider::Usage;

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
