//! Where a thread writes its records before they go anywhere: its own buffer, so that making a record needs no lock and
//! allocates nothing.

use std::cell::Cell;

use crate::event::MAX_RECORD_BYTES;

/// A buffer that became longer than this because of a record that is dropped anyway is not kept.
const KEPT_BYTES: usize = 4 * MAX_RECORD_BYTES;

thread_local! {
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the thread's buffer, empty. Whoever records while it is lent, such as a hand-written event, gets a new one.
pub(super) fn with<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    // A thread that is ending has none any more.
    let mut line = LINE.try_with(Cell::take).unwrap_or_default();
    line.clear();
    let result = work(&mut line);
    if line.capacity() <= KEPT_BYTES {
        let _ = LINE.try_with(|kept| kept.set(line));
    }
    result
}
