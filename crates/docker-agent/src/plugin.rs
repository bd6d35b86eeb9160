//! Being a Docker CLI plugin: the metadata probe, docker's own flags in front of ours, the end of docker.
//!
//! The probe runs whenever somebody types `docker`, so it touches no file and knows no telemetry.
//! Facts: <https://github.com/docker/cli>, `cli-plugins/metadata/metadata.go` and `cli-plugins/manager/manager.go`.

mod completion;
mod parent;

use std::ffi::{OsStr, OsString};

use serde_json::json;

pub(crate) use self::parent::Parent;

/// Set by docker for the plugins that it runs.
pub(crate) const VARIABLE: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// Variables that docker sets for a plugin and that mean nothing to the plugin's own children.
pub(crate) const VARIABLES: [&str; 2] = [VARIABLE, parent::VARIABLE];

/// How somebody calls us through docker.
pub(crate) const CALLED: &str = "docker agent";

const PROBE: &str = "docker-cli-plugin-metadata";
/// What docker asks a plugin for when a shell completes a word.
const COMPLETION: [&str; 2] = ["__complete", "__completeNoDesc"];
/// Docker's global flags that take a value, from `docker --help`.
const WITH_VALUE: [&str; 10] = [
    "--config",
    "-c",
    "--context",
    "-H",
    "--host",
    "-l",
    "--log-level",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
];
/// Our name among docker's commands.
const NAME: &str = "agent";

/// The answer to docker's probes; nothing if this is none.
pub(crate) fn probe(arguments: &[OsString]) -> Option<String> {
    match arguments {
        [_, only] if only == PROBE => {
            let metadata = json!({
                "SchemaVersion": "0.1.0",
                "Vendor": "Docker Inc.",
                "Version": crate::VERSION,
                "ShortDescription": "Docker AI Agent Runner",
            });
            Some(format!("{metadata:#}\n"))
        }
        [_, word, rest @ ..] if COMPLETION.iter().any(|known| word == known) => {
            // Docker repeats our name among its commands.
            let words = rest.strip_prefix(&[OsString::from(NAME)]).unwrap_or(rest);
            Some(completion::propose(&crate::args::command(true), words))
        }
        _ => None,
    }
}

/// Our own arguments among those that docker was called with: what follows the word `agent`.
///
/// Without that word they are ours already: a child of a plugin inherits its environment.
/// `docker help agent run` arrives as it was typed and becomes `run --help`.
pub(crate) fn own_arguments(arguments: Vec<OsString>) -> Vec<OsString> {
    if let [program, help, name, words @ ..] = arguments.as_slice()
        && help == "help"
        && name == NAME
    {
        let program = std::iter::once(program.clone());
        return program.chain(words.iter().cloned()).chain([OsString::from("--help")]).collect();
    }
    let mut rest = arguments.iter().enumerate().skip(1);
    while let Some((position, argument)) = rest.next() {
        if argument == NAME {
            let program = arguments.first().cloned().into_iter();
            return program.chain(arguments[position + 1..].iter().cloned()).collect();
        }
        if !is_flag(argument) {
            break;
        }
        if WITH_VALUE.iter().any(|flag| argument == flag) {
            rest.next();
        }
    }
    arguments
}

fn is_flag(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"-") && argument != "--"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn docker_flags_are_skipped_up_to_our_name() {
        let table = [
            ("x agent run a.yaml", "x run a.yaml"),
            ("x agent", "x"),
            ("x --context agent agent version", "x version"),
            ("x -c agent -D agent version", "x version"),
            ("x --config=/c --tls --host unix:///agent agent run agent", "x run agent"),
            ("x -l debug agent agent", "x agent"),
            ("x help agent", "x --help"),
            ("x help agent run", "x run --help"),
            ("x help run", "x help run"),
            // No word of ours: these are ours already.
            ("x run agent.yaml agent", "x run agent.yaml agent"),
            ("x version", "x version"),
            ("x --debug version", "x --debug version"),
            ("x -- agent", "x -- agent"),
            ("x --context agent", "x --context agent"),
            ("x", "x"),
        ];
        for (given, expected) in table {
            assert_eq!(own_arguments(words(given)), words(expected), "{given}");
        }
    }

    #[test]
    fn only_the_probe_is_the_probe() {
        assert!(probe(&words("x docker-cli-plugin-metadata")).is_some());
        assert!(probe(&words("x __complete agent run")).is_some());
        for other in
            ["x", "x version", "x docker-cli-plugin-metadata version", "x run docker-cli-plugin-metadata"]
        {
            assert_eq!(probe(&words(other)), None, "{other}");
        }
    }
}
