//! `docker-agent sessions`: conversations that were kept on this machine.
//!
//! `show` is for a terminal, line by line; `export` makes a document.

mod export;

use std::fmt::Write as _;

use agent_runtime::provider::Message;
use agent_runtime::sessions::{Listed, Sessions, Stored};
use agent_telemetry::{Ended, ErrorClass};
use jiff::Timestamp;

use super::run::stored;
use crate::args::SessionsCommand;
use crate::failure::Failure;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

/// Lists conversations, shows one, or makes a document of it.
pub(crate) fn run(command: &SessionsCommand, startup: &Startup) -> Outcome {
    let sessions = stored::sessions(startup).ok_or_else(|| {
        let failure = Failure::new(ErrorClass::Config, "there is no folder for sessions: HOME is not set");
        failure.hint("set HOME, or name a folder with --data-dir")
    })?;
    let text = match command {
        SessionsCommand::List { json } => list(&sessions, *json, startup.called())?,
        SessionsCommand::Show { session, json } => show(&read(&sessions, session)?, *json)?,
        SessionsCommand::Export { session, format } => export::document(&read(&sessions, session)?, *format)?,
    };
    output::data(&text)?;
    Ok(Ended::SUCCESS)
}

fn list(sessions: &Sessions, json: bool, called: &str) -> Result<String, Failure> {
    let listed = sessions.list().map_err(stored::failure)?;
    let mut text = String::new();
    for session in listed.iter().filter(|session| json || session.header.parent.is_none()) {
        let line = if json { as_json(session)? } else { as_line(session) };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    if text.is_empty() {
        output::note(format_args!(
            "no session is kept yet; `{called} run` keeps what is said without --exec, --json or --fake",
        ));
    }
    Ok(text)
}

/// `ID  2026-11-22 12:00  root  2 turns  How the first message begins`.
fn as_line(session: &Listed) -> String {
    let header = &session.header;
    let turns = stored::counted(session.turns);
    let title = output::harmless(&session.title);
    format!("{}  {}  {}  {turns}  {title}", header.session, local_time(header.started_ms), header.agent)
}

fn as_json(session: &Listed) -> Result<String, Failure> {
    serde_json::to_string(session).map_err(|error| Failure::new(ErrorClass::Other, error))
}

fn read(sessions: &Sessions, wanted: &str) -> Result<Stored, Failure> {
    sessions.find(wanted).and_then(|id| sessions.read(id)).map_err(stored::failure)
}

fn show(session: &Stored, json: bool) -> Result<String, Failure> {
    if json {
        let lines = session.transcript.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(|error| Failure::new(ErrorClass::Other, error))?;
        return Ok(lines.iter().map(|line| format!("{line}\n")).collect());
    }
    Ok(transcript(session))
}

fn transcript(session: &Stored) -> String {
    let header = &session.header;
    let mut text = format!("session {}\n", header.session);
    if let Some(parent) = header.parent {
        let _ = writeln!(text, "task of {parent}");
    }
    let _ = writeln!(
        text,
        "{} with {}, in {}",
        local_time(header.started_ms),
        header.agent,
        header.working_folder.display()
    );
    for message in &session.transcript {
        let (who, said) = match message {
            Message::System(said) => ("system", said.clone()),
            Message::User(said) => ("you", said.clone()),
            Message::Assistant { text, calls, .. } => {
                let calls = calls.iter().map(|call| format!("\n[{} {}]", call.name, call.arguments));
                (header.agent.as_str(), format!("{text}{}", calls.collect::<String>()))
            }
            Message::Tool { text, .. } => ("tool", text.clone()),
        };
        let _ = writeln!(text, "\n{who}:\n{}", output::harmless(said.trim()));
    }
    text
}

fn local_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |time| {
        time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
    })
}
