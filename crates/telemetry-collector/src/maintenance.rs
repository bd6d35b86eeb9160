//! What can be done to a data folder while no collector uses it: check, rebuild, forget; and a backup, at any time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::settings::SharedStore;
use crate::store::clickhouse::ClickHouse;
use crate::store::sqlite::{Folder, Reader, Writer, back_up};
use crate::store::{OpenError, StoreError};

pub use crate::store::Forgotten;

/// Why something could not be done to a data folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// There is nothing in the folder.
    #[error("there is no collector's database in {}\n  name its folder with --data", .0.display())]
    NoData(PathBuf),
    /// The folder cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store could not do it.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for MaintenanceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// A data folder that no collector uses.
#[derive(Debug)]
pub struct DataFolder {
    folder: Arc<Folder>,
    writer: Writer,
}

impl DataFolder {
    /// Opens a folder and keeps collectors out of it.
    ///
    /// # Errors
    ///
    /// When there is no data, a collector is running, or the database is damaged beyond reading.
    pub fn open(path: &Path) -> Result<Self, MaintenanceError> {
        must_exist(path)?;
        let folder = Arc::new(Folder::open(path)?);
        let writer = Writer::open(Arc::clone(&folder), 0)?;
        Ok(Self { folder, writer })
    }

    /// Says everything that does not fit together; nothing when all is well.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn check(self) -> Result<Vec<String>, MaintenanceError> {
        let findings = self.folder.check()?;
        self.writer.close();
        Ok(findings)
    }

    /// Makes everything again that is derived from events; returns the number of segments.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or written; answers are right all the same.
    pub fn rebuild(mut self) -> Result<u64, MaintenanceError> {
        let made = self.writer.rebuild(&Reader::new(self.folder))?;
        self.writer.close();
        Ok(made)
    }

    /// Removes everything about an installation; `None` when nothing is known of it.
    ///
    /// # Errors
    ///
    /// When the database cannot be written, or another program keeps its log open.
    pub fn forget(mut self, id: Uuid) -> Result<Option<Forgotten>, MaintenanceError> {
        let forgotten = self.writer.forget(id)?;
        let reader = Reader::new(self.folder);
        self.writer.seal_complete(&reader)?;
        drop(reader);
        self.writer.close();
        Ok(forgotten)
    }
}

/// Removes everything about an installation from a shared store; `None` when nothing is known of it.
///
/// What still is in the spools of collectors is not touched, and is shipped afterwards: forget it there first.
///
/// # Errors
///
/// When the store cannot be reached, is not one of ours, or does not do it.
pub fn forget_in(store: &SharedStore, id: Uuid) -> Result<Option<Forgotten>, MaintenanceError> {
    with_runtime(|runtime| {
        let store = ClickHouse::new(&store.address, store.timeout, runtime);
        store.find()??;
        Ok(store.forget(id)?)
    })
}

/// Runs something that asks a shared store, for programs that have no runtime.
pub(crate) fn with_runtime<T, E: From<StoreError>>(run: impl FnOnce(Handle) -> Result<T, E>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| StoreError::Failed(format!("cannot start: {error}")))?;
    run(runtime.handle().clone())
}

/// Copies the data of a folder into a new file, a collector may be using it; returns the number of events in the copy.
///
/// # Errors
///
/// When there is no data, the file exists, or the copy could not be written or is not sound.
pub fn backup(folder: &Path, copy: &Path) -> Result<u64, MaintenanceError> {
    must_exist(folder)?;
    Ok(back_up(&Folder::database_in(folder), copy)?)
}

fn must_exist(path: &Path) -> Result<(), MaintenanceError> {
    match Folder::database_in(path).is_file() {
        true => Ok(()),
        false => Err(MaintenanceError::NoData(path.to_owned())),
    }
}
