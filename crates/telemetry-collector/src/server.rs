//! Binds, serves and ends.
//!
//! Invariants: whatever the other side may keep us waiting for has a deadline, there is a limit to connections, and
//! after the signal to end everything that was acknowledged is on disk before [`Server::run`] returns.

mod connection;
mod spool;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use self::connection::{Paced, Progress};
pub use self::tls::{TlsError, TlsFiles};

use crate::app::{App, Shared};
use crate::ingest::queue::{self, Queue, WriterThread};
use crate::report;
use crate::router::router;
use crate::settings::{MIN_RAW_DAYS, Settings};
use crate::store::shipping::ShippingThread;
use crate::store::sqlite::{Folder, Reader, Upkeep, UpkeepThread, Writer};
use crate::store::summing::SummingThread;
use crate::store::{OpenError, Store};

/// Files that are none of the connections: the database, the log, what was there before.
const OTHER_FILES: u64 = 128;
/// Connections that the system keeps until they are accepted.
const NOT_YET_ACCEPTED: u32 = 1024;
/// Connections that are told that there are too many.
const REFUSALS: usize = 64;
/// How long a refused client has to read that, and a new one for its TLS handshake.
const GREETING_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may be idle: clients keep one open between events.
const IDLE_WAIT: Duration = Duration::from_secs(60);
/// How long what was sent may stay unconfirmed before the other side is taken for gone.
const UNCONFIRMED_WAIT: Duration = Duration::from_secs(60);
const HEADERS: usize = 64;
const HEAD_BYTES: usize = 16 * 1024;
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
        "{address} is not a loopback address, and {missing} is missing\n  \
         listening elsewhere needs --admin-token-file, and --ingest-keys-file or --open-ingest; \
         without them, listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
        /// The option that is missing.
        missing: &'static str,
    },
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
    /// TLS was asked for and cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread could not be started.
    #[error("cannot start the writer thread: {0}")]
    Thread(std::io::Error),
}

/// A collector that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    connections: usize,
    app: App,
    writer: WriterThread,
    background: Background,
    end: watch::Sender<bool>,
}

/// What goes on behind the requests.
#[derive(Debug)]
enum Background {
    Upkeep(UpkeepThread),
    Shared(ShippingThread, SummingThread),
}

impl Background {
    fn join(self) {
        match self {
            Self::Upkeep(thread) => thread.join(),
            Self::Shared(shipping, summing) => {
                summing.join();
                shipping.join();
            }
        }
    }
}

fn upkeep(queue: &Queue, reader: &Arc<Reader>, settings: &Settings) -> std::io::Result<UpkeepThread> {
    let desk = queue.clone();
    UpkeepThread::start(Upkeep {
        reader: Arc::clone(reader),
        desk: Box::new(move |work| desk.upkeep(work)),
        now: Arc::clone(&settings.clock),
        raw_days: settings.raw_days.into(),
    })
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
        if let Some(missing) = settings.access.missing_for(settings.listen) {
            return Err(StartError::NotLoopback { address: settings.listen, missing });
        }
        if settings.raw_days < MIN_RAW_DAYS {
            return Err(StartError::TooFewDays(settings.raw_days));
        }
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
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
        let listener = listen(settings.listen).map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let folder = Arc::new(Folder::open(&settings.data)?);
        // First: it says what is wrong with a database that cannot be used.
        let mut writer = Writer::open(Arc::clone(&folder), settings.min_free)?;
        let spool = spool::claim(&folder, &settings).await?;
        if let Some(spool) = &spool {
            writer = spool.limit(writer)?;
        }
        let (queue, writer) = queue::start(writer, settings.queue).map_err(StartError::Thread)?;
        let (end, ending) = watch::channel(false);
        let reader = Arc::new(Reader::new(folder));
        let (store, shared, background) = match spool {
            None => {
                let thread = upkeep(&queue, &reader, &settings).map_err(StartError::Thread)?;
                (Store::Embedded(Arc::clone(&reader)), None, Background::Upkeep(thread))
            }
            Some(spool) => {
                let store = Store::Shared(spool.store());
                let shared = Shared { settings: spool.settings(), progress: spool.progress() };
                let summing = spool.sum_up().map_err(StartError::Thread)?;
                let shipping = spool.ship(&queue, &reader, &settings).map_err(StartError::Thread)?;
                (store, Some(shared), Background::Shared(shipping, summing))
            }
        };
        let connections = settings.connections.min(room_for_connections());
        let app = App::new(queue, store, reader, shared, settings, ending);
        Ok(Self { listener, address, tls, connections, app, writer, background, end })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `end` is ready, then lets what is under way finish.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(IDLE_WAIT)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES);
        let graceful = GracefulShutdown::new();
        let serving = Serving { http, router: router(self.app), tls: self.tls };
        let connections = Arc::new(Semaphore::new(self.connections));
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        let mut tasks = JoinSet::new();
        tokio::pin!(end);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
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
            if let Ok(permit) = Arc::clone(&connections).try_acquire_owned() {
                tasks.spawn(serving.clone().connection(stream, graceful.watcher(), permit));
            } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                tasks.spawn(refuse(stream, permit));
            }
        }
        drop(self.listener);
        let _ = self.end.send(true);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            report::line("some requests did not end in time and were cut");
        }
        // Whatever still holds the queue would keep the writer from ending.
        tasks.shutdown().await;
        drop(serving);
        let _ = tokio::task::spawn_blocking(move || {
            // It holds the queue, too.
            self.background.join();
            self.writer.join();
        })
        .await;
    }
}

/// Listens like [`TcpListener::bind`], but leaves room for a crowd: a client that finds none tries again only after a
/// second.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(NOT_YET_ACCEPTED)
}

/// What every connection is served with.
#[derive(Clone)]
struct Serving {
    http: http1::Builder,
    router: Router,
    tls: Option<TlsAcceptor>,
}

impl Serving {
    /// Serves a connection to its end; how a client ends it is its own affair.
    async fn connection(self, stream: TcpStream, watcher: Watcher, _permit: OwnedSemaphorePermit) {
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, millis(UNCONFIRMED_WAIT));
        match &self.tls {
            None => self.requests(stream, watcher).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(GREETING_WAIT, tls.accept(stream)).await {
                    self.requests(stream, watcher).await;
                }
            }
        }
    }

    async fn requests(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let progress = Arc::new(Progress::default());
        let stream = TokioIo::new(Paced::new(stream, Arc::clone(&progress)));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |request| {
            progress.begin();
            let answer = router.call(request);
            let progress = Arc::clone(&progress);
            async move {
                let answer = answer.await;
                progress.end();
                answer
            }
        });
        let _ = watcher.watch(self.http.serve_connection(stream, service)).await;
    }
}

/// Tells a client that there are too many, and waits for it to have read that.
async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let told = async {
        stream.write_all(too_many().as_bytes()).await?;
        stream.shutdown().await?;
        // A connection that is closed with unread bytes is reset, and the answer lost.
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(GREETING_WAIT, told).await;
}

/// The answer of a server that has not read the request.
fn too_many() -> String {
    let message = "too many connections are open";
    let body = serde_json::json!({
        "error": { "code": "too_many_connections", "message": message, "request_id": Uuid::now_v7() },
    })
    .to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// How many connections the limit on open files leaves room for.
fn room_for_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES).max(1));
    usize::try_from(room).unwrap_or(usize::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
