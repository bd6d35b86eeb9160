//! `Cargo.lock`: how many packages we take in, and which ones never.

use super::Finding;
use super::source::Source;

/// The most packages that the lock file may list.
///
/// The first real count was 247, and 280 with the official MCP SDK and the walker that knows `.gitignore`.
/// Raise it only in a commit that says what is worth it.
const BUDGET: usize = 320;

/// Packages that must not come in, with the reason.
const BANNED: [(&str, &str); 4] = [
    ("aws-lc-rs", "TLS is rustls with ring everywhere: one provider, no cmake"),
    ("aws-lc-sys", "TLS is rustls with ring everywhere: one provider, no cmake"),
    ("native-tls", "TLS is rustls with ring everywhere, so that no system library decides"),
    ("openssl-sys", "TLS is rustls with ring everywhere, so that no system library decides"),
];

/// Finds a lock file over budget and banned packages.
pub(super) fn budget_and_bans(source: &Source) -> Vec<Finding> {
    if source.path != "Cargo.lock" {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut count = 0;
    for (index, line) in source.text.lines().enumerate() {
        let Some(name) = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) else {
            continue;
        };
        count += 1;
        if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            let text =
                format!("{name} must not be used: {reason}; `cargo tree -i {name}` shows who brings it");
            found.push(Finding::line(&source.path, index + 1, text));
        }
    }
    if count > BUDGET {
        let text =
            format!("{count} packages, the budget is {BUDGET}; drop one or raise the budget with a reason");
        found.push(Finding::file(&source.path, text));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(names: impl IntoIterator<Item = String>) -> Source {
        let packages = names.into_iter().map(|name| format!("[[package]]\nname = \"{name}\"\n"));
        Source::new("Cargo.lock", packages.collect::<String>())
    }

    #[test]
    fn banned_packages_are_found() {
        for (banned, _) in BANNED {
            let found = budget_and_bans(&lock(["serde".to_owned(), banned.to_owned()]));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].line, Some(4));
            assert!(found[0].text.starts_with(banned), "{found:?}");
        }
    }

    #[test]
    fn one_package_over_the_budget_is_found() {
        let numbered = |count| lock((0..count).map(|number| format!("p{number}")));
        assert_eq!(budget_and_bans(&numbered(BUDGET)), []);
        assert_eq!(budget_and_bans(&numbered(BUDGET + 1)).len(), 1);
    }
}
