//! The docker client that called us, known by a socket that it holds open while it wants us to go on.
//!
//! Docker forwards no signal that only it was sent; it closes the socket. When it is killed, the kernel does.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;

use tokio::io::AsyncReadExt as _;

/// Names the socket: a path, or after `@` a name in Linux' abstract name space.
pub(super) const VARIABLE: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// A connection to the docker client that called us.
#[derive(Debug)]
pub(crate) struct Parent {
    stream: UnixStream,
}

impl Parent {
    /// Connects to the client, if one called us that is new enough to offer a socket.
    pub(crate) fn connect() -> Option<Self> {
        let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty())?;
        let stream = connect(&name).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Self { stream })
    }

    /// Whether the client wants us to stop, or is gone.
    pub(crate) fn is_gone(&self) -> bool {
        match (&self.stream).read(&mut [0; 64]) {
            Ok(length) => length == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// Waits until the client wants us to stop, or is gone.
    ///
    /// Needs an event loop; where waiting fails, it never ends, and signals remain.
    pub(crate) async fn gone(self) {
        let Ok(mut stream) = tokio::net::UnixStream::from_std(self.stream) else {
            return std::future::pending().await;
        };
        // Docker says nothing; what it may say one day is not for us.
        while stream.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {}
    }
}

#[cfg(target_os = "linux")]
fn connect(name: &OsStr) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;
    match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => UnixStream::connect(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(name: &OsStr) -> io::Result<UnixStream> {
    UnixStream::connect(name)
}
