//! Manifests: what each package must say about itself.

use super::Finding;
use super::boundaries::Package;
use super::source::Source;

/// Finds packages without a licence, and tests that are not in the one integration binary.
pub(super) fn package_fields(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages {
        if package.license.is_none() {
            found.push(Finding::file(&package.name, "no licence: write `license.workspace = true`"));
        }
        for test in package.tests.iter().filter(|test| *test != "it") {
            let text =
                format!("the test binary `{test}` links everything once more: make it a module of tests/it");
            found.push(Finding::file(&package.name, text));
        }
    }
    found
}

/// Finds manifests of our packages that do not take over the workspace's lints.
pub(super) fn workspace_lints(source: &Source) -> Vec<Finding> {
    let ours = source.path == "xtask/Cargo.toml"
        || (source.path.starts_with("crates/") && source.path.ends_with("/Cargo.toml"));
    if ours && source.text.contains("[package]") && !source.text.contains("[lints]\nworkspace = true\n") {
        vec![Finding::file(&source.path, "no lints: write `[lints]` and `workspace = true`")]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_licence_is_found() {
        let package = Package { name: "a".to_owned(), ..Package::default() };
        assert_eq!(package_fields(std::slice::from_ref(&package)).len(), 1);
        assert_eq!(package_fields(&[Package { license: Some("Apache-2.0".to_owned()), ..package }]), []);
    }

    #[test]
    fn a_second_test_binary_is_found() {
        let license = Some("Apache-2.0".to_owned());
        let tests = vec!["it".to_owned(), "more".to_owned()];
        let found = package_fields(&[Package { license, tests, ..Package::default() }]);
        assert_eq!(found.len(), 1);
        assert!(found[0].text.contains("`more`"), "{found:?}");
    }

    #[test]
    fn a_manifest_without_the_lints_is_found() {
        let manifest = |path, text| workspace_lints(&Source::new(path, text)).len();
        assert_eq!(manifest("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"), 1);
        assert_eq!(manifest("crates/a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(manifest("Cargo.toml", "[workspace]\n"), 0);
    }
}
