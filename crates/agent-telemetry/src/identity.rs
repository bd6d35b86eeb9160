//! The installation's id: random, made with the first kept record, replaced after 13 months.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::value::InstallId;

/// 13 months of 30.44 days, in milliseconds.
const LIFE_MS: u64 = 13 * 2_630_016_000;
const NAME: &str = "id";

#[derive(Serialize, Deserialize)]
struct IdFile {
    id: String,
    created_ms: u64,
}

/// The id in a telemetry folder, without making one.
pub(crate) fn peek(folder: &Path) -> Option<InstallId> {
    read(folder).map(|(id, _)| id)
}

fn read(folder: &Path) -> Option<(InstallId, u64)> {
    let bytes = fs::read(folder.join(NAME)).ok()?;
    let file: IdFile = serde_json::from_slice(&bytes).ok()?;
    InstallId::parse(&file.id).map(|id| (id, file.created_ms))
}

/// The id in a telemetry folder; makes or replaces it when missing, invalid or too old.
/// Processes that race for the first id agree on one.
pub(crate) fn obtain(folder: &Path, now_ms: u64) -> io::Result<InstallId> {
    let fresh =
        || read(folder).filter(|(_, made_ms)| now_ms.saturating_sub(*made_ms) < LIFE_MS).map(|(id, _)| id);
    if let Some(id) = fresh() {
        return Ok(id);
    }
    files::with_folder_locked(folder, || {
        if let Some(id) = fresh() {
            return Ok(id);
        }
        let id = InstallId::random();
        let file = IdFile { id: id.to_string(), created_ms: now_ms };
        files::replace(&folder.join(NAME), &serde_json::to_vec(&file)?)?;
        Ok(id)
    })
}

/// Deletes the id; returns it, for those who want their stored data erased.
pub(crate) fn forget(folder: &Path) -> Option<InstallId> {
    let id = peek(folder);
    let _ = fs::remove_file(folder.join(NAME));
    id
}
