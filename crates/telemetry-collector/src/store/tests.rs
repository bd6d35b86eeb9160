//! One store against the other.

mod conformance;
#[path = "../../tests/it/engine.rs"]
mod engine;
