//! `clickhouse://user@host:8123,host:8123/database`: where a ClickHouse database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const HTTP_PORT: u16 = 8123;
const HTTPS_PORT: u16 = 8443;

/// Where a ClickHouse database is, and who asks.
///
/// Several hosts are replicas of each other, or proxies to the same ones: the first that answers is used.
#[derive(Clone, PartialEq, Eq)]
pub struct ClickHouseAddress {
    encrypted: bool,
    user: Option<String>,
    password: Option<String>,
    /// With their ports.
    hosts: Vec<String>,
    database: String,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not begin as it should.
    #[error("expected clickhouse://USER@HOST:PORT/DATABASE (HTTP) or clickhouses://… (HTTPS)")]
    Scheme,
    /// Command lines are visible to everyone on the machine.
    #[error("a password does not belong into an address: put it into a file and give --store-password-file")]
    Password,
    /// A host or its port cannot be read.
    #[error("{0:?} is not a host, optionally with a port")]
    Host(String),
    /// The database's name would have to be quoted.
    #[error("{0:?} is not a database: letters, digits and underscores, not beginning with a digit")]
    Database(String),
    /// It names no database.
    #[error("name a database of its own behind the address: clickhouse://USER@HOST:PORT/DATABASE")]
    NoDatabase,
    /// The password file cannot be read.
    #[error("the password file {} cannot be used: {problem}", file.display())]
    PasswordFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        problem: String,
    },
}

impl FromStr for ClickHouseAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (encrypted, rest) =
            match (text.strip_prefix("clickhouse://"), text.strip_prefix("clickhouses://")) {
                (Some(rest), _) => (false, rest),
                (_, Some(rest)) => (true, rest),
                _ => return Err(AddressError::Scheme),
            };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user.to_owned()), hosts),
            None => (None, authority),
        };
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err(AddressError::Password);
        }
        let port = if encrypted { HTTPS_PORT } else { HTTP_PORT };
        let hosts = hosts.split(',').map(|host| with_port(host, port)).collect::<Result<_, _>>()?;
        if database.is_empty() {
            return Err(AddressError::NoDatabase);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !database.chars().all(is_word) || database.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(AddressError::Database(database.to_owned()));
        }
        let user = user.filter(|user| !user.is_empty());
        Ok(Self { encrypted, user, password: None, hosts, database: database.to_owned() })
    }
}

fn with_port(host: &str, default: u16) -> Result<String, AddressError> {
    let wrong = || AddressError::Host(host.to_owned());
    // An IPv6 address has colons of its own, and brackets around them.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().map_err(|_| wrong())?),
        _ => (host, default),
    };
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_ip = |name: &str| name.parse::<std::net::Ipv6Addr>().is_ok();
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bracketed.map_or_else(|| !name.is_empty() && name.chars().all(is_bare), is_ip) {
        true => Ok(format!("{name}:{port}")),
        false => Err(wrong()),
    }
}

impl ClickHouseAddress {
    /// The same, with the password that is the first line of a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is empty.
    pub fn with_password_file(mut self, file: &Path) -> Result<Self, AddressError> {
        let failed = |problem: String| AddressError::PasswordFile { file: file.to_owned(), problem };
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Err(failed("its first line, the password, is empty".to_owned()));
        }
        self.password = Some(line.to_owned());
        Ok(self)
    }

    pub(super) fn urls(&self) -> impl Iterator<Item = String> {
        let scheme = if self.encrypted { "https" } else { "http" };
        self.hosts.iter().map(move |host| format!("{scheme}://{host}"))
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }
}

/// Without user and password: what tells one database from another.
impl fmt::Display for ClickHouseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "clickhouses" } else { "clickhouse" };
        write!(f, "{scheme}://{}/{}", self.hosts.join(","), self.database)
    }
}

impl fmt::Debug for ClickHouseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClickHouseAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<ClickHouseAddress>() {
            Ok(address) => format!("{address} {}", address.urls().collect::<Vec<_>>().join(" ")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_have_defaults_and_may_name_several_hosts() {
        assert_eq!(shown("clickhouse://h/t"), "clickhouse://h:8123/t http://h:8123");
        assert_eq!(
            shown("clickhouses://me@a,[::1]:1/t_1"),
            "clickhouses://a:8443,[::1]:1/t_1 https://a:8443 https://[::1]:1"
        );
        assert_eq!(shown("clickhouse://[::1]/t"), "clickhouse://[::1]:8123/t http://[::1]:8123");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, named) in [
            ("http://h/t", "clickhouse://USER@HOST:PORT/DATABASE"),
            ("clickhouse://me:secret@h/t", "--store-password-file"),
            ("clickhouse:///t", "\"\" is not a host"),
            ("clickhouse://h:x/t", "\"h:x\" is not a host"),
            ("clickhouse://a b/t", "\"a b\" is not a host"),
            ("clickhouse://h", "name a database of its own"),
            ("clickhouse://h/", "name a database of its own"),
            ("clickhouse://h/a-b", "\"a-b\" is not a database"),
            ("clickhouse://h/1a", "\"1a\" is not a database"),
        ] {
            let shown = shown(text);
            assert!(shown.contains(named), "{text}: {shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
