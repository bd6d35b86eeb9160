//! Whether a tool may run: a person at a terminal says with one key, or nobody can be asked.

use std::fmt::Write as _;

use agent_runtime::{Answer, Confirmation};
use clap::builder::styling::{AnsiColor, Style};

use super::calls::{self, Changed};
use super::keys::{self, Key};
use crate::output;

/// Who is asked.
#[derive(Debug)]
pub(super) enum Asking {
    /// A person at the terminal on stdin; its keys come one by one during a turn.
    Person,
    /// Nobody; whether that was said.
    Nobody { said: bool },
}

impl Asking {
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
            Ok(Key::All) => (Answer::All, "all"),
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
    let mut out = String::new();
    match calls::changes(name, arguments) {
        Some(changes) => {
            let path = arguments.get("path").and_then(|path| path.as_str()).unwrap_or_default();
            for change in changes {
                let (mark, text, style) = match change {
                    Changed::Kept(text) => (' ', text, Style::new().dimmed()),
                    Changed::Removed(text) => ('-', text, AnsiColor::Red.on_default()),
                    Changed::Added(text) => ('+', text, AnsiColor::Green.on_default()),
                };
                let _ = writeln!(out, "{style}{mark} {text}{style:#}");
            }
            let _ = write!(out, "run {name} on {}?", output::harmless(path).replace('\n', " "));
        }
        None => {
            let _ = write!(out, "run {}?", calls::call(name, arguments));
        }
    }
    out + " [y]es, [a]ll, [n]o: "
}
