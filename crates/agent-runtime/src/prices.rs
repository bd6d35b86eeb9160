//! What models cost: a small catalogue in the form of models.dev (USD per million tokens), and exact arithmetic.
//!
//! The numbers are list prices for text as the providers' public pages stated them in 2025:
//! <https://platform.openai.com/docs/pricing>, <https://mistral.ai/pricing>, <https://docs.x.ai/docs/models>.
//! Standard tier; batch, priority and regional prices differ. `up_to_input` marks a model whose longer prompts
//! cost more: beyond it the price is unknown here. A model that is not listed has no price, which is not zero.

mod listed;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use agent_telemetry::NanoUsd;
use serde::Deserialize;

use crate::provider::Usage;

pub use self::listed::Listed;

const BUNDLED: &str = include_str!("prices/catalogue.json");

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::from_json(BUNDLED).unwrap_or_default());

/// Prices by provider and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    prices: BTreeMap<String, BTreeMap<String, Price>>,
}

/// One model's prices in femto-dollars per token, which makes every price of up to nine decimals exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Price {
    input: u64,
    output: u64,
    cache_read: Option<u64>,
    up_to_input: Option<u64>,
}

/// Femto-dollars in a nano-dollar.
const FEMTO_PER_NANO: u128 = 1_000_000;

#[derive(Deserialize)]
struct ProviderEntry {
    models: BTreeMap<String, ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    cost: Option<CostEntry>,
}

#[derive(Deserialize)]
struct CostEntry {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    up_to_input: Option<u64>,
}

impl Catalogue {
    /// The catalogue that is built in.
    #[must_use]
    pub fn bundled() -> &'static Self {
        &CATALOGUE
    }

    /// Reads a catalogue in the form of models.dev's `api.json`; members that are not needed are ignored.
    ///
    /// # Errors
    ///
    /// The text has another form.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let providers: BTreeMap<String, ProviderEntry> = serde_json::from_str(text)?;
        let prices = providers.into_iter().map(|(provider, entry)| {
            let models = entry
                .models
                .into_iter()
                .filter_map(|(model, entry)| Some((model, Price::new(&entry.cost?)?)));
            (provider, models.collect())
        });
        Ok(Self { prices: prices.collect() })
    }

    /// Tells whether the catalogue lists a model.
    #[must_use]
    pub fn lists(&self, provider: &str, model: &str) -> bool {
        self.price(provider, model).is_some()
    }

    /// What a call cost, or nothing if the price is not known. Rounded to the nearest nano-dollar.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, usage: Usage) -> Option<NanoUsd> {
        let price = self.price(provider, model)?;
        if price.up_to_input.is_some_and(|limit| usage.input > limit) {
            return None;
        }
        let cached = usage.cached.min(usage.input);
        let parts = [
            (usage.input - cached, price.input),
            (cached, price.cache_read.unwrap_or(price.input)),
            (usage.output, price.output),
        ];
        let femto: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        let nano = (femto + FEMTO_PER_NANO / 2) / FEMTO_PER_NANO;
        u64::try_from(nano).ok().map(NanoUsd::new)
    }

    fn price(&self, provider: &str, model: &str) -> Option<&Price> {
        self.prices.get(provider)?.get(model)
    }
}

impl Price {
    fn new(cost: &CostEntry) -> Option<Self> {
        Some(Self {
            input: femto_per_token(cost.input)?,
            output: femto_per_token(cost.output)?,
            cache_read: match cost.cache_read {
                Some(price) => Some(femto_per_token(price)?),
                None => None,
            },
            up_to_input: cost.up_to_input,
        })
    }
}

/// USD per million tokens as femto-dollars per token: a factor of 10⁹.
fn femto_per_token(usd_per_million: f64) -> Option<u64> {
    let femto = (usd_per_million * 1e9).round();
    // 10⁶ dollars per million tokens are far beyond any price; NaN fails the comparison.
    (0.0..=1e15).contains(&femto).then_some(femto as u64)
}
