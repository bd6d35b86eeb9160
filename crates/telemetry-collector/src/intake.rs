//! Takes requests without a network: into the folder of a collector that does not run.
//!
//! The way is that of a served request (parse, check, commit), so what is refused there is refused here, with the same
//! code; only the time of arrival is the caller's to say. While one thread reads and checks, another one stores.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use uuid::Uuid;

use crate::catalogue::{Answer, Catalogues};
use crate::ingest::envelope::EnvelopeError;
use crate::ingest::{Parsed, parse};
use crate::store::sqlite::{Folder, Reader, Writer};
use crate::store::{OpenError, StoreError};

/// Requests that share a commit.
const GROUP: usize = 512;
/// Groups that are checked and wait to be stored.
const AHEAD: usize = 2;

/// A request and when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arriving {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// As a client would send it.
    pub body: Vec<u8>,
}

/// What became of a request: its answer, or the code and text with which all of it was refused.
pub type Taken = Result<Answer, (&'static str, String)>;

/// The folder of a collector that does not run.
#[derive(Debug)]
pub struct Intake {
    writer: Writer,
    reader: Reader,
    catalogues: Catalogues,
}

impl Intake {
    /// Opens a folder, creating it if need be.
    ///
    /// # Errors
    ///
    /// When a collector is using it, or it cannot be opened.
    pub fn open(data: &Path, catalogues: Catalogues, min_free: u64) -> Result<Self, OpenError> {
        let folder = Arc::new(Folder::open(data)?);
        let writer = Writer::open(Arc::clone(&folder), min_free)?;
        Ok(Self { writer, reader: Reader::new(folder), catalogues })
    }

    /// Takes all requests, in their order; tells of each when it is on disk.
    /// `new_id` makes ids for records that have none.
    ///
    /// # Errors
    ///
    /// When the store fails; what was told of is stored.
    pub fn take_all(
        &mut self,
        requests: impl Iterator<Item = Arriving> + Send,
        mut new_id: impl FnMut() -> Uuid + Send,
        mut tell: impl FnMut(Taken),
    ) -> Result<(), IntakeError> {
        let (groups, checked) = sync_channel::<Vec<Result<Parsed, EnvelopeError>>>(AHEAD);
        let (writer, catalogues) = (&mut self.writer, &self.catalogues);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut requests = requests.peekable();
                while requests.peek().is_some() {
                    let group = requests.by_ref().take(GROUP);
                    let group = group
                        .map(|request| parse(&request.body, catalogues, request.at_ms, &mut new_id))
                        .collect();
                    if groups.send(group).is_err() {
                        return;
                    }
                }
            });
            // Moved in, so that the other thread ends when this one fails.
            let checked = checked;
            for group in checked.iter() {
                store(writer, group, &mut tell)?;
            }
            Ok(())
        })
    }

    /// Leaves the folder as an orderly end does: what came can be asked for at once, however much it was.
    ///
    /// # Errors
    ///
    /// When the column segments cannot be written; everything is stored all the same, and a collector makes them later.
    pub fn close(mut self) -> Result<(), IntakeError> {
        self.writer.seal_complete(&self.reader)?;
        drop(self.reader);
        self.writer.close();
        Ok(())
    }
}

fn store(
    writer: &mut Writer,
    group: Vec<Result<Parsed, EnvelopeError>>,
    tell: &mut impl FnMut(Taken),
) -> Result<(), IntakeError> {
    let mut batches = Vec::with_capacity(group.len());
    let results: Vec<_> = group
        .into_iter()
        .map(|parsed| {
            parsed.map(|Parsed { batch, rejected }| {
                batches.push(batch);
                rejected
            })
        })
        .collect();
    let mut stored = writer.commit(&batches)?.into_iter();
    for result in results {
        tell(result.map_err(|error| (error.code(), error.to_string())).map(|rejected| {
            let stored = stored.next().unwrap_or_default();
            Answer { accepted: stored.accepted, duplicates: stored.duplicates, rejected }
        }));
    }
    Ok(())
}

/// Why requests could not be taken any further.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct IntakeError(String);

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self(match error {
            StoreError::DiskLow { .. } => format!("{error}\n  make room, or lower --min-free"),
            other => other.to_string(),
        })
    }
}
