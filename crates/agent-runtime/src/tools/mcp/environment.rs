//! The variables of an MCP server: few, harmless, and what the agent file gives it.

use std::collections::BTreeMap;

/// What programs need to find their files, their language, certificates and the Docker engine. No credentials.
const ALLOWED: &[&str] = &[
    "COLORTERM",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DO_NOT_TRACK",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TELEMETRY_ENABLED",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Addresses of proxies, which may hold a password.
const PROXIES: &[&str] = &["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// Tells whether any child may have a variable: it is on the list above.
pub(crate) fn is_harmless(name: &str) -> bool {
    ALLOWED.contains(&name)
}

/// Picks a server's variables from those that children may have, and adds its own.
pub(super) fn variables(
    children: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let allowed = children.iter().filter(|(name, value)| {
        let upper = name.to_ascii_uppercase();
        is_harmless(name)
            || name.starts_with("LC_")
            || name.starts_with("XDG_")
            || (PROXIES.contains(&upper.as_str()) && !value.contains('@'))
    });
    allowed.chain(own).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_outside_unless_given() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let children: BTreeMap<String, String> = map(&[
            ("AWS_SECRET_ACCESS_KEY", "canary"),
            ("GITHUB_TOKEN", "canary"),
            ("HOME", "/home/x"),
            ("HTTPS_PROXY", "http://user:canary@proxy:1"),
            ("LC_ALL", "C"),
            ("NODE_OPTIONS", "canary"),
            ("PATH", "/bin"),
            ("TELEMETRY_ENABLED", "false"),
            ("http_proxy", "http://proxy:1"),
        ]);
        let given = map(&[("GITHUB_TOKEN", "given"), ("PATH", "/mine")]);
        let expected: BTreeMap<String, String> = map(&[
            ("GITHUB_TOKEN", "given"),
            ("HOME", "/home/x"),
            ("LC_ALL", "C"),
            ("PATH", "/mine"),
            ("TELEMETRY_ENABLED", "false"),
            ("http_proxy", "http://proxy:1"),
        ]);
        assert_eq!(variables(&children, &given), expected);
    }
}
