//! From what a file says about an agent's models to models that can be asked.

use super::{AgentError, Choice};
use crate::config::{self, AgentConfig, Config, ModelConfig, ModelRef};
use crate::environment::Environment;
use crate::prices::Catalogue;
use crate::provider::model::ModelSettings;
use crate::provider::{Model, OutputSchema, auto};

/// The models of an agent.
pub(super) struct Models {
    /// Who is asked.
    pub(super) model: Model,
    /// Who takes turns with it.
    pub(super) alloy: Vec<Model>,
    /// Who stands in when none of these can answer.
    pub(super) fallback: Vec<Model>,
    /// Why it is this model, if the file left the choice to the program.
    pub(super) auto: Option<String>,
}

/// Finds the models of an agent that is asked with `reference`.
///
/// # Errors
///
/// There is no such model, something does not run yet, or a key is missing.
pub(super) fn resolve(
    config: &Config,
    agent: &AgentConfig,
    reference: &ModelRef,
    choice: &Choice,
    environment: &Environment,
) -> Result<Models, AgentError> {
    let prices = &choice.prices;
    let mut parts = reference.parts().into_iter();
    let first = parts.next().unwrap_or(ModelRef::Auto);
    let alloy = parts.map(|part| find(config, prices, &part)).collect::<Result<Vec<_>, _>>()?;
    let first =
        if alloy.is_empty() { found(config, prices, &first)? } else { Some(find(config, prices, &first)?) };
    let stand_ins = agent.fallback.iter().flat_map(|fallback| &fallback.models);
    let stand_ins =
        stand_ins.map(|reference| found(config, prices, reference)).collect::<Result<Vec<_>, _>>()?;
    let unsupported = config.unsupported_for(&agent.name, reference);
    if !unsupported.is_empty() {
        return Err(AgentError::Unsupported(unsupported));
    }
    let choose = || auto::choose(environment, choice.keys, auto::answers);
    let (settings, why) = match first {
        Some(settings) => (settings, None),
        None => choose().map(|chosen| (chosen.settings, Some(chosen.why)))?,
    };
    let output = agent.structured_output.as_ref().map(OutputSchema::from);
    let resolved = |settings: ModelSettings| {
        let settings = ModelSettings { output: output.clone(), ..settings };
        Model::resolve(&settings, &choice.prices, environment, choice.keys)
    };
    let model = resolved(settings)?;
    let mut fallback = Vec::new();
    for settings in stand_ins {
        let settings = match settings {
            Some(settings) => settings,
            None => choose()?.settings,
        };
        fallback.push(resolved(settings)?);
    }
    Ok(Models {
        auto: why.map(|why| format!("{}: {why}", model.id())),
        model,
        alloy: alloy.into_iter().map(resolved).collect::<Result<_, _>>()?,
        fallback,
    })
}

/// The one model behind a reference; nothing where the program is to choose.
fn found(
    config: &Config,
    prices: &Catalogue,
    reference: &ModelRef,
) -> Result<Option<ModelSettings>, AgentError> {
    match reference {
        ModelRef::Auto => Ok(None),
        named => find(config, prices, named).map(Some),
    }
}

/// The one model behind a name.
fn find(config: &Config, prices: &Catalogue, reference: &ModelRef) -> Result<ModelSettings, AgentError> {
    let settings = |model: &ModelConfig| ModelSettings::from_config(config, model);
    let unknown = |name: &str, hint: Option<String>| {
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        AgentError::UnknownModel { name: name.to_owned(), file: config.file_name.clone(), hint }
    };
    match reference {
        ModelRef::Auto | ModelRef::Alloy(_) => Err(unknown(&reference.to_string(), None)),
        ModelRef::Named(name) => match config.model(name) {
            Some(model) => Ok(settings(model)),
            None => Err(unknown(name, nearest_model(name, config, prices))),
        },
        ModelRef::Inline { provider, model } => {
            let name = format!("{provider}/{model}");
            if let Some(named) = config.model(&name) {
                return Ok(settings(named));
            }
            if model.is_empty() || !config.provider_names().any(|known| known == provider) {
                return Err(unknown(&name, nearest_provider(provider, model, config)));
            }
            let (provider, model) = (provider.clone(), model.clone());
            Ok(settings(&ModelConfig { name, provider, model, ..ModelConfig::default() }))
        }
    }
}

/// The hint for a word that is neither a model of the file nor `provider/model`: one of these that is much like it.
fn nearest_model(word: &str, config: &Config, prices: &Catalogue) -> Option<String> {
    let named: Vec<String> = prices
        .list()
        .filter(|listed| listed.model.eq_ignore_ascii_case(word))
        .map(|listed| format!("{}/{}", listed.provider, listed.model))
        .collect();
    match named.as_slice() {
        [] => config::nearest(word, config.models.iter().map(|model| model.name.as_str())),
        several => Some(format!("did you mean `{}`?", several.join("` or `"))),
    }
}

/// The hint for `provider/model` with a provider that nobody knows.
fn nearest_provider(provider: &str, model: &str, config: &Config) -> Option<String> {
    if model.is_empty() {
        return Some(format!("write the model behind `{provider}/`"));
    }
    config::nearest_of(provider, config.provider_names())
        .map(|known| format!("did you mean `{known}/{model}`?"))
}
