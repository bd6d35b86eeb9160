//! Who may know whom: the edges between our crates, and the features they may ask for.
//!
//! Edges are checked in the declarations, of all kinds, since a test that links a crate knows it too.
//! Features are checked twice: as declared, and as cargo resolves them for a crate that is built alone, because a
//! build of the whole workspace unifies them.

use cargo_metadata::{DependencyKind, Metadata};

use super::Finding;

/// Each of our crates with the crates of ours that it may depend on.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("agent-telemetry-macros", &[]),
    ("agent-telemetry", &["agent-telemetry-macros"]),
    ("telemetry-collector", &["agent-telemetry"]),
    ("agent-runtime", &["agent-telemetry"]),
    ("docker-agent", &["agent-runtime", "agent-telemetry"]),
    ("acme", &["agent-telemetry"]),
    ("xtask", &[]),
];

/// A crate of ours, a dependency of it, and the features that it must not have.
const FORBIDDEN_FEATURES: [(&str, &str, &[&str]); 2] = [
    // The collector defines nothing and sends nothing: it needs definitions, wire types and validation.
    ("telemetry-collector", "agent-telemetry", &["default", "client", "http"]),
    // The runtime reports; how that is delivered is the program's choice.
    ("agent-runtime", "agent-telemetry", &["default", "http"]),
];

/// The crates for which [`resolved_alone`] is asked.
pub(super) const RESOLVED_ALONE: [&str; 2] = ["telemetry-collector", "agent-runtime"];

/// A package of the workspace, as declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) license: Option<String>,
    /// Names of the integration test binaries.
    pub(super) tests: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependency table.
#[derive(Clone, Debug, Default)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `default` is among them when default features are on.
    pub(super) features: Vec<String>,
    pub(super) dev: bool,
}

/// Reduces cargo's description to what the rules need.
pub(super) fn packages(metadata: &Metadata) -> Vec<Package> {
    let dependency = |declared: &cargo_metadata::Dependency| {
        let default = declared.uses_default_features.then(|| "default".to_owned());
        Dependency {
            name: declared.name.clone(),
            features: default.into_iter().chain(declared.features.iter().cloned()).collect(),
            dev: declared.kind == DependencyKind::Development,
        }
    };
    let package = |package: &cargo_metadata::Package| Package {
        name: package.name.to_string(),
        license: package.license.clone(),
        tests: package.targets.iter().filter(|t| t.is_test()).map(|t| t.name.clone()).collect(),
        dependencies: package.dependencies.iter().map(dependency).collect(),
    };
    metadata.packages.iter().map(package).collect()
}

/// Finds dependencies between our crates that the table does not allow.
pub(super) fn undeclared_edges(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages {
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == package.name) else {
            found.push(finding(
                &package.name,
                "a new crate: say in xtask/src/tidy/boundaries.rs which of our crates it may know",
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            let itself = dependency.name == package.name;
            if ours && !itself && !allowed.contains(&dependency.name.as_str()) {
                found.push(finding(&package.name, &format!("must not depend on {}", dependency.name)));
            }
        }
    }
    found
}

/// Finds dependency declarations that ask for a feature they must not have.
pub(super) fn forbidden_features(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, on, forbidden) in FORBIDDEN_FEATURES {
        let package = packages.iter().find(|package| package.name == name);
        let declared = package.iter().flat_map(|package| &package.dependencies);
        for dependency in declared.filter(|dependency| dependency.name == on && !dependency.dev) {
            for feature in dependency.features.iter().filter(|feature| forbidden.contains(&feature.as_str()))
            {
                found.push(finding(name, &format!("must not enable the feature `{feature}` of {on}")));
            }
        }
    }
    found
}

/// Returns the arguments that make cargo list what a package links, one `name vX (path)|feature,feature` a line.
pub(super) fn tree_args(package: &str) -> [&str; 9] {
    [
        "tree",
        "--locked",
        "-p",
        package,
        "--edges=normal",
        "--prefix=none",
        "--format={p}|{f}",
        "--target=all",
        "-q",
    ]
}

/// Finds forbidden crates and features in what cargo resolves for a package built alone.
pub(super) fn resolved_alone(package: &str, tree: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let (described, features) = line.split_once('|').unwrap_or((line, ""));
        let linked = described.split(' ').next().unwrap_or_default();
        let features: Vec<_> = features.trim_end_matches(" (*)").split(',').collect();
        for (name, on, forbidden) in FORBIDDEN_FEATURES {
            if name == package && on == linked {
                for feature in features.iter().filter(|feature| forbidden.contains(feature)) {
                    found
                        .push(finding(package, &format!("built alone gets the feature `{feature}` of {on}")));
                }
            }
        }
        let ours = MAY_KNOW.iter().any(|(name, _)| *name == linked);
        if ours && linked != package && !may_link(package, linked) {
            found.push(finding(package, &format!("built alone links {linked}")));
        }
    }
    found.dedup();
    found
}

/// Returns whether one of our crates may be reached from another over allowed edges.
fn may_link(package: &str, linked: &str) -> bool {
    MAY_KNOW
        .iter()
        .find(|(name, _)| *name == package)
        .is_some_and(|(_, allowed)| allowed.iter().any(|next| *next == linked || may_link(next, linked)))
}

fn finding(package: &str, text: &str) -> Finding {
    let folder = match package {
        "xtask" => "xtask".to_owned(),
        "acme" => "examples/acme".to_owned(),
        other => format!("crates/{other}"),
    };
    Finding::file(&format!("{folder}/Cargo.toml"), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, &[&str], bool)]) -> Package {
        let dependency = |(name, features, dev): &(&str, &[&str], bool)| Dependency {
            name: (*name).to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            dev: *dev,
        };
        Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    fn texts(found: Vec<Finding>) -> Vec<String> {
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found_in_tests_too() {
        let packages = [
            package("agent-telemetry", &[("agent-telemetry-macros", &[], false), ("serde", &[], false)]),
            package("agent-telemetry-macros", &[]),
            package("telemetry-collector", &[("agent-runtime", &[], false)]),
            package("docker-agent", &[("telemetry-collector", &[], true)]),
            package("agent-runtime", &[]),
        ];
        assert_eq!(
            texts(undeclared_edges(&packages)),
            [
                "crates/telemetry-collector/Cargo.toml: must not depend on agent-runtime",
                "crates/docker-agent/Cargo.toml: must not depend on telemetry-collector",
            ]
        );
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        let found = texts(undeclared_edges(&[package("surprise", &[])]));
        assert!(found[0].starts_with("crates/surprise/Cargo.toml: a new crate"), "{found:?}");
    }

    #[test]
    fn features_that_break_a_boundary_are_found_unless_only_tests_ask() {
        let packages = [
            package("telemetry-collector", &[("agent-telemetry", &["default"], false)]),
            package(
                "agent-runtime",
                &[("agent-telemetry", &["client"], false), ("agent-telemetry", &["http"], true)],
            ),
        ];
        assert_eq!(
            texts(forbidden_features(&packages)),
            [
                "crates/telemetry-collector/Cargo.toml: must not enable the feature `default` of agent-telemetry"
            ]
        );
    }

    #[test]
    fn what_cargo_resolves_is_checked() {
        let tree = "telemetry-collector v0.1.0 (/w)|default\n\
                    agent-telemetry v0.1.0 (/w)|client,http (*)\n\
                    agent-telemetry-macros v0.1.0 (proc-macro) (/w)|\n\
                    agent-runtime v0.1.0 (/w)|\n\
                    ureq v3.5.2|http";
        assert_eq!(
            texts(resolved_alone("telemetry-collector", tree)),
            [
                "crates/telemetry-collector/Cargo.toml: built alone gets the feature `client` of agent-telemetry",
                "crates/telemetry-collector/Cargo.toml: built alone gets the feature `http` of agent-telemetry",
                "crates/telemetry-collector/Cargo.toml: built alone links agent-runtime",
            ]
        );
    }

    #[test]
    fn allowed_edges_are_followed() {
        assert!(may_link("docker-agent", "agent-telemetry-macros"));
        assert!(!may_link("docker-agent", "telemetry-collector"));
        assert!(!may_link("telemetry-collector", "agent-runtime"));
    }
}
