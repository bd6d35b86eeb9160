//! What a collector is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::Access;
use crate::catalogue::{CatalogueDoc, Catalogues};
use crate::server::TlsFiles;

/// Free disk space below which nothing is taken any more: 512 MiB.
pub const DEFAULT_MIN_FREE: u64 = 512 << 20;
/// Days that events are kept for: 400.
pub const DEFAULT_RAW_DAYS: u16 = 400;
/// The fewest days that events must be kept for: a repeated event is recognised by the one that is there.
pub const MIN_RAW_DAYS: u16 = 45;
/// Requests that may wait for the writer; at most 64 KiB each.
const QUEUE: usize = 512;

/// More clients than this at one moment are told to come back; the memory of so many is bounded.
const CONNECTIONS: usize = 1024;

/// Tells the time in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a collector is started with.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// The data folder; created if it does not exist.
    pub data: PathBuf,
    /// Free bytes on the disk of `data` below which nothing is taken.
    pub min_free: u64,
    /// Days that events are kept for, at least [`MIN_RAW_DAYS`]; what they add up to is kept.
    pub raw_days: u16,
    /// How many requests may wait for the writer.
    pub queue: usize,
    /// Connections at the same time; fewer if the process may not have so many files open.
    pub connections: usize,
    /// What arriving records are checked against.
    pub catalogues: Catalogues,
    /// Who may do what.
    pub access: Access,
    /// TLS, if connections are to be encrypted here and not by a proxy.
    pub tls: Option<TlsFiles>,
    /// The time.
    pub clock: Clock,
}

impl Settings {
    /// The defaults for an address, a folder and a catalogue.
    #[must_use]
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>, catalogue: CatalogueDoc) -> Self {
        Self {
            listen,
            data: data.into(),
            min_free: DEFAULT_MIN_FREE,
            raw_days: DEFAULT_RAW_DAYS,
            queue: QUEUE,
            connections: CONNECTIONS,
            catalogues: Catalogues::of(catalogue),
            access: Access::default(),
            tls: None,
            clock: Arc::new(|| jiff::Timestamp::now().as_millisecond()),
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("min_free", &self.min_free)
            .field("raw_days", &self.raw_days)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
