//! Numbers with units.
//!
//! On the wire they are JSON numbers; readers in other languages hold them as doubles, so each saturates at 2^53.

use std::time::Duration;

use super::{Kind, Value, sealed};
use crate::name::NamePolicy;

/// The largest integer that a double holds exactly.
pub(crate) const MAX_SAFE: u64 = 1 << 53;
/// Nano-dollars in a dollar.
pub(crate) const NANO: u64 = 1_000_000_000;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// The number, at most the type's limit.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(if value > $max { $max } else { value })
            }

            /// The number as an integer.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The sum, at most the type's limit.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self::new(self.0.saturating_add(other.0))
            }
        }

        impl sealed::Allowed for $name {}
        impl Value for $name {
            const KIND: Kind = Kind::$kind;

            fn number(&self) -> Option<u64> {
                Some(self.0)
            }

            fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
                write_integer(out, self.0);
            }
        }
    };
}

number! {
    /// How many of something, 0 to 2^53.
    Count, Count, MAX_SAFE
}
number! {
    /// Tokens of a language model, 0 to 2^53.
    Tokens, Tokens, MAX_SAFE
}
number! {
    /// A duration in whole milliseconds, 0 to 2^53.
    Millis, Millis, MAX_SAFE
}
number! {
    /// A process exit code, 0 to 255.
    ExitCode, ExitCode, 255
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl ExitCode {
    /// 0.
    pub const SUCCESS: Self = Self(0);

    /// True for 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

/// Money in nano-dollars (10⁻⁹ USD): a token at $0.15 per million is 150 of them.
///
/// On the wire a JSON number in dollars with at most 9 decimals; at most $9,007,199.254740992 (2^53 nano-dollars).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NanoUsd(u64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in nano-dollars.
    #[must_use]
    pub const fn new(nano: u64) -> Self {
        Self(if nano > MAX_SAFE { MAX_SAFE } else { nano })
    }

    /// An amount in dollars, rounded to the nearest nano-dollar; negative, infinite and NaN are nothing.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "`as` saturates, and NaN is 0"
        )]
        let nano = (usd * NANO as f64).round() as u64;
        Self::new(nano)
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, at most the limit.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::new(self.0.saturating_add(other.0))
    }
}

impl sealed::Allowed for NanoUsd {}
impl Value for NanoUsd {
    const KIND: Kind = Kind::Usd;

    fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
        write_integer(out, self.0 / NANO);
        let fraction = self.0 % NANO;
        if fraction > 0 {
            let mut digits = [b'0'; 10];
            let mut rest = fraction;
            for at in (1..10).rev() {
                digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
            digits[0] = b'.';
            let used = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
            out.extend_from_slice(&digits[..=used]);
        }
    }
}

fn write_integer(out: &mut Vec<u8>, value: u64) {
    // On the hot path: a quarter of what formatting costs.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
