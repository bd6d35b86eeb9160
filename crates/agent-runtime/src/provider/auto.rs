//! `model: auto`: the first model that can be asked, and why it is this one.
//!
//! The order is that of the Go program, without the providers that do not run here. A key in the environment is
//! enough; nothing is asked of a provider to find out. Only when there is no key at all, the address of Docker Model
//! Runner on this machine is tried.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::endpoint::{EndpointError, Keys, MODEL_RUNNER, key_variable};
use super::model::ModelSettings;
use crate::environment::Environment;

/// Longest wait for Docker Model Runner.
const PROBE: Duration = Duration::from_millis(300);

/// Providers with a key, in the order in which they are preferred, each with its model.
const PREFERRED: [(&str, &str); 3] =
    [("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-mini"), ("mistral", "mistral-small-latest")];

/// What is asked of Docker Model Runner.
const LOCAL: (&str, &str) = ("dmr", "ai/qwen3:latest");

/// The model that was chosen, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The model.
    pub settings: ModelSettings,
    /// The reason, for the user.
    pub why: String,
}

/// Chooses a model; `local_answers` tells whether something listens at an address of this machine and is asked last.
///
/// Where no key is needed and none is there, a replay for example, it is the first of the list.
///
/// # Errors
///
/// There is none to choose.
pub fn choose(
    environment: &Environment,
    keys: Keys,
    local_answers: impl FnOnce(&str) -> bool,
) -> Result<Chosen, EndpointError> {
    let chosen = |(provider, model): (&str, &str), why: String| {
        Ok(Chosen { settings: ModelSettings::new(provider, model), why })
    };
    for (provider, model) in PREFERRED {
        if let Some(variable) = key_variable(provider)
            && environment.get(variable).is_some()
        {
            return chosen((provider, model), format!("{variable} is set"));
        }
    }
    if environment.get("MODEL_RUNNER_HOST").is_some() {
        return chosen(LOCAL, "MODEL_RUNNER_HOST is set".to_owned());
    }
    if keys == Keys::Unused {
        return chosen(PREFERRED[0], "no key is needed here, and it is the first choice".to_owned());
    }
    if local_answers(MODEL_RUNNER) {
        return chosen(LOCAL, format!("Docker Model Runner answers at {MODEL_RUNNER}"));
    }
    let variables: Vec<&str> = PREFERRED.iter().filter_map(|(provider, _)| key_variable(provider)).collect();
    Err(EndpointError::NothingAvailable(format!(
        "none of {} is set, and Docker Model Runner does not answer at {MODEL_RUNNER}; set a key, or name a model",
        variables.join(", ")
    )))
}

/// Tells whether something accepts connections at an address of this machine, after a short wait at most.
#[must_use]
pub fn answers(address: &str) -> bool {
    address.parse::<SocketAddr>().is_ok_and(|address| TcpStream::connect_timeout(&address, PROBE).is_ok())
}
