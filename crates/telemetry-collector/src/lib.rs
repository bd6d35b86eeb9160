//! Receives, stores and answers anonymous usage events.
//!
//! Events come in as JSON, are checked against the definitions that the client was built from, and are acknowledged
//! when they are on disk; everything else is read from there.
//! Data flows one way: `routes/track` → `ingest` → `ingest/queue` → `store` → `answer` → `routes`.
//!
//! No address of a client is stored or logged, and no content of a record that was refused.

mod access;
mod answer;
mod app;
mod catalogue;
mod histogram;
mod ingest;
mod intake;
mod page;
mod report;
mod router;
mod routes;
mod seed;
mod server;
mod settings;
mod store;

pub use access::{Access, IngestAccess, Secret, SecretFileError};
pub use catalogue::{Answer, CatalogueDoc, Catalogues, docker_agent};
pub use intake::{Arriving, Intake, IntakeError, Taken};
pub use seed::Seed;
pub use server::{Server, StartError, TlsError, TlsFiles};
pub use settings::{Clock, DEFAULT_MIN_FREE, Settings};
pub use store::OpenError;
