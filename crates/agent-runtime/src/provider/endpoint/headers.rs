//! Headers that a file gives to a model or a provider: their names checked when the file is read, their values filled in
//! when a model is resolved.

use super::{EndpointError, Keys};
use crate::config::template::{Places, Template};
use crate::environment::{Environment, Secret};
use crate::provider::model::ModelSettings;

/// Headers that say how a request is carried and read, which is not for a file to say.
const RESERVED: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// Why a file may not set a header of this name; nothing if it may.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    // RFC 9110, section 5.6.2.
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.chars().all(is_token_char) {
        Some("no name of a header")
    } else if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        Some("a header that the program sets itself")
    } else {
        None
    }
}

/// The headers of a model, filled in; one that comes out empty is not sent. A replay sends nothing and needs none.
pub(super) fn resolve(
    settings: &ModelSettings,
    environment: &Environment,
    keys: Keys,
) -> Result<Vec<(String, Secret)>, EndpointError> {
    if keys == Keys::Unused {
        return Ok(Vec::new());
    }
    let mut headers = Vec::new();
    for (name, text) in &settings.headers {
        // It was checked when the file was read.
        let Ok(template) = Template::parse(text, Places::Shell) else { continue };
        let is_missing = |(variable, default): &(&str, Option<&str>)| {
            default.is_none() && environment.get(variable).is_none()
        };
        if let Some((variable, _)) = template.variables().find(is_missing) {
            return Err(EndpointError::MissingVariable {
                variable: variable.to_owned(),
                header: name.clone(),
                model: settings.name.clone(),
            });
        }
        let filled_in = template.with_variables(|name| environment.get(name).map(str::to_owned));
        let value = filled_in.with_arguments("");
        if !value.is_empty() {
            headers.push((name.clone(), Secret::new(value)));
        }
    }
    Ok(headers)
}
