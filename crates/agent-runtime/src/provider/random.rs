//! Where random numbers come from: the system, or whoever wants to know what will happen.

use std::fmt;
use std::sync::Arc;

/// A source of random numbers. Clones draw from the same source.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Random {
    /// A source of one's own, whose numbers are taken as uniform.
    #[must_use]
    pub fn new(source: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// The next number.
    #[must_use]
    pub fn next(&self) -> u64 {
        (self.0)()
    }
}

/// The system's numbers.
impl Default for Random {
    fn default() -> Self {
        Self::new(|| {
            let mut bytes = [0; 8];
            // The last eight bytes of a version 4 UUID are random but for the two highest bits.
            bytes.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[8..]);
            u64::from_be_bytes(bytes)
        })
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(…)")
    }
}
