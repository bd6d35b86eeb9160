//! The commands, a file each.

pub(crate) mod completion;
pub(crate) mod debug;
pub(crate) mod models;
pub(crate) mod plugin;
pub(crate) mod reference;
pub(crate) mod run;
pub(crate) mod sessions;
pub(crate) mod telemetry;
pub(crate) mod version;
