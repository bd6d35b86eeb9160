//! Identifiers: random numbers that name an installation, a session, an event.

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::{Kind, Value, sealed, write_word};
use crate::name::NamePolicy;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier as a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl sealed::Allowed for $name {}
        impl Value for $name {
            const KIND: Kind = Kind::Uuid;

            fn write_json(&self, out: &mut Vec<u8>, _names: &NamePolicy) {
                let mut text = [0; Hyphenated::LENGTH];
                write_word(out, self.0.as_hyphenated().encode_lower(&mut text));
            }
        }
    };
}

id! {
    /// A random number that stands for one installation (UUID v4); it is derived from nothing.
    InstallId
}
id! {
    /// One conversation with an agent (UUID v7).
    SessionId
}
id! {
    /// One recorded event (UUID v7, RFC 9562); the collector drops a second arrival by it.
    EventId
}

impl InstallId {
    /// A new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads an id as written by [`fmt::Display`]; `None` unless it is a random (v4) UUID in that exact form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (uuid.get_version_num() == 4 && uuid.as_hyphenated().to_string() == text).then_some(Self(uuid))
    }
}

impl SessionId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id in a text, when the text is a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

#[cfg(feature = "client")]
impl EventId {
    /// A new id for an event recorded at a Unix time in milliseconds.
    ///
    /// The 74 random bits are drawn once per process and then counted up (RFC 9562, section 6.2, method 2), so making
    /// an id asks the kernel for nothing.
    #[must_use]
    pub(crate) fn at(unix_ms: u64) -> Self {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicU64, Ordering};

        static SEED: LazyLock<u128> =
            LazyLock::new(|| Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let random = SEED.wrapping_add(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut bytes = [0u8; 10];
        bytes.copy_from_slice(&random.to_be_bytes()[6..]);
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &bytes).into_uuid())
    }
}
