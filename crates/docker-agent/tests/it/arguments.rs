//! Help, version, being a plugin of docker, and what a wrong command line gets.

use std::fs::File;

use crate::setup::Home;

#[test]
fn without_arguments_there_is_help() {
    let home = Home::quiet();
    let (bare, help) = (home.run(&[]).ok(), home.run(&["--help"]).ok());
    assert_eq!(bare.stdout, help.stdout);
    for word in ["run", "version", "telemetry", "--debug", "--config-dir", "Usage: docker-agent"] {
        assert!(help.stdout.contains(word), "{word} in {}", help.stdout);
    }
    assert_eq!((bare.stderr, help.stderr), (String::new(), String::new()));
    assert!(home.run(&["telemetry"]).ok().stdout.contains("reset-id"));
}

#[test]
fn version_is_told_by_flag_and_command() {
    let home = Home::quiet();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(home.run(&["--version"]).ok().stdout, format!("docker-agent {version}\n"));
    assert!(home.run(&["version"]).ok().stdout.starts_with(&format!("docker-agent version {version}\n")));
}

#[test]
fn wrong_use_is_exit_code_2_with_help_on_stderr() {
    let home = Home::quiet();
    let lines: [&[&str]; 7] = [
        &["frobnicate"],
        &["--nonsense"],
        &["run"],
        &["run", "a.yaml", "--record", "x", "--fake", "y"],
        &["telemetry", "flush", "--timeout", "soon"],
        &["telemetry", "log", "--pending", "--follow"],
        &["telemetry", "explain", "nothing.such"],
    ];
    for arguments in lines {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains("error: "), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{arguments:?}: no colour where there is no terminal");
    }
}

#[test]
fn the_metadata_probe_answers_docker_and_touches_nothing() {
    let home = Home::new();
    for plugin in ["", "docker"] {
        let mut command = home.command(&["docker-cli-plugin-metadata"]);
        let output =
            command.env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", plugin).output().expect("the program");
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(metadata["SchemaVersion"], "0.1.0");
        assert_eq!(metadata["Version"], env!("CARGO_PKG_VERSION"));
        assert!(metadata["Vendor"].is_string() && metadata["ShortDescription"].is_string());
        assert_eq!(output.stderr, b"");
    }
    assert_eq!(home.files("."), [] as [std::path::PathBuf; 0]);
}

#[test]
fn as_a_plugin_our_arguments_follow_our_name() {
    let home = Home::quiet().with("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/usr/bin/docker");
    let version = home.run(&["--context", "agent", "-D", "agent", "version"]).ok();
    assert!(version.stdout.starts_with("docker-agent version"), "{version:?}");
    let help = home.run(&["agent", "run", "--help"]).ok();
    assert!(help.stdout.contains("Usage: docker agent run"), "{help:?}");
    assert!(home.run(&["agent"]).ok().stdout.contains("Usage: docker agent"));
    let wrong = home.run(&["agent", "frobnicate"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("Usage: docker agent"), "{wrong:?}");
    let first = Home::new().with("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/usr/bin/docker");
    let notice = first.run(&["agent", "version"]).ok().stderr;
    assert!(
        notice.contains("docker agent telemetry disable") && notice.contains("docker-agent collects"),
        "{notice}"
    );
    // A child of the plugin inherits the variable, and calls us by our own name.
    let _direct = home.run(&["version"]).ok();
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let home = Home::quiet();
    for arguments in [&["version"] as &[&str], &["--help"], &["telemetry", "explain", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = home.command(arguments).stdout(writer).output().expect("the program");
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), b"" as &[u8]),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let home = Home::quiet();
    let full = File::options().write(true).open("/dev/full").expect("a device");
    let output = home.command(&["version"]).stdout(full).output().expect("the program");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
}
