//! The last step: the process. Only here are the environment, the home folder and the terminal asked.

use std::process::ExitCode;

use acme::Terminal;
use agent_telemetry::{Dirs, Inputs, Telemetry};

fn main() -> ExitCode {
    // Reads nothing but the environment. `Inputs::built_in` would add your collector's address; without it, and
    // without TELEMETRY_ENDPOINT, everything works and nothing is sent.
    let telemetry = Telemetry::builder("acme", env!("CARGO_PKG_VERSION"), &acme::CATALOGUE)
        .inputs(Inputs::from_process())
        .dirs(Dirs::standard("acme"))
        .build();
    let ended = acme::run(
        &telemetry,
        std::env::args_os(),
        &mut Terminal {
            stdout: &mut std::io::stdout().lock(),
            stderr: &mut std::io::stderr().lock(),
            stderr_is_seen: !is_dev_null("/dev/stderr"),
        },
    );
    ended.into()
}

/// Whether a file is `/dev/null`; a pipe or a file counts as seen.
#[cfg(unix)]
fn is_dev_null(path: &str) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &str| std::fs::metadata(path).map(|metadata| metadata.rdev()).ok();
    device("/dev/null").is_some_and(|null| null != 0 && device(path) == Some(null))
}

#[cfg(not(unix))]
fn is_dev_null(_path: &str) -> bool {
    false
}
