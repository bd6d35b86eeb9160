//! The store in one SQLite file (WAL): one [`Writer`], many short-lived read snapshots.
//!
//! SQLite is the truth; anything that answers faster is derived from it and can be made again.
//! No other module names the driver, and nothing of it is visible from outside this folder.

mod check;
mod codec;
mod columns;
mod forget;
mod keys;
mod names;
mod open;
#[cfg(test)]
mod plain;
pub(crate) mod query;
mod read;
mod scan;
mod schema;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod upkeep;
mod vitals;
mod write;

pub(crate) use check::back_up;
pub use forget::Forgotten;
pub(crate) use open::Folder;
pub(crate) use read::Reader;
pub(crate) use upkeep::{Job, Upkeep, UpkeepThread};
pub(crate) use write::{Writer, check_free_space};
