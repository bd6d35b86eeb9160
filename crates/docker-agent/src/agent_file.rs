//! Reads an agent file from disk, and says what is wrong with it.

use std::fs;
use std::io;
use std::path::Path;

use agent_runtime::config::{self, Config};
use agent_telemetry::ErrorClass;

use crate::failure::Failure;

/// Reads and checks an agent file.
pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        let failure = Failure::new(ErrorClass::Config, format_args!("cannot read {name}")).because(&error);
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => {
                failure.hint("give the path of an agent.yaml")
            }
            _ => failure,
        }
    })?;
    config::from_yaml(&name, &text).map_err(|error| Failure::new(ErrorClass::Config, error))
}
