//! The store against itself: scanner against plain SQL, upkeep against what it must not change.

pub(crate) mod agreement;
pub(crate) mod population;
mod upkeep;
