//! Under which names a collector may be addressed.
//!
//! A page from elsewhere can make a browser send requests here by letting its own name point to this machine. So a name
//! must be one that we know; an address cannot be pointed elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The names that are answered to.
#[derive(Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    loopback_only: bool,
}

impl Hosts {
    pub(crate) fn new(names: Vec<String>, listen: SocketAddr) -> Self {
        Self { names, loopback_only: listen.ip().is_loopback() }
    }

    /// Whether `host`, with or without a port, can only mean this collector.
    pub(crate) fn admit(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        self.is_given(host)
            || match name {
                Host::Address(address) => address.is_loopback() || !self.loopback_only,
                Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            }
    }

    /// Whether `host` is a name that whoever started the collector gave it: there may be a proxy with TLS before it.
    pub(crate) fn is_given(&self, host: &str) -> bool {
        matches!(without_port(host), Some(Host::Name(name))
            if self.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

fn without_port(host: &str) -> Option<Host<'_>> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("0"))?),
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    port.parse::<u16>().ok()?;
    if host.starts_with('[') {
        return name.parse::<Ipv6Addr>().ok().map(|address| Host::Address(address.into()));
    }
    match name.parse::<Ipv4Addr>() {
        Ok(address) => Some(Host::Address(address.into())),
        Err(_) => Some(Host::Name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: [u8; 4]) -> Hosts {
        Hosts::new(vec!["stats.example.com".to_owned()], SocketAddr::from((listen, 80)))
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_and_given_ones_are_admitted() {
        let hosts = hosts([127, 0, 0, 1]);
        for host in [
            "localhost",
            "LocalHost:80",
            "127.0.0.1:4380",
            "127.9.9.9",
            "[::1]",
            "[::1]:4380",
            "Stats.example.com:443",
        ] {
            assert!(hosts.admit(host), "{host}");
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
            "stats.example.com:",
            "x.stats.example.com",
        ] {
            assert!(!hosts.admit(host), "{host}");
        }
    }

    #[test]
    fn elsewhere_any_address_is_admitted_but_only_given_names() {
        let hosts = hosts([0, 0, 0, 0]);
        for host in ["10.0.0.1:4380", "[2001:db8::1]", "localhost", "stats.example.com"] {
            assert!(hosts.admit(host), "{host}");
        }
        for host in ["example.com", "10.0.0.1.example.com", ""] {
            assert!(!hosts.admit(host), "{host}");
        }
        assert!(hosts.is_given("stats.example.com:8443") && !hosts.is_given("localhost"));
    }
}
