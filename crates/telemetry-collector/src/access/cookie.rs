//! The cookie that carries a session's id (RFC 6265bis).
//!
//! Scripts cannot read it, other sites cannot have it sent, and where pages come over TLS it goes over nothing else; its
//! `__Host-` prefix then keeps neighbours under the same domain from setting it.

use super::session::{LIFE_MS, SessionId};

const NAME: &str = "telemetry-session";
const NAME_OVER_TLS: &str = "__Host-telemetry-session";

/// What makes a browser keep a session; `over_tls` if its pages come over TLS.
pub(crate) fn keep(id: &SessionId, over_tls: bool) -> String {
    written(&id.to_hex(), LIFE_MS / 1000, over_tls)
}

/// What makes a browser forget its session.
pub(crate) fn forget(over_tls: bool) -> String {
    written("", 0, over_tls)
}

fn written(value: &str, max_age_seconds: u64, over_tls: bool) -> String {
    let (name, secure) = if over_tls { (NAME_OVER_TLS, "; Secure") } else { (NAME, "") };
    format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The ids in a `Cookie` header: one, unless somebody plays tricks.
pub(crate) fn ids(header: &str) -> impl Iterator<Item = &str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| [NAME, NAME_OVER_TLS].contains(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again() {
        let id = SessionId::random().unwrap();
        for over_tls in [false, true] {
            let cookie = keep(&id, over_tls);
            let sent = cookie.split(';').next().unwrap();
            assert_eq!(ids(sent).collect::<Vec<_>>(), [id.to_hex()]);
            let among_others = format!("a=b; {sent};c; telemetry-sessions=1; =; xtelemetry-session=2");
            assert_eq!(ids(&among_others).collect::<Vec<_>>(), [id.to_hex()]);
        }
        assert_eq!(ids("").count() + ids("a=b").count() + ids("telemetry-session").count(), 0);
    }

    #[test]
    fn over_tls_it_goes_over_nothing_else() {
        assert_eq!(forget(false), "telemetry-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
        let over_tls = "__Host-telemetry-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(forget(true), over_tls);
    }
}
