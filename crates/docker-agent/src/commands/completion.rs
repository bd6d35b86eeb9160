//! `docker-agent completion SHELL`: a script for the shell, made from the command tree.

use agent_telemetry::Ended;
use clap_complete::Shell as Generator;

use crate::args::{self, Shell};
use crate::output;
use crate::startup::NAME;
use crate::wrapper::Outcome;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Outcome {
    let generator = match shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
        Shell::Powershell => Generator::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut args::visible_command(), NAME, &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Ended::SUCCESS)
}
