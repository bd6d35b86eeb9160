//! The one place where commands run: inside telemetry, or outside it by decision.
//!
//! What is recorded is how a command ended, never what it said. Telemetry changes no exit code.

use agent_telemetry::{Cx, Ended, ErrorClass, Telemetry};

use crate::attempt::Attempt;
use crate::failure::Failure;
use crate::output;

/// How a command ends.
pub(crate) type Outcome = Result<Ended, Failure>;

/// Runs a command and records its name, its flags' names and how it ended, also by panic. Answers the exit code.
pub(crate) fn recorded(telemetry: &Telemetry, attempt: &Attempt, run: impl FnOnce(&Cx) -> Outcome) -> u8 {
    exit_code(telemetry.command_with(&attempt.path(), &attempt.flags(), |cx| told(run(cx))))
}

/// Records a command line that was refused.
pub(crate) fn refused(telemetry: &Telemetry, attempt: &Attempt, text: &str, hint: Option<&str>) -> u8 {
    let say = || {
        output::styled_note(text);
        output::hint(hint);
        Ended::failure(2, ErrorClass::Usage)
    };
    if attempt.is_recorded() {
        exit_code(telemetry.command_with(&attempt.path(), &attempt.flags(), |_cx| say()))
    } else {
        exit_code(say())
    }
}

/// Runs a command that is not recorded: help, version, whatever looks at or controls telemetry.
pub(crate) fn unrecorded(run: impl FnOnce() -> Outcome) -> u8 {
    exit_code(told(run()))
}

/// Says what failed.
fn told(outcome: Outcome) -> Ended {
    outcome.unwrap_or_else(|failure| {
        output::failure(&failure);
        failure.ended()
    })
}

fn exit_code(ended: Ended) -> u8 {
    u8::try_from(ended.exit_code.get()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;
    use agent_telemetry::{Dirs, Inputs};
    use std::ffi::OsString;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn version() -> Attempt {
        let words: Vec<OsString> = ["x", "--debug", "version"].map(OsString::from).to_vec();
        args::parse(&words, false).expect("a good line").1
    }

    fn telemetry(home: &std::path::Path) -> Telemetry {
        let lookup = |name: &str| (name == "HOME").then(|| home.as_os_str().to_owned());
        Telemetry::builder("docker-agent", crate::VERSION, &crate::CATALOGUE)
            .inputs(Inputs::from_lookup(lookup))
            .dirs(Dirs::from_lookup("docker-agent", lookup))
            .build()
    }

    #[test]
    fn p8_a_panic_is_recorded_and_goes_on() {
        let home = tempfile::tempdir().expect("a folder");
        let telemetry = telemetry(home.path());
        let panicking = || recorded(&telemetry, &version(), |_cx| panic!("a secret"));
        assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
        let records = telemetry.pending();
        assert_eq!(records.len(), 1);
        for part in
            ["\"exit_code\":101", "\"error\":\"panic\"", "\"action\":\"version\"", "\"flags\":[\"debug\"]"]
        {
            assert!(records[0].contains(part), "{part} in {}", records[0]);
        }
        assert!(!records[0].contains("secret"));
    }

    #[test]
    fn p8_failures_are_recorded_with_their_exit_code() {
        let home = tempfile::tempdir().expect("a folder");
        let telemetry = telemetry(home.path());
        let code =
            recorded(&telemetry, &version(), |_cx| Err(Failure::quiet(Ended::failure(7, ErrorClass::Io))));
        assert_eq!(code, 7);
        let record = &telemetry.pending()[0];
        assert!(record.contains("\"exit_code\":7") && record.contains("\"is_success\":false"), "{record}");
    }
}
