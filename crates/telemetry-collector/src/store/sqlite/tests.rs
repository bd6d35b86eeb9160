//! The store against itself: scanner against plain SQL, upkeep against what it must not change.

mod agreement;
mod population;
mod upkeep;
