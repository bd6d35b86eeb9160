//! What went wrong, in one word out of twenty.

use agent_telemetry_macros::Closed;

/// The class of an error: all that telemetry ever says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Closed)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Wrong use of a command: unknown flag, missing argument.
    Usage,
    /// A configuration that does not load.
    Config,
    /// A missing or refused credential.
    Auth,
    /// Too many requests.
    RateLimited,
    /// A conversation longer than the model takes.
    ContextTooLong,
    /// A server's own failure.
    Server,
    /// No connection, or a broken one.
    Network,
    /// Something took too long.
    Timeout,
    /// A file, model or other thing that is not there.
    NotFound,
    /// The system said no.
    PermissionDenied,
    /// A tool was called with arguments that it does not take.
    InvalidArguments,
    /// A tool said that it failed.
    ToolError,
    /// A program that ended with another code than 0.
    NonzeroExit,
    /// Somebody or a rule said no.
    Denied,
    /// Somebody stopped it.
    Cancelled,
    /// A limit was reached.
    Limit,
    /// Reading or writing failed.
    Io,
    /// The other side said something that makes no sense.
    Protocol,
    /// A bug of ours.
    Panic,
    /// None of these.
    Other,
}
