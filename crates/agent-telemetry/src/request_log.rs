//! The local log of requests: what was sent, byte for byte, and what came back.
//!
//! One line when a request is about to be made (before connecting), one when it is over.
//! 4 MiB a file, two files, so the last 4 to 8 MiB are there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delivery::Response;
use crate::files;
use crate::transport::{Failure, Request};

const FILE_BYTES: u64 = 4 * 1024 * 1024;
const CURRENT: &str = "requests.jsonl";
const PREVIOUS: &str = "requests.1.jsonl";
/// What stands for a key.
const MASKED: &str = "(masked)";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogLine {
    /// A request, written before the connection is made.
    Request {
        /// Joins it with its answer.
        id: String,
        /// Unix time in milliseconds.
        at_ms: u64,
        /// Always `POST`.
        method: String,
        /// Where to.
        url: String,
        /// Every header; the key is masked.
        headers: Vec<(String, String)>,
        /// The exact body.
        body: String,
    },
    /// An answer.
    Answer {
        /// Joins it with its request.
        id: String,
        /// Unix time in milliseconds.
        at_ms: u64,
        /// How long it took.
        duration_ms: u64,
        /// The HTTP status.
        status: u16,
        /// The body, as text.
        body: String,
    },
    /// That no answer came.
    Failure {
        /// Joins it with its request.
        id: String,
        /// Unix time in milliseconds.
        at_ms: u64,
        /// How long it took.
        duration_ms: u64,
        /// Why.
        reason: String,
    },
}

/// The log's folder.
#[derive(Debug, Clone)]
pub(crate) struct RequestLog {
    folder: PathBuf,
}

impl RequestLog {
    pub(crate) fn new(telemetry: &Path) -> Self {
        Self { folder: telemetry.join("log") }
    }

    /// Notes a request that is about to be made; returns what joins it with its answer.
    pub(crate) fn request(&self, request: &Request, now_ms: u64) -> String {
        let id = uuid::Uuid::now_v7().to_string();
        let masked = |(name, value): &(&str, String)| {
            let value = if *name == "x-api-key" { MASKED.to_owned() } else { value.clone() };
            ((*name).to_owned(), value)
        };
        let length = ("content-length".to_owned(), request.body.len().to_string());
        self.append(&LogLine::Request {
            id: id.clone(),
            at_ms: now_ms,
            method: "POST".to_owned(),
            url: request.url.clone(),
            headers: request.headers.iter().map(masked).chain([length]).collect(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        });
        id
    }

    /// Notes what came of a request.
    pub(crate) fn answer(
        &self,
        id: String,
        result: &Result<Response, Failure>,
        duration_ms: u64,
        now_ms: u64,
    ) {
        self.append(&match result {
            Ok(response) => LogLine::Answer {
                id,
                at_ms: now_ms,
                duration_ms,
                status: response.status,
                body: String::from_utf8_lossy(&response.body).into_owned(),
            },
            Err(failure) => LogLine::Failure { id, at_ms: now_ms, duration_ms, reason: failure.to_string() },
        });
    }

    /// A log that cannot be written does not keep events from being sent: the folder may be full or read-only.
    fn append(&self, line: &LogLine) {
        let _ = self.try_append(line);
    }

    fn try_append(&self, line: &LogLine) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        files::create_private_dir(&self.folder)?;
        let path = self.folder.join(CURRENT);
        let is_full = || {
            let len = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            len > 0 && len + bytes.len() as u64 > FILE_BYTES
        };
        if is_full() {
            // Asked again when nobody else can do the same: a second rename would lose what the first one kept.
            files::with_folder_locked(&self.folder, || {
                if is_full() { fs::rename(&path, self.folder.join(PREVIOUS)) } else { Ok(()) }
            })?;
        }
        files::append_line(&path, bytes)
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        let mut bytes = fs::read(self.folder.join(PREVIOUS)).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend(fs::read(self.folder.join(CURRENT)).unwrap_or_default());
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |name: &str| fs::metadata(self.folder.join(name)).map_or(0, |metadata| metadata.len());
        size(PREVIOUS) + size(CURRENT)
    }

    /// Deletes the log.
    pub(crate) fn purge(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
