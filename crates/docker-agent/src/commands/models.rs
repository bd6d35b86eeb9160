//! `docker-agent models`: which models could be used here, and what they cost.
//!
//! No network is asked: a model is available if its provider's key is set. The prices are those that `run` counts with.

use std::fmt::Write as _;

use agent_runtime::Environment;
use agent_runtime::prices::{Catalogue, Listed};
use agent_runtime::provider::endpoint::{KnownProvider, known_providers};
use agent_telemetry::Ended;
use serde::Serialize;

use super::run::prices;
use crate::args::ModelsArgs;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

/// Shows the models.
pub(crate) fn run(args: &ModelsArgs, startup: &Startup) -> Outcome {
    let list = list(&startup.environment()?, &prices::read(startup.config_dir())?, args.all);
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&list).unwrap_or_default())
    } else {
        page(&list)
    };
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}

#[derive(Debug, Serialize)]
struct List {
    models: Vec<Model>,
    providers: Vec<Provider>,
}

#[derive(Debug, Serialize)]
struct Model {
    /// As `run --model` takes it.
    model: String,
    available: bool,
    usd_per_million_tokens: Prices,
    /// The longest prompt to which these prices apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to_input_tokens: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Prices {
    input: f64,
    output: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Provider {
    name: &'static str,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_variable: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    base_url: &'static str,
}

fn list(environment: &Environment, prices: &Catalogue, all: bool) -> List {
    let has_key =
        |known: &KnownProvider| known.key_variable.is_none_or(|name| environment.get(name).is_some());
    let provider = |known: KnownProvider| Provider {
        name: known.name,
        available: has_key(&known),
        key_variable: known.key_variable,
        base_url: known.base_url,
    };
    let providers: Vec<Provider> = known_providers().map(provider).collect();
    let model = |listed: Listed<'_>| Model {
        model: format!("{}/{}", listed.provider, listed.model),
        available: providers.iter().any(|known| known.name == listed.provider && known.available),
        usd_per_million_tokens: Prices {
            input: listed.input,
            output: listed.output,
            cache_read: listed.cache_read,
        },
        up_to_input_tokens: listed.up_to_input,
    };
    let models = prices.list().map(model).filter(|model| all || model.available).collect();
    List { models, providers }
}

fn page(list: &List) -> String {
    let mut out = String::new();
    if list.models.is_empty() {
        out.push_str("No model with a known price is available: no key is set. --all shows them.\n");
    } else {
        let width = list.models.iter().map(|model| model.model.len()).max().unwrap_or_default();
        let _ = writeln!(out, "{:width$}  {:>8}  {:>8}  {:>8}", "", "input", "output", "cached");
        for model in &list.models {
            let Prices { input, output, cache_read } = &model.usd_per_million_tokens;
            let cached = cache_read.map(dollars).unwrap_or_default();
            let row = format!(
                "{:width$}  {:>8}  {:>8}  {cached:>8}",
                model.model,
                dollars(*input),
                dollars(*output)
            );
            let key = if model.available { "" } else { "  no key" };
            let _ = writeln!(out, "{}{key}", row.trim_end());
        }
        out.push_str("US dollars per million tokens.\n");
    }
    let (here, elsewhere): (Vec<&Provider>, Vec<&Provider>) =
        list.providers.iter().partition(|provider| provider.available);
    let servers: Vec<String> = here
        .iter()
        .filter(|provider| provider.key_variable.is_none())
        .map(|provider| match provider.base_url {
            "" => provider.name.to_owned(),
            url => format!("{} ({url})", provider.name),
        })
        .collect();
    let _ = writeln!(out, "\nWithout a key, if they run: {}.", servers.join(", "));
    let missing: Vec<String> = elsewhere
        .iter()
        .filter_map(|provider| Some(format!("{} ({})", provider.name, provider.key_variable?)))
        .collect();
    if !missing.is_empty() {
        let _ = writeln!(out, "Without their key: {}.", missing.join(", "));
    }
    out
}

/// At least cents, and what is below them only if there is something.
fn dollars(price: f64) -> String {
    let exact = format!("{price:.4}");
    let short = exact.trim_end_matches('0');
    let places = short.len() - short.find('.').unwrap_or(short.len()) - 1;
    format!("{price:.*}", places.max(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_cents_or_exact() {
        assert_eq!(
            [2.5, 10.0, 0.075, 0.1, 0.00125].map(dollars),
            ["2.50", "10.00", "0.075", "0.10", "0.0013"]
        );
    }
}
