//! Files given with `--env-from-file`: variables for the run, and a way to say no to telemetry.
//!
//! A file that is there and cannot be read or understood may have said no, so it counts as one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use agent_runtime::parse_env_file;
use agent_telemetry::{ErrorClass, Inputs};

use crate::failure::Failure;

/// What a file says that cannot be read or understood: nothing that means yes.
const UNCLEAR: &str = "a file that cannot be read";

/// The files of one command line.
#[derive(Debug, Default)]
pub(crate) struct EnvFiles {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    content: Result<String, io::Error>,
}

impl EnvFiles {
    /// Reads the files.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let read = |path: &PathBuf| File { path: path.clone(), content: fs::read_to_string(path) };
        Self { files: paths.iter().map(read).collect() }
    }

    /// The variables of each file, in the order in which they were given.
    pub(crate) fn variables(&self) -> Result<Vec<BTreeMap<String, String>>, Failure> {
        let variables = |file: &File| {
            let name = file.path.display();
            let text = file.content.as_ref().map_err(|error| {
                Failure::new(ErrorClass::Config, format_args!("cannot read the env file {name}"))
                    .because(error)
            })?;
            parse_env_file(text).map_err(|error| {
                Failure::new(ErrorClass::Config, format_args!("{name}: {error}"))
                    .hint("one NAME=value a line; lines that begin with # are left out")
            })
        };
        self.files.iter().map(variables).collect()
    }

    /// Adds what the files say about telemetry.
    pub(crate) fn say(&self, inputs: Inputs) -> Inputs {
        let enabled = self.strongest("TELEMETRY_ENABLED", &["true", "1", "yes", "on"]);
        let do_not_track = self.strongest("DO_NOT_TRACK", &["0", "false", "no", "off"]);
        let unclear = self.files.iter().any(|file| match &file.content {
            Ok(text) => parse_env_file(text).is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        });
        inputs.env_file(|name| match name {
            "TELEMETRY_ENABLED" => enabled.clone().or(unclear.then(|| UNCLEAR.to_owned())),
            "DO_NOT_TRACK" => do_not_track.clone(),
            _ => None,
        })
    }

    /// What the files say about a variable; of several the one that is no yes.
    fn strongest(&self, name: &str, yes: &[&str]) -> Option<String> {
        let texts = self.files.iter().filter_map(|file| file.content.as_ref().ok());
        // Line by line, so that a mistake in one does not silence another.
        let values: Vec<String> = texts
            .flat_map(|text| text.lines())
            .filter_map(|line| parse_env_file(line).ok()?.remove(name))
            .collect();
        let is_yes = |value: &String| {
            let value = value.trim().to_ascii_lowercase();
            value.is_empty() || yes.contains(&value.as_str())
        };
        values.iter().find(|value| !is_yes(value)).or(values.last()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[&str]) -> EnvFiles {
        let file = |text: &&str| File { path: PathBuf::from("x.env"), content: Ok((*text).to_owned()) };
        EnvFiles { files: texts.iter().map(file).collect() }
    }

    #[test]
    fn any_off_beats_any_on() {
        let said = |texts: &[&str]| files(texts).say(Inputs::default()).file_enabled;
        assert_eq!(said(&["TELEMETRY_ENABLED=true"]).as_deref(), Some("true"));
        assert_eq!(said(&["TELEMETRY_ENABLED=no", "TELEMETRY_ENABLED=true"]).as_deref(), Some("no"));
        assert_eq!(said(&["TELEMETRY_ENABLED=1", "TELEMETRY_ENABLED=maybe"]).as_deref(), Some("maybe"));
        assert_eq!(said(&["export TELEMETRY_ENABLED='off'\nTELEMETRY_ENABLED=on"]).as_deref(), Some("off"));
        assert_eq!(said(&["A=b"]), None);
    }

    #[test]
    fn a_mistake_elsewhere_does_not_silence_a_no() {
        let files = files(&["this is no line\nDO_NOT_TRACK=1"]);
        assert_eq!(files.say(Inputs::default()).file_do_not_track.as_deref(), Some("1"));
        assert!(files.variables().is_err());
    }

    #[test]
    fn what_cannot_be_read_or_understood_may_have_said_no() {
        let folder = tempfile::tempdir().expect("a folder");
        let unreadable = EnvFiles::read(&[folder.path().to_owned()]);
        assert_eq!(unreadable.say(Inputs::default()).file_enabled.as_deref(), Some(UNCLEAR));
        let missing = EnvFiles::read(&[folder.path().join("missing")]);
        assert_eq!(missing.say(Inputs::default()).file_enabled, None);
        let unclear = files(&["TELEMETRY_ENABLED: off"]);
        assert_eq!(unclear.say(Inputs::default()).file_enabled.as_deref(), Some(UNCLEAR));
    }
}
