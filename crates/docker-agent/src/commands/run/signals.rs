//! What asks a run, and whatever else waits, to stop: Ctrl-C, SIGTERM, the end of the terminal (SIGHUP), the end of docker.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output;
use crate::plugin::Parent;

/// A reason to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Caught {
    Interrupt,
    Terminate,
    HangUp,
    /// The docker client that called us stopped waiting, or is gone.
    DockerGone,
}

impl Caught {
    /// The exit code that shells know it by: 128 and the signal's number.
    /// Docker does not say which signal it got; it is taken for Ctrl-C.
    pub(in crate::commands) const fn exit_code(self) -> u64 {
        match self {
            Self::Interrupt | Self::DockerGone => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        }
    }

    /// Whether it leaves the program even where Ctrl-C would only cancel a turn.
    pub(super) const fn leaves(self) -> bool {
        !matches!(self, Self::Interrupt)
    }

    /// Whether, after another reason, it means that somebody loses patience.
    /// One Ctrl-C may reach us as a signal and by docker's end; that is not two.
    pub(super) const fn hurries(self, first: Self) -> bool {
        !matches!((self, first), (Self::DockerGone, _) | (_, Self::DockerGone))
    }
}

/// Waits for the end of docker.
type Gone = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The signals; from now on they do not end the process by themselves.
pub(in crate::commands) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    docker: Option<Gone>,
}

impl Signals {
    /// Listens, also to docker if it called us; needs an event loop.
    pub(in crate::commands) fn listen() -> io::Result<Self> {
        let signals = Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            docker: Parent::connect().map(|parent| Box::pin(parent.gone()) as Gone),
        };
        output::notice_signals()?;
        Ok(signals)
    }

    pub(in crate::commands) async fn next(&mut self) -> Caught {
        let docker = &mut self.docker;
        let gone = async {
            match docker {
                Some(gone) => gone.await,
                None => std::future::pending().await,
            }
            *docker = None;
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
            _ = self.hang_up.recv() => Caught::HangUp,
            () = gone => Caught::DockerGone,
        }
    }
}
