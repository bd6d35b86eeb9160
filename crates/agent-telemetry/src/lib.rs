//! Anonymous usage telemetry for command-line tools and agents.
//!
//! Events are typed, and no type of theirs can hold free text. They are announced before the first byte leaves, can be
//! turned off at any time, are journaled when the recording call returns, and shown byte for byte.
//! A dead network costs the user nothing.
//!
//! ```
//! use agent_telemetry::{Dirs, Ended, Inputs, Telemetry, catalogue, events::CommandEnded};
//!
//! catalogue! {
//!     static CATALOGUE = { events: [CommandEnded], commands: ["greet"], flags: ["loud"] };
//! }
//!
//! // Here nothing is read from the environment and nothing can be written, so nothing is recorded.
//! let telemetry = Telemetry::builder("acme", "1.0.0", &CATALOGUE)
//!     .inputs(Inputs::default())
//!     .dirs(Dirs::default())
//!     .build();
//! let ended = telemetry.command_with("greet", &["loud"], |_cx| Ended::SUCCESS);
//! assert_eq!(ended, Ended::SUCCESS);
//! ```
//!
//! # Features
//!
//! - `client`: recording. Without it only definitions, wire types and validation are built; a collector needs no more.
//! - `http` (default): delivery over HTTP(S) with ureq and rustls (ring).
//! - `testing`: recording into memory, for tests of tools that embed this crate.
#![warn(missing_docs)]

// The derives name this crate by its public name, here too.
extern crate self as agent_telemetry;

pub mod catalogue;
mod error_class;
mod event;
pub mod events;
pub mod name;
mod value;
pub mod wire;

#[cfg(feature = "client")]
pub mod consent;
#[cfg(feature = "client")]
mod context;
#[cfg(feature = "client")]
mod control;
#[cfg(feature = "client")]
mod delivery;
#[cfg(feature = "client")]
mod endpoint;
#[cfg(feature = "client")]
mod files;
#[cfg(feature = "client")]
mod identity;
#[cfg(feature = "client")]
mod inputs;
#[cfg(feature = "client")]
mod journal;
#[cfg(feature = "client")]
mod notice;
#[cfg(feature = "client")]
mod receipt;
#[cfg(feature = "client")]
mod record;
#[cfg(feature = "client")]
mod recorder;
#[cfg(feature = "client")]
mod request_log;
#[cfg(feature = "client")]
mod sender;
#[cfg(feature = "client")]
mod session;
#[cfg(feature = "client")]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "client")]
mod transport;
#[cfg(feature = "client")]
mod usage;

pub use agent_telemetry_macros::{Closed, Event, Properties};
pub use catalogue::{Catalogue, CatalogueDoc};
pub use error_class::ErrorClass;
pub use event::{Event, EventDef, FieldDef, MAX_RECORD_BYTES, Properties};
pub use events::{Provider, Purpose, SessionOutcome, ToolKind, ToolOutcome};
pub use name::{KnownNames, Name, NamePolicy};
pub use value::{
    Arch, Caller, Closed, Count, EventId, ExitCode, InstallId, Kind, LanguageTag, Map, Millis, NanoUsd,
    ObjectWriter, Os, SessionId, Set, Tokens, Value, Version,
};
pub use wire::{MAX_BODY_BYTES, MAX_RECORDS};

#[cfg(feature = "client")]
pub use self::{
    context::{Cx, Entered, InContext, WithTelemetry, from_context, track_command},
    control::{Disabled, Flushed, Status, StatusBreaker, StatusDirs, StatusInput, StatusPending},
    endpoint::Endpoint,
    inputs::{Dirs, Inputs},
    notice::NoticeText,
    receipt::{Dropped, Outcome, Receipt, Suppressed},
    request_log::LogLine,
    session::{Session, SessionBuilder, ToolCall},
    telemetry::{Builder, CommandOutcome, Ended, Telemetry},
    usage::{CumulativeUsage, Usage},
};
