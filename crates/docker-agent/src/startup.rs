//! The start of every command: what was said about telemetry, the notice, the debug log.
//!
//! Everything is read once. Nothing is written before [`Startup::begin`], and then only the notice's memory.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use agent_runtime::Environment;
use agent_telemetry::consent::State;
use agent_telemetry::{Dirs, Inputs, Telemetry};

use crate::args::Global;
use crate::debug_log::{self, DebugLog};
use crate::env_files::EnvFiles;
use crate::failure::Failure;
use crate::{CATALOGUE, VERSION, output, plugin};

/// The program's name, in files, in the environment and as the source of events.
pub(crate) const NAME: &str = "docker-agent";

/// Variables that hide the notice; what is hidden is not shown, so nothing is sent.
const HIDE: [&str; 2] = ["DOCKER_AGENT_HIDE_TELEMETRY_BANNER", "CAGENT_HIDE_TELEMETRY_BANNER"];

/// Whether a command begins with the notice, if that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeRule {
    /// It does.
    Show,
    /// It does not, and a later one will.
    Keep,
}

/// What a command begins with.
#[derive(Debug)]
pub(crate) struct Startup {
    inputs: Inputs,
    dirs: Dirs,
    env_files: EnvFiles,
    debug_log: Option<DebugLog>,
    telemetry: Telemetry,
    as_plugin: bool,
}

impl Startup {
    /// Reads what was said. Only a debug log is written, if one was asked for.
    pub(crate) fn new(global: &Global, env_files: &[PathBuf], as_plugin: bool) -> Self {
        let env_files = EnvFiles::read(env_files);
        let inputs = Inputs::from_process().hide_notice(HIDE.iter().any(|name| is_yes(name))).built_in(
            option_env!("DOCKER_AGENT_TELEMETRY_ENDPOINT"),
            option_env!("DOCKER_AGENT_TELEMETRY_API_KEY"),
        );
        let inputs = env_files.say(inputs);
        let dirs = Dirs::standard(NAME).config(global.config_dir.clone()).state(global.data_dir.clone());
        let debug_log = if global.debug { open_debug_log(global, &dirs) } else { None };
        let telemetry = handle(&inputs, &dirs, debug_log.clone());
        Self { inputs, dirs, env_files, debug_log, telemetry, as_plugin }
    }

    /// Begins a command: complains, shows the notice, and lets go of what was recorded before somebody said no.
    pub(crate) fn begin(&self, rule: NoticeRule) {
        let decision = self.telemetry.decision();
        if let Some(complaint) = &decision.complaint {
            output::warning(complaint);
        }
        if let Some(log) = &self.debug_log {
            log.decision(decision, self.telemetry.status().endpoint.as_deref().unwrap_or("nowhere"));
        }
        if decision.state == State::Off {
            // Asking is what deletes events that an earlier run left unsent.
            let _ = self.telemetry.cx().is_recording();
        }
        if rule == NoticeRule::Keep {
            return;
        }
        let Some(notice) = self.telemetry.notice() else { return };
        let notice = if self.as_plugin { notice.called(plugin::CALLED) } else { notice };
        if output::notice(&notice.to_string()) {
            // What cannot be remembered is shown again, and nothing is sent until then.
            let _ = self.telemetry.notice_shown();
        }
    }

    /// The handle of this process.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// A handle that decides anew, after something was saved.
    pub(crate) fn decide_again(&self) -> Telemetry {
        handle(&self.inputs, &self.dirs, None)
    }

    /// The folder of settings, if there is one on this machine.
    pub(crate) fn config_dir(&self) -> Option<&Path> {
        self.dirs.config.as_deref()
    }

    /// Whether docker called us.
    pub(crate) fn as_plugin(&self) -> bool {
        self.as_plugin
    }

    /// How somebody calls this program, for what we tell them to type.
    pub(crate) fn called(&self) -> &'static str {
        if self.as_plugin { plugin::CALLED } else { NAME }
    }

    /// Where a file of the state folder is, or would be. Nothing is made: who writes it makes the folder, too.
    pub(crate) fn state_file(&self, name: &str) -> Option<PathBuf> {
        Some(self.dirs.state.as_ref()?.join(name))
    }

    /// The variables that agents and their tools may see: this process's, and those of files given on the command line.
    pub(crate) fn environment(&self) -> Result<Environment, Failure> {
        let utf8 =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        // Docker's words to its plugin would make a child believe that docker called it.
        let variables = std::env::vars_os().filter_map(utf8);
        let variables = variables.filter(|(name, _)| !plugin::VARIABLES.contains(&name.as_str()));
        let files = self.env_files.variables()?;
        Ok(files.into_iter().fold(Environment::new(variables), Environment::with_file))
    }
}

fn handle(inputs: &Inputs, dirs: &Dirs, log: Option<DebugLog>) -> Telemetry {
    let builder = Telemetry::builder(NAME, VERSION, &CATALOGUE).inputs(inputs.clone()).dirs(dirs.clone());
    match log {
        Some(log) => builder.observer(move |record| log.event(record)).build(),
        None => builder.build(),
    }
}

fn open_debug_log(global: &Global, dirs: &Dirs) -> Option<DebugLog> {
    let nowhere = || io::Error::new(io::ErrorKind::NotFound, "there is no folder for it: HOME is not set");
    let path = global.log_file.clone().or_else(|| Some(dirs.state.as_ref()?.join(debug_log::NAME)));
    let opened = path.ok_or_else(nowhere).and_then(|path| Ok((DebugLog::open(&path)?, path)));
    match opened {
        Ok((log, path)) => {
            output::line(output::Look::Quiet, format_args!("debug log: {}", path.display()));
            log.line(&format!("{NAME} {VERSION}"));
            Some(log)
        }
        Err(error) => {
            output::warning(format_args!("cannot write the debug log: {error}"));
            None
        }
    }
}

fn is_yes(variable: &str) -> bool {
    let value = std::env::var(variable).unwrap_or_default();
    matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}
