//! Whether a tool may run: a person at a terminal says, or nobody can be asked.

use agent_runtime::{Answer, Confirmation};

use super::stdin::Lines;
use super::text;
use crate::output;

/// Who is asked.
#[derive(Debug)]
pub(super) enum Asking {
    /// A person at a terminal; the lines are read once somebody is asked.
    Terminal(Option<Lines>),
    /// Nobody; whether that was said.
    Nobody { said: bool },
}

impl Asking {
    pub(super) fn terminal() -> Self {
        Self::Terminal(None)
    }

    pub(super) fn nobody() -> Self {
        Self::Nobody { said: false }
    }

    /// The next line that a person types; nothing at the end, or where there is no person.
    pub(super) async fn line(&mut self, prompt: &str) -> Option<String> {
        let Self::Terminal(lines) = self else { return None };
        output::ask(prompt);
        lines.get_or_insert_with(Lines::new).next().await
    }

    /// Asks about a tool call.
    pub(super) async fn confirm(&mut self, request: &Confirmation) -> Answer {
        match self {
            Self::Terminal(lines) => {
                if let Some(lines) = lines {
                    lines.forget_typed_ahead();
                }
                self.ask_person(request).await
            }
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

    async fn ask_person(&mut self, request: &Confirmation) -> Answer {
        let question = format!("run {}? [y]es, [a]ll, [n]o: ", text::call(&request.name, &request.arguments));
        loop {
            let Some(line) = self.line(&question).await else {
                return Answer::No { reason: String::new() };
            };
            match line.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Answer::Yes,
                "a" | "all" => return Answer::All,
                "n" | "no" => return Answer::No { reason: String::new() },
                _ => {}
            }
        }
    }
}
