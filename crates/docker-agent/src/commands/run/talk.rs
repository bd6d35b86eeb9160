//! Holds the conversation: messages from the command line, from stdin or from a prompt; signals beside it.

use std::pin::pin;

use agent_runtime::{Conversation, TurnOutcome};
use agent_telemetry::{Ended, ErrorClass};

use super::console::Console;
use super::signals::Signals;
use super::{Prepared, shown, stdin};
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output::{self, Look};
use crate::wrapper::Outcome;

/// Where messages come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// The command line.
    Messages(Vec<String>),
    /// All of stdin, as one.
    Stdin,
    /// A person at a terminal.
    Prompt,
}

impl Script {
    /// Decides.
    pub(super) fn new(args: &RunArgs) -> Result<Self, Failure> {
        let no_prompt = args.exec || args.json;
        match args.messages.as_slice() {
            [only] if only == "-" => Ok(Self::Stdin),
            [] if !output::stdin_is_terminal() => Ok(Self::Stdin),
            [] if no_prompt => Err(no_message()),
            [] => Ok(Self::Prompt),
            messages => Ok(Self::Messages(messages.to_vec())),
        }
    }
}

fn no_message() -> Failure {
    Failure::usage("there is no message")
        .hint("give it after the agent file, or pipe it in: echo hello | docker-agent run agent.yaml")
}

/// Holds a conversation until its end, or until a signal ends it; a second signal does not wait for tools to stop.
pub(super) async fn hold(prepared: Prepared, console: &mut Console, mut signals: Signals) -> Outcome {
    let cancel = console.cancel.clone();
    let mut talk = pin!(converse(prepared, console));
    let mut caught = None;
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => {
                if let Some(first) = caught.replace(signal) {
                    return Err(Failure::quiet(ended_by(first)));
                }
                cancel.cancel();
            }
            outcome = &mut talk => {
                return match caught {
                    Some(signal) => Err(Failure::quiet(ended_by(signal))),
                    None => outcome,
                };
            }
        }
    }
}

fn ended_by(signal: super::signals::Caught) -> Ended {
    Ended::failure(signal.exit_code(), ErrorClass::Cancelled)
}

async fn converse(prepared: Prepared, console: &mut Console) -> Outcome {
    let Prepared { mut conversation, script, recorder, welcome } = prepared;
    let cancel = console.cancel.clone();
    let said = match script {
        Script::Messages(messages) => say_all(&mut conversation, &messages, console).await,
        Script::Stdin => {
            let text = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(shown(ErrorClass::Cancelled)),
                text = stdin::all() => text,
            };
            match text {
                Ok(text) if text.trim().is_empty() => return Err(no_message()),
                Ok(text) => say_all(&mut conversation, &[text.trim_end().to_owned()], console).await,
                Err(error) => {
                    return Err(Failure::new(ErrorClass::Io, format_args!("cannot read stdin: {error}")));
                }
            }
        }
        Script::Prompt => prompt(&mut conversation, welcome.as_deref(), console).await,
    };
    conversation.close().await;
    conversation.finish();
    if let Some(error) = console.stdout_problem() {
        return Err(error.into());
    }
    if let Some(recorder) = recorder {
        recorder.check().map_err(|problem| Failure::new(ErrorClass::Io, problem))?;
    }
    said
}

/// One turn after the other, until one does not complete.
async fn say_all(conversation: &mut Conversation, messages: &[String], console: &mut Console) -> Outcome {
    let cancel = console.cancel.clone();
    for message in messages {
        let outcome = conversation.turn(message, console, &cancel).await;
        console.settle();
        if outcome != TurnOutcome::Completed {
            return Err(shown(console.class_of(outcome)));
        }
    }
    Ok(Ended::SUCCESS)
}

/// Asks for messages until there are no more; a turn that fails is no end.
async fn prompt(conversation: &mut Conversation, welcome: Option<&str>, console: &mut Console) -> Outcome {
    let cancel = console.cancel.clone();
    output::line(
        Look::Quiet,
        format_args!("{}, {}", conversation.agent().name(), conversation.agent().model()),
    );
    if let Some(welcome) = welcome {
        output::line(Look::Plain, welcome.trim_end());
    }
    loop {
        let line = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(shown(ErrorClass::Cancelled)),
            line = console.asking.line("> ") => line,
        };
        let Some(line) = line else {
            // The end of input leaves the cursor behind the prompt.
            output::line(Look::Plain, "");
            return Ok(Ended::SUCCESS);
        };
        match line.trim() {
            "" => {}
            "/exit" => return Ok(Ended::SUCCESS),
            message => {
                let outcome = conversation.turn(message, console, &cancel).await;
                console.settle();
                if outcome == TurnOutcome::Cancelled {
                    return Err(shown(ErrorClass::Cancelled));
                }
            }
        }
    }
}
