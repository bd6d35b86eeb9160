//! Holds the conversation: messages from the command line, from stdin or from a prompt; signals beside it.

use std::io;
use std::pin::pin;
use std::time::Duration;

use agent_runtime::{Conversation, TurnOutcome};
use agent_telemetry::{Ended, ErrorClass};

use super::console::Console;
use super::keys::{self, AsFound};
use super::screen::{self, Shared};
use super::signals::{Caught, Signals};
use super::{Prepared, prompt, shown, stdin};
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output;
use crate::wrapper::Outcome;

/// How long a signal takes at most from the process to whoever listens to it.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

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
    /// Decides; `called` is how somebody calls this program.
    pub(super) fn new(args: &RunArgs, called: &str) -> Result<Self, Failure> {
        let no_prompt = args.exec || args.json;
        match args.messages.as_slice() {
            [only] if only == "-" => Ok(Self::Stdin),
            [] if !output::stdin_is_terminal() => Ok(Self::Stdin),
            [] if no_prompt => Err(no_message(called)),
            [] => Ok(Self::Prompt),
            messages => Ok(Self::Messages(messages.to_vec())),
        }
    }
}

fn no_message(called: &str) -> Failure {
    Failure::usage("there is no message")
        .hint(format!("give it after the agent file, or pipe it in: echo hello | {called} run agent.yaml"))
}

/// Why a conversation is over before its messages are.
pub(super) enum End {
    /// Somebody wants to leave.
    Caught(Caught),
    /// It cannot go on.
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A conversation that is held.
pub(super) struct Talk {
    pub(super) conversation: Conversation,
    pub(super) console: Console,
    pub(super) signals: Signals,
    /// The terminal that somebody types at.
    pub(super) terminal: AsFound,
    /// How many turns the conversation has.
    pub(super) turns: u64,
    /// The model that somebody chose meanwhile.
    pub(super) model: Option<String>,
    screen: Option<Shared>,
}

/// Holds a conversation until its end, or until a signal ends it.
pub(super) async fn hold(prepared: Prepared<'_>, signals: Signals) -> Outcome {
    let Prepared { conversation, turns, console, screen, script, recorder, maker } = prepared;
    let terminal = AsFound::default();
    let mut talk = Talk { conversation, console, signals, terminal, turns, model: None, screen };
    let called = maker.startup.called();
    let said = match script {
        Script::Messages(messages) => talk.say_all(&messages).await,
        Script::Stdin => match talk.read_stdin(called).await {
            Ok(text) => talk.say_all(&[text]).await,
            Err(end) => Err(end),
        },
        Script::Prompt => {
            let history = maker.startup.state_file("history");
            prompt::hold(&mut talk, &maker, history).await
        }
    };
    let Talk { mut conversation, mut console, .. } = talk;
    conversation.close().await;
    conversation.finish();
    if let Err(End::Caught(caught)) = said {
        return Err(Failure::quiet(Ended::failure(caught.exit_code(), ErrorClass::Cancelled)));
    }
    if let Some(error) = console.stdout_problem() {
        return Err(error.into());
    }
    if let Some(recorder) = recorder {
        recorder.check().map_err(|problem| Failure::new(ErrorClass::Io, problem))?;
    }
    match said {
        Err(End::Failed(failure)) => Err(failure),
        _ => Ok(Ended::SUCCESS),
    }
}

impl Talk {
    /// A turn, and what interrupted it. Something that hurries ends it where it is, without waiting for tools to stop.
    pub(super) async fn turn(&mut self, message: &str) -> Result<(TurnOutcome, Option<Caught>), End> {
        self.turns += 1;
        let message = self.conversation.agent().message(message);
        let cancel = self.console.begin();
        if self.console.asks_somebody() {
            // Where keys cannot be had one by one, they come with the next Enter.
            let _ = self.terminal.take_keys();
        }
        let mut ticks = tokio::time::interval(screen::TICK);
        let (screen, signals) = (&self.screen, &mut self.signals);
        let outcome = {
            let mut turn = pin!(self.conversation.turn(&message, &mut self.console, &cancel));
            let mut caught: Option<Caught> = None;
            loop {
                tokio::select! {
                    biased;
                    signal = signals.next() => {
                        if let Some(first) = caught.replace(signal)
                            && signal.hurries(first)
                        {
                            return Err(End::Caught(first));
                        }
                        cancel.cancel();
                    }
                    outcome = &mut turn => break (outcome, caught),
                    _ = ticks.tick(), if screen.is_some() => {
                        if let Some(screen) = screen.as_ref().filter(|_| keys::is_foreground(io::stdout())) {
                            // A terminal that cannot be written is noticed by the next event.
                            let _ = screen::locked(screen).tick();
                        }
                    }
                }
            }
        };
        self.console.settle();
        let (outcome, caught) = outcome;
        if caught.is_none() && output::is_stopped() {
            // It ended a write before it was heard here, where it is on its way.
            let caught = tokio::time::timeout(ON_ITS_WAY, self.signals.next()).await;
            return Ok((outcome, caught.ok()));
        }
        Ok((outcome, caught))
    }

    /// Prepares the terminal for a line to be typed. Its editor takes keys by itself and leaves the modes that it found,
    /// so that what is typed ahead does not show; a terminal that cannot edit needs its own modes.
    pub(super) fn ready_for_a_line(&mut self) {
        if self.screen.is_some() {
            let _ = self.terminal.take_keys();
        } else {
            self.terminal.put_back();
        }
    }

    /// One turn after the other, until one does not complete.
    async fn say_all(&mut self, messages: &[String]) -> Result<(), End> {
        for message in messages {
            let (outcome, caught) = self.turn(message).await?;
            if let Some(caught) = caught {
                return Err(End::Caught(caught));
            }
            if outcome != TurnOutcome::Completed || self.console.has_lost_stdout() {
                return Err(End::Failed(shown(self.console.class_of(outcome))));
            }
        }
        Ok(())
    }

    async fn read_stdin(&mut self, called: &str) -> Result<String, End> {
        let text = tokio::select! {
            biased;
            caught = self.signals.next() => return Err(End::Caught(caught)),
            text = stdin::all() => text,
        };
        match text {
            Ok(text) if text.trim().is_empty() => Err(End::Failed(no_message(called))),
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(error) => Err(End::Failed(Failure::new(ErrorClass::Io, "cannot read stdin").because(&error))),
        }
    }
}
