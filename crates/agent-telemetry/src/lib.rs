//! Anonymous usage telemetry for command-line tools and agents.
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

pub use agent_telemetry_macros::{Closed, Event, Properties};
pub use catalogue::{Catalogue, CatalogueDoc};
pub use error_class::ErrorClass;
pub use event::{Event, EventDef, FieldDef, MAX_RECORD_BYTES, Properties};
pub use events::{Provider, Purpose, SessionOutcome, ToolKind, ToolOutcome};
pub use name::{KnownNames, Name, NamePolicy};
pub use value::{
    Arch, Caller, Closed, Count, EventId, ExitCode, InstallId, Kind, LanguageTag, Map, Millis, NanoUsd, ObjectWriter, Os,
    SessionId, Set, Tokens, Value, Version,
};
