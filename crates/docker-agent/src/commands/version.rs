//! `docker-agent version`.

use agent_telemetry::Ended;

use crate::output;
use crate::wrapper::Outcome;

/// Prints the version, and the commit where the build knows it.
pub(crate) fn run() -> Outcome {
    let commit = option_env!("DOCKER_AGENT_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!("Commit: {commit}\n")).unwrap_or_default();
    output::data(&format!("docker-agent version {}\n{commit}", crate::VERSION))?;
    Ok(Ended::SUCCESS)
}
