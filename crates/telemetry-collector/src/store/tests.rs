//! One store against the other.

pub(crate) mod conformance;
#[path = "../../tests/it/engine.rs"]
pub(crate) mod engine;
