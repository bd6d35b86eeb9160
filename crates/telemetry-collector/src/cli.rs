//! The subcommands: from arguments to a call into the library.

pub(crate) mod access;
pub(crate) mod ingest;
mod lines;
pub(crate) mod seed;
mod target;
