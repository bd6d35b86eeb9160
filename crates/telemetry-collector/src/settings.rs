//! What a collector is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::catalogue::{CatalogueDoc, Catalogues};
use crate::server::TlsFiles;
use crate::store::clickhouse::ClickHouseAddress;

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

/// When an event counts as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// When it is on the disk of the collector that got it.
    #[default]
    Spool,
    /// When the shared store has it.
    Store,
}

/// A database that several collectors share, and the way there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SharedStore {
    /// Where it is.
    pub address: ClickHouseAddress,
    /// When clients are told that their events were taken.
    pub ack: Ack,
    /// Bytes of the data folder that may wait to be shipped; beyond, nothing is taken.
    pub spool_max: u64,
    /// A batch is shipped when it has so many events,
    pub batch_rows: u32,
    /// or when its oldest one is so old.
    pub batch_age: Duration,
    /// Whether the database that a spool is for has this address now, so that what waits for the old one goes here.
    pub moved: bool,
    /// How long one request to the database may take, and how long a client is kept waiting for [`Ack::Store`].
    pub timeout: Duration,
}

impl SharedStore {
    /// The defaults for a database.
    #[must_use]
    pub fn new(address: ClickHouseAddress) -> Self {
        Self {
            address,
            ack: Ack::default(),
            spool_max: DEFAULT_SPOOL_MAX,
            batch_rows: DEFAULT_BATCH_ROWS,
            batch_age: DEFAULT_BATCH_AGE,
            moved: false,
            timeout: DEFAULT_STORE_TIMEOUT,
        }
    }
}

/// Bytes that may wait to be shipped: 4 GiB.
pub const DEFAULT_SPOOL_MAX: u64 = 4 << 30;
/// Events of a full batch: 50,000.
pub const DEFAULT_BATCH_ROWS: u32 = 50_000;
/// How old the oldest event of a batch gets: 2 s.
pub const DEFAULT_BATCH_AGE: Duration = Duration::from_secs(2);
/// How long a request to a shared store may take: 30 s.
pub const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// A database that answers instead of the data folder, which is a spool then.
    pub store: Option<SharedStore>,
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
            store: None,
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
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
