//! The environment variables that mean something, in one table; `docs/environment.md` is made from it.
//!
//! A test compares it with the names in the sources.

/// Variables that belong together.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

/// All of them.
pub(crate) const GROUPS: [Group; 7] = [
    Group {
        title: "Telemetry",
        variables: &[
            (
                "TELEMETRY_ENABLED",
                "`false`, `0`, `no` or `off` turns telemetry off; `true`, `1`, `yes` or `on` says yes without a notice first; anything else counts as off",
            ),
            ("DO_NOT_TRACK", "turns telemetry off unless it is empty, `0`, `false`, `no` or `off`"),
            ("TELEMETRY_NAMES", "`hide` sends `custom` instead of names that you chose"),
            ("TELEMETRY_ENDPOINT", "the full URL that events go to, instead of the one of this build"),
            ("TELEMETRY_API_KEY", "a key that goes with events to `TELEMETRY_ENDPOINT`"),
            ("TELEMETRY_ALLOW_HTTP", "`1` allows an endpoint without TLS that is not on this machine"),
            ("TELEMETRY_TAGS", "ignored; `telemetry status` says so"),
            (
                "DOCKER_AGENT_HIDE_TELEMETRY_BANNER",
                "`1` hides the notice; as long as it is hidden, nothing is sent",
            ),
            ("CAGENT_HIDE_TELEMETRY_BANNER", "the same, under an older name"),
        ],
    },
    Group {
        title: "Models",
        variables: &[
            ("OPENAI_API_KEY", "the key of `openai`"),
            ("MISTRAL_API_KEY", "the key of `mistral`"),
            ("XAI_API_KEY", "the key of `xai`"),
            ("NEBIUS_API_KEY", "the key of `nebius`"),
            ("REQUESTY_API_KEY", "the key of `requesty`"),
            ("MINIMAX_API_KEY", "the key of `minimax`"),
            ("AZURE_API_KEY", "the key of `azure`"),
            ("ANTHROPIC_API_KEY", "never handed to tools"),
            ("GOOGLE_API_KEY", "never handed to tools"),
            ("GEMINI_API_KEY", "never handed to tools"),
            ("AWS_BEARER_TOKEN_BEDROCK", "never handed to tools"),
            ("DOCKER_TOKEN", "never handed to tools"),
            ("MODEL_RUNNER_HOST", "where Docker Model Runner (`dmr`) is, instead of 127.0.0.1:12434"),
        ],
    },
    Group {
        title: "Files",
        variables: &[
            ("DOCKER_AGENT_CONFIG_DIR", "the folder of settings; `--config-dir` beats it"),
            ("DOCKER_AGENT_DATA_DIR", "the folder of state; `--data-dir` beats it"),
            ("XDG_CONFIG_HOME", "settings are in its `docker-agent`; without it in `~/.config/docker-agent`"),
            ("XDG_STATE_HOME", "state is in its `docker-agent`; without it in `~/.local/state/docker-agent`"),
            ("HOME", "the home folder; without one nothing is kept"),
            ("USERPROFILE", "the home folder where `HOME` is not set"),
        ],
    },
    Group {
        title: "Terminal",
        variables: &[
            ("NO_COLOR", "anything but empty: no colours and no other styles"),
            ("CLICOLOR", "`0`: the same"),
            ("CLICOLOR_FORCE", "anything but `0`: colours also where there is no terminal"),
            ("TERM", "`dumb`: plain lines, no spinner"),
        ],
    },
    Group {
        title: "Network",
        variables: &[
            ("HTTPS_PROXY", "the proxy for `https`; also in small letters"),
            ("http_proxy", "the proxy for `http`; only in small letters"),
            ("ALL_PROXY", "the proxy where no other is given; also in small letters"),
            (
                "NO_PROXY",
                "hosts that are reached without a proxy; also in small letters. This machine always is",
            ),
            ("SSL_CERT_FILE", "certificates to trust instead of the system's"),
            ("SSL_CERT_DIR", "a folder of such certificates"),
        ],
    },
    Group {
        title: "Docker",
        variables: &[
            (
                "DOCKER_CONFIG",
                "docker's configuration folder, where `plugin install` puts its link; without it `~/.docker`",
            ),
            (
                "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND",
                "set by docker when it calls a plugin; not handed to tools",
            ),
            (
                "DOCKER_CLI_PLUGIN_SOCKET",
                "set by docker when it calls a plugin; when this socket closes, a run stops; not handed to tools",
            ),
        ],
    },
    Group {
        title: "What an event says about you",
        variables: &[
            ("LC_ALL", "its language and region go with events, as `de-DE`"),
            ("LC_MESSAGES", "the same where `LC_ALL` is not set"),
            ("LANG", "the same where neither is set"),
            ("CI", "the caller is `ci`"),
            ("CONTINUOUS_INTEGRATION", "the caller is `ci`"),
            ("BUILD_NUMBER", "the caller is `ci`"),
            ("TF_BUILD", "the caller is `ci`"),
            ("AI_AGENT", "the caller is `agent`"),
            ("CLAUDECODE", "the caller is `agent`"),
            ("CURSOR_AGENT", "the caller is `agent`"),
            ("GEMINI_CLI", "the caller is `agent`"),
            ("DOCKER_AGENT_SESSION", "the caller is `agent`"),
            ("USER", "a name that contains it is sent as `custom`"),
            ("LOGNAME", "a name that contains it is sent as `custom`"),
            ("USERNAME", "a name that contains it is sent as `custom`"),
            ("HOSTNAME", "a name that contains it is sent as `custom`"),
            ("COMPUTERNAME", "a name that contains it is sent as `custom`"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::GROUPS;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Words in capitals that are no variables of a run: set while building, or of other languages.
    const OTHERS: [&str; 12] = [
        "CARGO_PKG_VERSION",
        "DOCKER_AGENT_COMMIT",
        "DOCKER_AGENT_TELEMETRY_API_KEY",
        "DOCKER_AGENT_TELEMETRY_ENDPOINT",
        "AF_INET",
        "AF_NETLINK",
        "O_CREAT",
        "O_RDWR",
        "O_TRUNC",
        "O_WRONLY",
        "ACCESSPERMS",
        "PATH",
    ];

    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.file_name().is_some_and(|name| name != "tests.rs" && name != "environment.rs") {
                let source = std::fs::read_to_string(&path).expect("text");
                text.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
            }
        }
    }

    #[test]
    fn every_variable_in_the_sources_is_in_the_table() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut text = String::new();
        for name in ["agent-runtime", "agent-telemetry", "docker-agent"] {
            sources(&crates.join(name).join("src"), &mut text);
        }
        let is_variable = |word: &&str| {
            let capitals = word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            capitals && word.contains('_') && word.len() > 4
        };
        let used: BTreeSet<&str> = text.split('"').filter(is_variable).collect();
        let listed: Vec<&str> =
            GROUPS.iter().flat_map(|group| group.variables).map(|(name, _)| *name).collect();
        let missing: Vec<&&str> =
            used.iter().filter(|name| !listed.contains(name) && !OTHERS.contains(name)).collect();
        assert!(used.contains("TELEMETRY_ENABLED") && used.contains("DOCKER_CONFIG"), "{used:?}");
        assert_eq!(missing, [] as [&&str; 0], "say in GROUPS what they mean");
        let distinct: BTreeSet<&&str> = listed.iter().collect();
        assert_eq!(distinct.len(), listed.len(), "a variable is listed twice");
    }
}
