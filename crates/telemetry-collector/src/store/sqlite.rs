//! The store in one SQLite file (WAL): one [`Writer`], many short-lived read snapshots.
//!
//! SQLite is the truth; anything that answers faster is derived from it and can be made again.
//! No other module names the driver, and nothing of it is visible from outside this folder.

mod codec;
mod columns;
mod names;
mod open;
mod plain;
pub(crate) mod query;
mod read;
mod schema;
mod vitals;
mod write;

pub(crate) use open::Folder;
pub(crate) use read::Reader;
pub(crate) use write::{Writer, check_free_space};
