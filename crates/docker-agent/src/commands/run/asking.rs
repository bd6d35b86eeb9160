//! Whether a tool may run, and what one wants to know: a person at a terminal says so, or nobody can be asked.

use agent_runtime::{Answer, Confirmation, Question, Reply};

use super::keys::{self, Key};
use super::{calls, changes, replies};
use crate::output::{self, wrap};

/// Who is asked.
#[derive(Debug)]
pub(super) enum Asking {
    /// A person at the terminal on stdin; its keys come one by one during a turn.
    Person,
    /// Nobody; whether that was said.
    Nobody { said: bool },
}

impl Asking {
    /// Whether somebody is there.
    pub(super) fn is_person(&self) -> bool {
        matches!(self, Self::Person)
    }

    /// Asks what a tool wants to know.
    pub(super) async fn reply(&mut self, question: &Question) -> Reply {
        match self {
            Self::Person => replies::ask(question).await,
            Self::Nobody { .. } => Reply::Decline,
        }
    }

    /// Asks about a tool call.
    pub(super) async fn confirm(&mut self, request: &Confirmation) -> Answer {
        match self {
            Self::Person => ask(request).await,
            Self::Nobody { said } => {
                if !std::mem::replace(said, true) {
                    output::note(
                        "a tool call was denied, because nobody can be asked here; --yolo lets tools run unasked, \
                         `permissions.allow` in the agent file lets some",
                    );
                }
                Answer::NobodyToAsk
            }
        }
    }
}

async fn ask(request: &Confirmation) -> Answer {
    let no = || Answer::No { reason: String::new() };
    keys::forget_typed_ahead();
    output::ask(question(request));
    loop {
        let (answer, word) = match keys::next().await {
            Ok(Key::Yes) => (Answer::Yes, "yes"),
            Ok(Key::All) => (Answer::All, "all, until this conversation ends"),
            Ok(Key::No | Key::End) | Err(_) => (no(), "no"),
            Ok(Key::Other) => continue,
        };
        output::ask(format_args!("{word}\n"));
        return answer;
    }
}

/// The question, with everything that would be done.
fn question(request: &Confirmation) -> String {
    let Confirmation { name, arguments, .. } = request;
    let what = match changes::proposed(name, arguments) {
        Some(lines) => {
            let path = arguments.get("path").and_then(|path| path.as_str()).unwrap_or_default();
            let path = output::harmless(path).replace('\n', " ");
            format!("{}run {name} on {path}?", changes::styled(&lines))
        }
        None => format!("run {}?", calls::call(name, arguments)),
    };
    // What is asked about stays as it is; the answers do not end in the middle of a word.
    let answers = "[y]es, [n]o, [a]llow every tool from now on: ";
    let column = what.lines().last().map(wrap::width).unwrap_or_default();
    let fits = output::stderr_width().is_none_or(|columns| column % columns + 1 + answers.len() <= columns);
    format!("{what}{}{answers}", if fits { ' ' } else { '\n' })
}
