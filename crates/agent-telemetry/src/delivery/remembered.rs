//! What runs remember of endpoints: `breaker.json`, a few entries, the one used last first.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Breaker;
use crate::files;

const NAME: &str = "breaker.json";
/// Endpoints that are remembered; who alternates between more tries once more than needed.
const REMEMBERED: usize = 8;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    endpoints: Vec<Breaker>,
    /// When a run was patient, whatever the endpoint.
    patient_ms: u64,
}

fn read(telemetry: &Path) -> Remembered {
    let read = || serde_json::from_slice(&fs::read(telemetry.join(NAME)).ok()?).ok();
    read().unwrap_or_default()
}

/// What is known of an endpoint.
pub(crate) fn recall(telemetry: Option<&Path>, endpoint: &str) -> Breaker {
    let Remembered { endpoints, patient_ms } = telemetry.map(read).unwrap_or_default();
    let known = endpoints.into_iter().find(|known| known.endpoint == endpoint);
    let known = known.unwrap_or_else(|| Breaker { endpoint: endpoint.to_owned(), ..Breaker::default() });
    Breaker { patient_ms, ..known }
}

/// Lets later runs know. Two that write at once may lose what one of them learnt, which the next one learns again.
pub(crate) fn remember(telemetry: &Path, breaker: &Breaker) -> io::Result<()> {
    let mut remembered = read(telemetry);
    remembered.endpoints.retain(|known| known.endpoint != breaker.endpoint);
    remembered.endpoints.insert(0, breaker.clone());
    remembered.endpoints.truncate(REMEMBERED);
    write(telemetry, &remembered)
}

/// Lets later runs know that this one is patient.
pub(crate) fn remember_patience(telemetry: &Path, now_ms: u64) -> io::Result<()> {
    write(telemetry, &Remembered { patient_ms: now_ms, ..read(telemetry) })
}

fn write(telemetry: &Path, remembered: &Remembered) -> io::Result<()> {
    files::replace(&telemetry.join(NAME), &serde_json::to_vec(remembered)?)
}

/// Deletes what is known of endpoints.
pub(crate) fn forget(telemetry: &Path) {
    let _ = fs::remove_file(telemetry.join(NAME));
}
