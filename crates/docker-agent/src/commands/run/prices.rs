//! What models cost and how much they read: what is built in, and what the user has put over it.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use agent_runtime::prices::Catalogue;
use agent_telemetry::ErrorClass;

use crate::failure::Failure;

/// Reads `prices.json` of the folder of settings over the built-in catalogue, if there is one.
pub(in crate::commands) fn read(settings: Option<&Path>) -> Result<Catalogue, Failure> {
    let bundled = Catalogue::bundled().clone();
    let Some(folder) = settings else { return Ok(bundled) };
    let path = folder.join("prices.json");
    let broken = |error: &dyn Error| {
        let failure = Failure::new(ErrorClass::Config, format_args!("cannot use {}", path.display()));
        failure.because(error).hint(
            "it has to have the form of https://models.dev/api.json; delete it to use the built-in prices",
        )
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(bundled);
        }
        Err(error) => return Err(broken(&error)),
    };
    Ok(bundled.updated(Catalogue::from_json(&text).map_err(|error| broken(&error))?))
}
