//! How large the store is, for those who watch it.

use std::path::Path;

use super::read::Reader;
use crate::store::{StoreError, StoreSize};

impl Reader {
    /// The sizes of the files and of what is left beside them.
    pub(crate) fn size(&self) -> Result<StoreSize, StoreError> {
        let database = &self.folder.database;
        let mut wal = database.clone().into_os_string();
        wal.push("-wal");
        let folder = database.parent().unwrap_or(Path::new("."));
        let stat = rustix::fs::statvfs(folder)
            .map_err(|error| StoreError::Failed(format!("cannot read the free disk space: {error}")))?;
        // After an orderly end there is no log.
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(StoreSize {
            database_bytes: length(database),
            wal_bytes: length(Path::new(&wal)),
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}
