//! The catalogue as a list, for somebody who wants to read it.

use super::{Catalogue, Price};

/// A model and its prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Listed<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The model.
    pub model: &'a str,
    /// What a million tokens cost that the model reads.
    pub input: f64,
    /// What a million tokens cost that the model writes.
    pub output: f64,
    /// What a million tokens cost that come from a cache, where they have a price of their own.
    pub cache_read: Option<f64>,
    /// The longest prompt to which these prices apply.
    pub up_to_input: Option<u64>,
}

impl Catalogue {
    /// Every model with a known price, by provider and name.
    pub fn list(&self) -> impl Iterator<Item = Listed<'_>> {
        let listed = |provider, model, price: Price| Listed {
            provider,
            model,
            input: usd_per_million(price.input),
            output: usd_per_million(price.output),
            cache_read: price.cache_read.map(usd_per_million),
            up_to_input: price.up_to_input,
        };
        self.models.iter().flat_map(move |(provider, models)| {
            models.iter().filter_map(move |(model, entry)| {
                Some(listed(provider.as_str(), model.as_str(), entry.price?))
            })
        })
    }
}

/// Femto-dollars per token as dollars per million tokens.
fn usd_per_million(femto_per_token: u64) -> f64 {
    femto_per_token as f64 / 1e9
}
