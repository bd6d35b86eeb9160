//! Which of a store's names belong to which key; the same in every store.

use crate::store::StoreError;
use crate::store::question::{Filters, Key};

/// The kind of name that a key has in the dictionary; empty for numbers.
pub(crate) fn kind(key: Key) -> &'static str {
    match key {
        Key::Day | Key::Success | Key::ExitCode => "",
        Key::Source => "source",
        Key::Version => "version",
        Key::Os => "os",
        Key::Arch => "arch",
        Key::Caller => "caller",
        Key::Language => "language",
        Key::Event => "event",
        Key::Action => "action",
        Key::Agent => "agent",
        Key::Provider => "provider",
        Key::Model => "model",
        Key::Tool => "tool",
        Key::ToolKind => "tool_kind",
        Key::Purpose => "purpose",
        Key::Outcome => "outcome",
        Key::Error => "error",
        Key::Flag => "flag",
    }
}

/// Fails for keys that are not the environment's.
pub(crate) fn check_install_keys(by: Option<Key>, filters: &Filters) -> Result<(), StoreError> {
    match by.iter().copied().chain(filters.iter().map(|(key, _)| key)).find(|key| !Key::ENV.contains(key)) {
        None => Ok(()),
        Some(key) => Err(StoreError::Failed(format!("installations have no {key:?}"))),
    }
}
