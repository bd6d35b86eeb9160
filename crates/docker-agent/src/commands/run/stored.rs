//! Conversations that are kept: every new one in a file of its own, an old one continued with `--session`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use agent_runtime::Conversation;
use agent_runtime::sessions::{Header, SessionError, Sessions};
use agent_telemetry::ErrorClass;

use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output;
use crate::startup::Startup;

/// Where conversations are kept; nothing on a machine without a place for them.
pub(crate) fn sessions(startup: &Startup) -> Option<Sessions> {
    startup.state_file("sessions").map(Sessions::new)
}

/// Keeps a new conversation, where somebody holds it: a program that runs this one gets to keep what it wants itself,
/// and what a recording says is kept already. One that cannot be kept is held all the same.
pub(super) fn begin(conversation: &mut Conversation, args: &RunArgs, startup: &Startup) {
    if args.exec || args.json || args.fake.is_some() {
        return;
    }
    let Some(sessions) = sessions(startup) else { return };
    let header = Header::new(conversation.agent().name(), now_ms(), working_folder(args))
        .agent_file(args.agent_file.display().to_string());
    if let Err(error) = conversation.store_in(sessions, &header) {
        output::note(format_args!("this conversation is not kept: {error}"));
    }
}

/// Continues a conversation that was kept; says which one and where it began, and tells how many turns it has.
pub(super) fn resume(
    conversation: &mut Conversation,
    wanted: &str,
    args: &RunArgs,
    startup: &Startup,
) -> Result<u64, Failure> {
    let Some(sessions) = sessions(startup) else {
        let failure = Failure::new(ErrorClass::Config, "there is no folder for sessions: HOME is not set");
        return Err(failure.hint("set HOME, or name a folder with --data-dir"));
    };
    let (stored, file) = sessions.find(wanted).and_then(|id| sessions.resume(id)).map_err(failure)?;
    let turns = stored.turns();
    if turns > 0 {
        let title = stored.title();
        output::note(format_args!("continues \"{}\" after {}", output::harmless(&title), counted(turns)));
    }
    let (began, now) = (&stored.header.working_folder, working_folder(args));
    if *began != now {
        // What was said of files was said of those there.
        output::note(format_args!("it began in {}; now tools work in {}", began.display(), now.display()));
    }
    conversation.resume(sessions, stored, file, now_ms());
    Ok(turns)
}

/// Where tools work, links resolved; empty where that cannot be said.
fn working_folder(args: &RunArgs) -> PathBuf {
    let folder = args.working_dir.as_deref().unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_default()
}

/// A number of turns: `1 turn`.
pub(crate) fn counted(turns: u64) -> String {
    if turns == 1 { "1 turn".to_owned() } else { format!("{turns} turns") }
}

/// What a session that cannot be used means.
pub(crate) fn failure(error: SessionError) -> Failure {
    match error {
        SessionError::Unknown { .. } => Failure::usage(error),
        SessionError::Format { .. } => Failure::new(ErrorClass::Config, error),
        SessionError::Io { doing, path, error } => {
            Failure::new(ErrorClass::Io, format_args!("cannot {doing} {}", path.display())).because(&error)
        }
        error => Failure::new(ErrorClass::Io, error),
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
