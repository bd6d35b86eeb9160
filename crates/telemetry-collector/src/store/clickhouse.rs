//! The store in a ClickHouse database that any number of collectors share.
//!
//! Nothing here is in the way of an acknowledgement: events come from spools, in batches whose content never changes
//! (see [`super::shipping`]). Whatever arrives twice stays one: tables are sets or keep a highest value, events are
//! replaced by themselves and read with `FINAL`. Nothing is added up on the way in, for sums would count repetitions.
//!
//! Unlike the embedded store, two questions of one answer may see a batch arrive between them.

mod address;
mod client;
mod forget;
mod rows;
mod schema;
mod sql;
mod sums;
#[cfg(test)]
mod tests;
mod upkeep;
mod view;
mod write;

pub use address::{AddressError, ClickHouseAddress};
pub(crate) use client::ClickHouse;
pub use schema::ddl;
pub(crate) use sums::Unsummed;
