//! Receives, stores and answers anonymous usage events.
//!
//! Events come in as JSON, are checked against the definitions that the client was built from, and are acknowledged
//! when they are on disk; everything else is read from there.
//! Data flows one way: `routes/track` → `ingest` → `ingest/queue` → `store` → `answer` → `routes`.
//!
//! No address of a client is stored or logged, and no content of a record that was refused.

mod access;
mod answer;
mod api;
mod app;
mod catalogue;
mod export;
mod histogram;
mod ingest;
mod intake;
mod maintenance;
mod metrics;
mod migrate;
mod page;
mod report;
mod router;
mod routes;
mod seed;
mod server;
mod settings;
mod sql;
mod store;

pub use access::{Access, IngestAccess, Secret, SecretFileError};
pub use catalogue::{Answer, CatalogueDoc, Catalogues, docker_agent};
pub use export::{ExportFormat, ReadError, export_folder};
pub use intake::{Arriving, Intake, IntakeError, Taken};
pub use maintenance::{DataFolder, Forgotten, MaintenanceError, backup, forget_in};
pub use migrate::{MigrateError, Migrated, Migration};
pub use seed::Seed;
pub use server::{Server, StartError, TlsError, TlsFiles};
pub use settings::{
    Ack, Clock, DEFAULT_BATCH_AGE, DEFAULT_BATCH_ROWS, DEFAULT_MIN_FREE, DEFAULT_RAW_DAYS, DEFAULT_SPOOL_MAX,
    DEFAULT_STORE_TIMEOUT, MIN_RAW_DAYS, Settings, SharedStore,
};
pub use sql::{QueryAnswer, QueryFormat, QueryLimits, QueryStopped, query, schema_page};
pub use store::OpenError;
pub use store::clickhouse::{AddressError, ClickHouseAddress, ddl as clickhouse_ddl};

/// The HTTP interface as a page to read.
#[must_use]
pub fn http_api_page() -> String {
    api::markdown::page()
}

/// The HTTP interface as an OpenAPI document.
#[must_use]
pub fn openapi_document() -> serde_json::Value {
    api::openapi::document()
}
