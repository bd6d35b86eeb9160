//! Handlers: from a request to a call into the domain, and back. No SQL, no decisions of their own.

pub(crate) mod access;
pub(crate) mod assets;
mod body;
pub(crate) mod catalogue;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod format;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod stream;
pub(crate) mod track;
pub(crate) mod view;
