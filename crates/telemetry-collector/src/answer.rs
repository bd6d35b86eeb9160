//! Answers: pure folds over [`crate::store::Facts`], whatever store they come from.

pub(crate) mod range;
pub(crate) mod summary;
