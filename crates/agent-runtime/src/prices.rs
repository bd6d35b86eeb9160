//! What models cost and how much they read: a catalogue in the form of models.dev, and exact arithmetic.
//!
//! Prices are list prices for text in USD per million tokens, standard tier; batch, priority and regional prices
//! differ. Each entry of the bundled catalogue says where its numbers come from and when they were looked up; `null`
//! marks what could not be checked. `up_to_input` marks a model whose longer prompts cost more: beyond it the price
//! is unknown here. A model that is not listed has no price, which is not zero.
//! A newer catalogue, `https://models.dev/api.json` for one, can be laid over the bundled one.

mod listed;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use agent_telemetry::NanoUsd;
use serde::Deserialize;

use crate::config::nearest_of;
use crate::provider::Usage;

pub use self::listed::Listed;

const BUNDLED: &str = include_str!("prices/catalogue.json");

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::from_json(BUNDLED).unwrap_or_default());

/// Prices by provider and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    models: BTreeMap<String, BTreeMap<String, Entry>>,
}

/// How much a model reads and writes, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of a conversation and its answer together.
    pub context: Option<u64>,
    /// Tokens of one answer.
    pub output: Option<u64>,
}

/// What is known of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    price: Option<Price>,
    limits: Limits,
}

/// One model's prices in femto-dollars per token, which makes every price of up to nine decimals exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Price {
    input: u64,
    output: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
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
    limit: Option<LimitEntry>,
}

#[derive(Deserialize)]
struct LimitEntry {
    context: Option<u64>,
    output: Option<u64>,
}

#[derive(Deserialize)]
struct CostEntry {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
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
        let models = providers.into_iter().map(|(provider, entry)| {
            let models = entry.models.into_iter().map(|(model, entry)| (model, Entry::new(&entry)));
            (provider, models.collect())
        });
        Ok(Self { models: models.collect() })
    }

    /// This catalogue with another one laid over it, model by model.
    #[must_use]
    pub fn updated(mut self, newer: Self) -> Self {
        for (provider, models) in newer.models {
            self.models.entry(provider).or_default().extend(models);
        }
        self
    }

    /// Tells whether the catalogue has a price for a model.
    #[must_use]
    pub fn lists(&self, provider: &str, model: &str) -> bool {
        self.price(provider, model).is_some()
    }

    /// The model of that provider whose name is most like this one, if one is; it has a price, and another name.
    #[must_use]
    pub fn nearest(&self, provider: &str, model: &str) -> Option<&str> {
        let models = self.models.get(provider)?.keys().map(String::as_str);
        nearest_of(model, models.filter(|known| *known != model && self.lists(provider, known)))
    }

    /// How much a model reads and writes.
    #[must_use]
    pub fn limits(&self, provider: &str, model: &str) -> Limits {
        self.entry(provider, model).map(|entry| entry.limits).unwrap_or_default()
    }

    /// What a call cost, or nothing if the price is not known. Rounded to the nearest nano-dollar.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, usage: Usage) -> Option<NanoUsd> {
        let price = self.price(provider, model)?;
        if price.up_to_input.is_some_and(|limit| usage.input > limit) {
            return None;
        }
        let read = usage.cache_read.min(usage.input);
        let written = usage.cache_write.min(usage.input - read);
        let parts = [
            (usage.input - read - written, price.input),
            (read, price.cache_read.unwrap_or(price.input)),
            (written, price.cache_write.unwrap_or(price.input)),
            (usage.output, price.output),
        ];
        let femto: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        let nano = (femto + FEMTO_PER_NANO / 2) / FEMTO_PER_NANO;
        u64::try_from(nano).ok().map(NanoUsd::new)
    }

    fn price(&self, provider: &str, model: &str) -> Option<Price> {
        self.entry(provider, model)?.price
    }

    fn entry(&self, provider: &str, model: &str) -> Option<&Entry> {
        self.models.get(provider)?.get(model)
    }
}

impl Entry {
    fn new(entry: &ModelEntry) -> Self {
        let limit = entry.limit.as_ref();
        // models.dev writes 0 for what it does not know.
        let known = |tokens: Option<u64>| tokens.filter(|tokens| *tokens > 0);
        Self {
            price: entry.cost.as_ref().and_then(Price::new),
            limits: Limits {
                context: known(limit.and_then(|limit| limit.context)),
                output: known(limit.and_then(|limit| limit.output)),
            },
        }
    }
}

impl Price {
    fn new(cost: &CostEntry) -> Option<Self> {
        // A price that is no price makes the whole entry unknown.
        let optional =
            |price: Option<f64>| price.map_or(Some(None), |price| femto_per_token(price).map(Some));
        Some(Self {
            input: femto_per_token(cost.input)?,
            output: femto_per_token(cost.output)?,
            cache_read: optional(cost.cache_read)?,
            cache_write: optional(cost.cache_write)?,
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
