//! Sessions: browsers whose owner has shown the admin's token, and may now go without it for a while.
//!
//! An id is random and known to its browser alone: what is kept of it is a hash, in memory, so that neither a file nor a
//! memory dump lets anybody in, and a restart ends every session. There are [`MOST`] of them at most; the oldest goes.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::store::UnixMs;

/// Sessions at the same time; whoever may log in is a handful of people.
pub(crate) const MOST: usize = 100;
/// How long a session lasts, whatever is done in it: 12 hours.
pub(crate) const LIFE_MS: u64 = 12 * 60 * 60 * 1000;
/// How long a session lasts in which nothing is done: 2 hours.
pub(crate) const IDLE_MS: u64 = 2 * 60 * 60 * 1000;

const ID_BYTES: usize = 32;

/// What a browser keeps: 256 random bits.
pub(crate) struct SessionId([u8; ID_BYTES]);

impl SessionId {
    /// A new one; `None` if the system has no randomness to give.
    pub(crate) fn random() -> Option<Self> {
        let mut id = [0; ID_BYTES];
        SystemRandom::new().fill(&mut id).ok()?;
        Some(Self(id))
    }

    pub(crate) fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(2 * ID_BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// What is kept of an id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionKey([u8; ID_BYTES]);

impl SessionKey {
    /// Of an id as its browser sends it, or of anything else that was sent.
    fn of(hex: &str) -> Self {
        let mut key = [0; ID_BYTES];
        key.copy_from_slice(digest(&SHA256, hex.as_bytes()).as_ref());
        Self(key)
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

#[derive(Debug)]
struct Session {
    key: SessionKey,
    opened_ms: UnixMs,
    used_ms: UnixMs,
}

impl Session {
    /// A clock that went back a little ends nothing; one that is far off ends the session, whichever way it went.
    fn is_open(&self, now_ms: UnixMs) -> bool {
        self.opened_ms.abs_diff(now_ms) < LIFE_MS && self.used_ms.abs_diff(now_ms) < IDLE_MS
    }
}

/// The open sessions, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

impl Sessions {
    /// Opens a session.
    pub(crate) fn open(&self, id: &SessionId, now_ms: UnixMs) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| session.is_open(now_ms));
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session { key: SessionKey::of(&id.to_hex()), opened_ms: now_ms, used_ms: now_ms });
    }

    /// Finds the session of an id, and notes that something was done in it.
    pub(crate) fn using(&self, id: &str, now_ms: UnixMs) -> Option<SessionKey> {
        let key = SessionKey::of(id);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.iter_mut().find(|session| session.key == key && session.is_open(now_ms))?;
        session.used_ms = now_ms;
        Some(key)
    }

    /// Whether a session is still open; that somebody asks does not keep it so.
    pub(crate) fn is_open(&self, key: SessionKey, now_ms: UnixMs) -> bool {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().any(|session| session.key == key && session.is_open(now_ms))
    }

    pub(crate) fn end(&self, key: SessionKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|session| session.key != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_795_348_800_000;
    const LIFE: UnixMs = LIFE_MS as UnixMs;
    const IDLE: UnixMs = IDLE_MS as UnixMs;

    fn opened(sessions: &Sessions, now_ms: UnixMs) -> String {
        let id = SessionId::random().unwrap();
        sessions.open(&id, now_ms);
        id.to_hex()
    }

    #[test]
    fn only_the_whole_id_is_known() {
        let sessions = Sessions::default();
        let id = opened(&sessions, NOW);
        assert_eq!(id.len(), 64);
        assert!(sessions.using(&id, NOW).is_some());
        for other in ["", &id[1..], &"0".repeat(64), &opened(&Sessions::default(), NOW)] {
            assert!(sessions.using(other, NOW).is_none(), "{other}");
        }
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old_or_the_clock_is_lost() {
        let sessions = Sessions::default();
        let id = opened(&sessions, NOW);
        for used in [NOW + IDLE - 1, NOW + IDLE - 60_000] {
            assert!(sessions.using(&id, used).is_some(), "{used}");
        }
        assert!(sessions.using(&id, NOW + 2 * IDLE - 60_000).is_none(), "idle");
        let id = opened(&sessions, NOW);
        let mut now = NOW;
        while now + IDLE / 2 < NOW + LIFE {
            now += IDLE / 2;
            assert!(sessions.using(&id, now).is_some());
        }
        assert!(sessions.using(&id, NOW + LIFE).is_none(), "old");
        assert!(sessions.using(&id, NOW - IDLE).is_none(), "lost");
    }

    #[test]
    fn asking_whether_it_is_open_is_no_use() {
        let sessions = Sessions::default();
        let id = opened(&sessions, NOW);
        let key = sessions.using(&id, NOW).unwrap();
        assert!(sessions.is_open(key, NOW + IDLE - 1));
        assert!(!sessions.is_open(key, NOW + IDLE));
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_and_those_that_ended_do_not_count() {
        let sessions = Sessions::default();
        let first = opened(&sessions, NOW);
        let rest: Vec<String> = (0..MOST).map(|_| opened(&sessions, NOW)).collect();
        assert!(sessions.using(&first, NOW).is_none());
        assert!(rest.iter().all(|id| sessions.using(id, NOW).is_some()));
        sessions.end(sessions.using(&rest[5], NOW).unwrap());
        assert!(sessions.using(&rest[5], NOW).is_none());
        opened(&sessions, NOW);
        assert!(sessions.using(&rest[0], NOW).is_some(), "there was room");
    }

    #[test]
    fn keys_are_not_printed() {
        let sessions = Sessions::default();
        opened(&sessions, NOW);
        assert!(format!("{sessions:?}").contains("SessionKey(…)"));
    }
}
