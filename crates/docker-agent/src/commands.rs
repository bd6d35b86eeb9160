//! The commands, a file each.

pub(crate) mod plugin;
pub(crate) mod run;
pub(crate) mod telemetry;
pub(crate) mod version;
