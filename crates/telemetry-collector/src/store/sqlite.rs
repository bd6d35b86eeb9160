//! The store in one SQLite file (WAL): one [`Writer`], many short-lived read snapshots.
//!
//! SQLite is the truth; anything that answers faster is derived from it and can be made again.
//! No other module names the driver, and nothing of it is visible from outside this folder.

mod check;
mod codec;
mod columns;
mod forget;
mod names;
mod open;
#[cfg(test)]
mod plain;
pub(crate) mod query;
mod read;
mod scan;
mod schema;
mod segment;
pub(crate) mod spool;
mod tail;
#[cfg(test)]
pub(crate) mod tests;
mod upkeep;
mod vitals;
mod write;

pub(crate) use check::back_up;
pub(crate) use open::Folder;
pub(crate) use read::Reader;
pub(crate) use upkeep::{Desk, Job, Upkeep, UpkeepThread};
pub(crate) use write::{Writer, check_free_space};
