//! Who may talk to a collector on loopback, and what browsers are told about its answers.
//!
//! A page from elsewhere can make a browser send requests here. Two checks keep it out: the request must be addressed
//! to a loopback name (a rebound DNS name is not one), and if it names an origin, that must be this server itself.
//! There are no CORS headers, so nothing can be read across origins either.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets in what is addressed to a loopback name by nobody or by our own pages, and sets the security headers.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match admit(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.closing().into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn admit(request: &Request) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority().map(|authority| authority.as_str());
    let wrong_host =
        || ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "the host must be a loopback name");
    let Some(host) = host.filter(|host| is_loopback(host)) else { return Err(wrong_host()) };
    if hosts.next().is_some() || target.is_some_and(|target| !target.eq_ignore_ascii_case(host)) {
        return Err(wrong_host());
    }
    let own = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|origin| {
            origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        })
    };
    if request.headers().get_all(header::ORIGIN).iter().all(own) {
        Ok(())
    } else {
        Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", "pages of other origins are not let in"))
    }
}

/// Whether `host` (a name or address, with or without a port) can only mean this machine.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("0"))),
        None => host.split_once(':').map_or((host, Some("0")), |(name, port)| (name, Some(port))),
    };
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    let bracketed = host.starts_with('[');
    match bracketed {
        true => name.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        false => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:4380", "127.9.9.9", "[::1]", "[::1]:4380"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1:x",
            "[::2]",
            "[::1]x",
            "::1",
            "[127.0.0.1]",
            "10.0.0.1",
            "0.0.0.0",
            "127.0.0.1@example.com",
            "127.1",
            "[::1",
            "localhost:",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
