//! The installation's id: random, made with the first kept record, replaced after 13 months.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::value::InstallId;

/// 13 months of 30.44 days, in milliseconds.
const LIFE_MS: u64 = 13 * 2_630_016_000;
/// An id that was made later than this from now was made by a wrong clock, and would live for too long.
const AHEAD_MS: u64 = 24 * 60 * 60 * 1000;
const NAME: &str = "id";

#[derive(Clone, Copy)]
struct Known {
    id: InstallId,
    made_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct IdFile {
    id: String,
    created_ms: u64,
}

/// The id in a telemetry folder, without making one.
pub(crate) fn peek(folder: &Path) -> Option<InstallId> {
    read(folder).map(|known| known.id)
}

fn read(folder: &Path) -> Option<Known> {
    let bytes = fs::read(folder.join(NAME)).ok()?;
    let file: IdFile = serde_json::from_slice(&bytes).ok()?;
    InstallId::parse(&file.id).map(|id| Known { id, made_ms: file.created_ms })
}

fn write(folder: &Path, id: InstallId, now_ms: u64) -> io::Result<()> {
    let file = IdFile { id: id.to_string(), created_ms: now_ms };
    files::replace(&folder.join(NAME), &serde_json::to_vec(&file)?)
}

/// The id in a telemetry folder; makes one when it is missing or invalid, replaces one that is too old.
/// Processes that race for the first id agree on one. `before_replacing` is called before an old id goes.
pub(crate) fn obtain(
    folder: &Path,
    now_ms: u64,
    before_replacing: impl FnOnce() -> io::Result<()>,
) -> io::Result<InstallId> {
    let good = |known: &Known| {
        now_ms.saturating_sub(known.made_ms) < LIFE_MS && known.made_ms.saturating_sub(now_ms) <= AHEAD_MS
    };
    if let Some(known) = read(folder).filter(good) {
        return Ok(known.id);
    }
    files::with_folder_locked(folder, || match read(folder) {
        Some(known) if good(&known) => Ok(known.id),
        Some(known) if known.made_ms > now_ms => write(folder, known.id, now_ms).map(|()| known.id),
        other => {
            if other.is_some() {
                before_replacing()?;
            }
            let id = InstallId::random();
            write(folder, id, now_ms).map(|()| id)
        }
    })
}

/// Deletes the id; returns it, for those who want their stored data erased.
pub(crate) fn forget(folder: &Path) -> Option<InstallId> {
    let id = peek(folder);
    let _ = fs::remove_file(folder.join(NAME));
    id
}
