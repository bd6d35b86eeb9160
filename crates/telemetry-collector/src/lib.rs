//! Receives, stores and answers anonymous usage events.
//!
//! Events come in as JSON, are checked against the definitions that the client was built from, and are acknowledged
//! when they are on disk; everything else is read from there.
//! Data flows one way: `routes/track` → `ingest` → `ingest/queue` → `store` → `answer` → `routes`.
//!
//! No address of a client is stored or logged, and no content of a record that was refused.

mod answer;
mod app;
mod catalogue;
mod histogram;
mod ingest;
mod maintenance;
mod page;
mod report;
mod router;
mod routes;
mod server;
mod settings;
mod store;

pub use catalogue::{CatalogueDoc, Catalogues, docker_agent};
pub use maintenance::{DataFolder, Forgotten, MaintenanceError, backup};
pub use server::{Server, StartError};
pub use settings::{Clock, DEFAULT_MIN_FREE, DEFAULT_RAW_DAYS, MIN_RAW_DAYS, Settings};
pub use store::OpenError;
