//! Who may talk to a collector: names, keys, the admin's token, sessions of those who showed it, and how often.
//!
//! Decisions only; `routes/access` and `routes/login` ask for them. Secrets are compared without telling by the time it
//! takes how much of one was right, and are never printed. Where a request comes from plays no part, and is not known
//! here.

pub(crate) mod cookie;
mod files;
mod hosts;
mod local;
mod rate;
mod session;

use std::net::SocketAddr;
use std::num::NonZeroU32;

pub use files::SecretFileError;
pub(crate) use hosts::Hosts;
pub(crate) use local::LocalPath;
pub(crate) use rate::Limiter;
pub(crate) use session::{SessionId, SessionKey, Sessions};

use crate::store::UnixMs;

/// Wrong tokens that the login form takes at once; after that, one every six seconds.
///
/// Nobody is told apart by an address, so whoever guesses closes the form for everybody. Open sessions and bearer
/// tokens are not concerned: those who need to get in have a way in.
const LOGIN_FAILURES: NonZeroU32 = NonZeroU32::new(10).unwrap();
const LOGIN_PERIOD_MS: u32 = 60_000;

/// Something that only those who may know it know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The least length: what cannot be guessed by trying.
    pub const MIN_BYTES: usize = 16;

    /// Whether `given` is this secret; takes the same time for every text of one length.
    fn is(&self, given: &[u8]) -> bool {
        let differing = self.0.iter().zip(given).fold(0, |seen, (ours, theirs)| seen | (ours ^ theirs));
        std::hint::black_box(differing) == 0 && self.0.len() == given.len()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What clients must show to have their events taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestAccess {
    /// Nothing was said: nothing on loopback; elsewhere a collector does not start like that.
    #[default]
    Unsaid,
    /// Nothing, on purpose.
    Open,
    /// One of these, as `x-api-key`.
    Keys(Vec<Secret>),
}

/// Who may do what.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Access {
    /// What the API demands as a bearer token.
    pub admin_token: Option<Secret>,
    /// What ingest demands.
    pub ingest: IngestAccess,
    /// Names beside those of the machine itself under which the collector may be addressed.
    pub hosts: Vec<String>,
    /// Requests a second that one key may make; all clients together if there are no keys.
    pub rate: Option<NonZeroU32>,
}

impl Access {
    /// What is missing for an address that other machines can reach.
    pub(crate) fn missing_for(&self, listen: SocketAddr) -> Option<&'static str> {
        if listen.ip().is_loopback() {
            None
        } else if self.admin_token.is_none() {
            Some("--admin-token-file")
        } else if self.ingest == IngestAccess::Unsaid {
            Some("--ingest-keys-file (or --open-ingest)")
        } else {
            None
        }
    }
}

/// The doors of one collector.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) hosts: Hosts,
    admin_token: Option<Secret>,
    keys: Option<Vec<Secret>>,
    limiter: Option<Limiter>,
    pub(crate) sessions: Sessions,
    login_failures: Limiter,
    tls: bool,
}

/// What a secret that was shown is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Right,
    Missing,
    /// Somebody may be guessing.
    Wrong,
}

/// What came of a login.
pub(crate) enum Login {
    Open(SessionId),
    Wrong,
    /// Wrong ones came too often; nobody looked at this one.
    TooMany {
        seconds: u64,
    },
    NoRandomness,
}

impl Doors {
    pub(crate) fn new(access: Access, listen: SocketAddr, tls: bool) -> Self {
        let keys = match access.ingest {
            IngestAccess::Keys(keys) => Some(keys),
            IngestAccess::Open | IngestAccess::Unsaid => None,
        };
        let buckets = keys.as_ref().map_or(1, Vec::len);
        Self {
            hosts: Hosts::new(access.hosts, listen),
            admin_token: access.admin_token,
            limiter: access.rate.map(|rate| Limiter::new(rate, buckets)),
            keys,
            sessions: Sessions::default(),
            login_failures: Limiter::of_period(LOGIN_FAILURES, LOGIN_PERIOD_MS, 1),
            tls,
        }
    }

    /// Whether pages of `host` may have come over TLS: from here, or from a proxy before us.
    pub(crate) fn may_be_tls(&self, host: &str) -> bool {
        self.tls || self.hosts.is_given(host)
    }

    /// Whether a page of this collector that says it is of `origin` came over TLS.
    pub(crate) fn is_over_tls(&self, origin: Option<&str>) -> bool {
        self.tls || origin.is_some_and(|origin| origin.starts_with("https://"))
    }

    /// Whether there is anything to log in to.
    pub(crate) fn want_a_token(&self) -> bool {
        self.admin_token.is_some()
    }

    /// Judges a token from the login form; a right one opens a session.
    pub(crate) fn log_in(&self, token: &str, now_ms: UnixMs) -> Login {
        // Taken before the token is looked at, so that many guesses at once are no more than that many.
        if let Err(seconds) = self.login_failures.take(0, now_ms) {
            return Login::TooMany { seconds };
        }
        if !self.admin_token.as_ref().is_some_and(|known| known.is(token.as_bytes())) {
            return Login::Wrong;
        }
        self.login_failures.give_back(0);
        let Some(id) = SessionId::random() else { return Login::NoRandomness };
        self.sessions.open(&id, now_ms);
        Login::Open(id)
    }

    /// Judges an `Authorization` header.
    pub(crate) fn admin(&self, authorization: Option<&[u8]>) -> Shown {
        match (&self.admin_token, authorization) {
            (None, _) => Shown::Right,
            (Some(_), None) => Shown::Missing,
            (Some(token), Some(given)) => match bearer(given) {
                Some(given) if token.is(given) => Shown::Right,
                _ => Shown::Wrong,
            },
        }
    }

    /// Judges an `x-api-key` header; a right one comes with its place among the keys.
    pub(crate) fn ingest(&self, key: Option<&[u8]>) -> (Shown, usize) {
        match (&self.keys, key) {
            (None, _) => (Shown::Right, 0),
            (Some(_), None) => (Shown::Missing, 0),
            (Some(keys), Some(given)) => {
                // All of them, so that the time does not tell which one was nearly right.
                let places = keys.iter().enumerate();
                let found = places.fold(None, |found, (place, key)| key.is(given).then_some(place).or(found));
                found.map_or((Shown::Wrong, 0), |place| (Shown::Right, place))
            }
        }
    }

    /// Counts a request of a key, or says in how many seconds it may come again.
    pub(crate) fn take(&self, key: usize, now_ms: i64) -> Result<(), u64> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.take(key, now_ms))
    }
}

fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret(text.as_bytes().into())
    }

    fn doors(access: Access) -> Doors {
        Doors::new(access, SocketAddr::from(([127, 0, 0, 1], 0)), false)
    }

    #[test]
    fn only_the_whole_token_opens() {
        let admin_token = Some(secret("0123456789abcdef"));
        let doors = doors(Access { admin_token, ..Access::default() });
        assert_eq!(doors.admin(Some(b"Bearer 0123456789abcdef")), Shown::Right);
        assert_eq!(doors.admin(Some(b"bearer 0123456789abcdef")), Shown::Right);
        assert_eq!(doors.admin(None), Shown::Missing);
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdefg",
        ] {
            assert_eq!(doors.admin(Some(wrong.as_bytes())), Shown::Wrong, "{wrong}");
        }
    }

    #[test]
    fn each_key_opens_and_has_its_own_place() {
        let keys = IngestAccess::Keys(vec![secret("aaaaaaaaaaaaaaaa"), secret("bbbbbbbbbbbbbbbb")]);
        let doors = doors(Access { ingest: keys, ..Access::default() });
        assert_eq!(doors.ingest(Some(b"aaaaaaaaaaaaaaaa")), (Shown::Right, 0));
        assert_eq!(doors.ingest(Some(b"bbbbbbbbbbbbbbbb")), (Shown::Right, 1));
        assert_eq!(doors.ingest(Some(b"cccccccccccccccc")).0, Shown::Wrong);
        assert_eq!(doors.ingest(None).0, Shown::Missing);
        assert_eq!(self::doors(Access::default()).ingest(None), (Shown::Right, 0));
    }

    #[test]
    fn an_address_that_others_reach_needs_both_doors() {
        let (near, far) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([0, 0, 0, 0], 1)));
        let mut access = Access::default();
        assert_eq!(access.missing_for(near), None);
        assert_eq!(access.missing_for(far), Some("--admin-token-file"));
        access.admin_token = Some(secret("0123456789abcdef"));
        assert_eq!(access.missing_for(far), Some("--ingest-keys-file (or --open-ingest)"));
        access.ingest = IngestAccess::Open;
        assert_eq!(access.missing_for(far), None);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", secret("0123456789abcdef")).contains("0123"));
    }
}
