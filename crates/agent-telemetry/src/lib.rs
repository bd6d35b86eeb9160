//! Telemetry for tools and agents that is typed, announced, visible and bounded.
//!
//! Inside, a definition ([`Event`]) becomes a record, the record goes to the journal, and the sender takes it from
//! there; the bytes that were journaled are the bytes that are sent and shown.
#![doc = include_str!("../README.md")]
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
