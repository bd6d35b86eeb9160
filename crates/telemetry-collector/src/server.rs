//! Binds, serves and ends.
//!
//! Invariants: a connection has a deadline for its request head, there is a limit to connections, and after the signal
//! to end everything that was acknowledged is on disk before [`Server::run`] returns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::ingest::queue::{self, WriterThread};
use crate::report;
use crate::router::router;
use crate::settings::{MIN_RAW_DAYS, Settings};
use crate::store::OpenError;
use crate::store::sqlite::{Folder, Reader, Upkeep, UpkeepThread, Writer};

const CONNECTIONS: usize = 1024;
/// How long a request's head may take, and how long a connection may be idle: clients keep one open between events.
const HEAD_WAIT: Duration = Duration::from_secs(60);
/// How long requests that are under way may take after the signal to end.
const DRAIN: Duration = Duration::from_secs(10);
/// A pause after `accept` failed, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a collector does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is reachable from other machines.
    #[error(
        "{0} is not a loopback address\n  \
         listening elsewhere needs access control (--admin-token-file, --ingest-keys-file), which this version does \
         not have yet; listen on 127.0.0.1 or [::1] and put your own proxy in front"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}\n  {hint}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// Events would go before they are forgotten as duplicates.
    #[error(
        "events cannot be kept for {0} days only\n  \
         a repeated event is recognised by the one that is there, and clients repeat for up to {MIN_RAW_DAYS} days; \
         choose --raw-days {MIN_RAW_DAYS} or more"
    )]
    TooFewDays(u16),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A thread could not be started.
    #[error("cannot start the writer thread: {0}")]
    Thread(std::io::Error),
}

/// A collector that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    writer: WriterThread,
    upkeep: UpkeepThread,
    end: watch::Sender<bool>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store and binds the address.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to do about it.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        // What `routes/access` takes for granted.
        if !settings.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(settings.listen));
        }
        if settings.raw_days < MIN_RAW_DAYS {
            return Err(StartError::TooFewDays(settings.raw_days));
        }
        let bind_error = |error: std::io::Error| StartError::Bind {
            address: settings.listen,
            hint: match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another program uses this port; stop it, or choose another one with --listen (port 0 picks one)"
                }
                _ => "choose another address with --listen",
            },
            error,
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let folder = Arc::new(Folder::open(&settings.data)?);
        let writer = Writer::open(Arc::clone(&folder), settings.min_free)?;
        let (queue, writer) = queue::start(writer, settings.queue).map_err(StartError::Thread)?;
        let (end, ending) = watch::channel(false);
        let reader = Arc::new(Reader::new(folder));
        let desk = queue.clone();
        let upkeep = Upkeep {
            reader: Arc::clone(&reader),
            desk: Box::new(move |work| desk.upkeep(work)),
            now: Arc::clone(&settings.clock),
            raw_days: settings.raw_days.into(),
        };
        let upkeep = UpkeepThread::start(upkeep).map_err(StartError::Thread)?;
        let app = App::new(queue, reader, settings, ending);
        Ok(Self { listener, address, app, writer, upkeep, end })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end` is ready, then lets what is under way finish.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let service = TowerToHyperService::new(router(self.app));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(64 * 1024);
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        tokio::pin!(end);
        loop {
            let accept = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accept => accepted,
                Some(_) = tasks.join_next() => continue,
                () = &mut end => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    report::line(&format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
            tasks.spawn(async move {
                let _permit = permit;
                // How a client ends its connection is its own affair.
                let _ = connection.await;
            });
        }
        drop(self.listener);
        let _ = self.end.send(true);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            report::line("some requests did not end in time and were cut");
        }
        // Whatever still holds the queue would keep the writer from ending.
        tasks.shutdown().await;
        drop(service);
        let _ = tokio::task::spawn_blocking(move || {
            // It holds the queue, too.
            self.upkeep.join();
            self.writer.join();
        })
        .await;
    }
}
