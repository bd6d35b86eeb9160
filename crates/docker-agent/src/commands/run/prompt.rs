//! A conversation at a terminal: a line is typed, a turn follows, until somebody leaves.
//!
//! Ctrl-C stops what is going on; where nothing is, the second one leaves.

mod commands;
mod line;

use std::path::PathBuf;

use agent_runtime::TurnOutcome;
use agent_telemetry::ErrorClass;

use self::commands::{Command, Said};
use self::line::{LineEditor, Typed};
use super::calls;
use super::signals::Caught;
use super::talk::{End, Talk};
use super::{Maker, shown};
use crate::commands::telemetry;
use crate::output::{self, Look};

const PROMPT: &str = "> ";

/// Where a conversation goes after a line.
enum Next {
    GoOn,
    Leave,
}

/// What can be said to the program instead of the agent: each word, and what it does.
pub(crate) fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    commands::all()
}

/// Holds a conversation until somebody leaves. A turn that fails is no end.
pub(super) async fn hold(talk: &mut Talk, maker: &Maker<'_>, history: Option<PathBuf>) -> Result<(), End> {
    let mut editor = LineEditor::new(PROMPT, completed(talk, maker), history);
    greet(talk);
    let mut interrupted = false;
    loop {
        talk.ready_for_a_line();
        let typed = tokio::select! {
            biased;
            caught = talk.signals.next() => {
                if caught.leaves() {
                    return Err(End::Caught(caught));
                }
                Typed::Interrupt
            }
            typed = editor.next() => typed,
        };
        match typed {
            Typed::End => return Ok(()),
            Typed::Interrupt if interrupted => return Err(End::Caught(Caught::Interrupt)),
            Typed::Interrupt => {
                interrupted = true;
                output::line(Look::Quiet, "Ctrl-C again leaves, and so does /exit");
            }
            Typed::Line(line) => {
                interrupted = false;
                if matches!(answer(talk, maker, &line).await?, Next::Leave) {
                    return Ok(());
                }
            }
        }
    }
}

/// What Tab completes: commands, those of the agent file, and the models of the file after theirs.
fn completed(talk: &Talk, maker: &Maker<'_>) -> Vec<String> {
    let own = talk.conversation.agent().commands().map(|name| format!("/{name}"));
    let models = maker.models().map(|name| format!("/model {name}"));
    commands::words().into_iter().chain(own).chain(models).collect()
}

fn greet(talk: &Talk) {
    let agent = talk.conversation.agent();
    output::line(Look::Quiet, format_args!("{}, {} · /help says what else", agent.name(), agent.model()));
    if let Some(welcome) = agent.welcome_message() {
        output::line(Look::Plain, output::harmless(welcome.trim_end()));
    }
}

async fn answer(talk: &mut Talk, maker: &Maker<'_>, line: &str) -> Result<Next, End> {
    match Said::read(line) {
        Said::Nothing => {}
        // A command of the agent file.
        Said::Unknown(_) if talk.conversation.agent().message(line) != line => {
            return say(talk, line).await;
        }
        Said::Unknown(word) => {
            output::line(Look::Warning, format_args!("there is no {word}; /help says what there is"));
        }
        Said::Command(Command::Exit, _) => return Ok(Next::Leave),
        Said::Command(Command::Model, name) if !name.is_empty() => change_model(talk, maker, name),
        Said::Command(command, _) => obey(talk, maker, command).await?,
        Said::Message(message) => return say(talk, message).await,
    }
    Ok(Next::GoOn)
}

async fn say(talk: &mut Talk, message: &str) -> Result<Next, End> {
    let (outcome, caught) = talk.turn(message).await?;
    if talk.console.has_lost_stdout() {
        return Err(End::Failed(shown(ErrorClass::Io)));
    }
    if let Some(caught) = caught.filter(|caught| caught.leaves()) {
        return Err(End::Caught(caught));
    }
    if outcome == TurnOutcome::Cancelled {
        output::line(Look::Quiet, "stopped");
    }
    output::line(Look::Quiet, status(talk));
    Ok(Next::GoOn)
}

async fn obey(talk: &mut Talk, maker: &Maker<'_>, command: Command) -> Result<(), End> {
    match command {
        Command::Help => output::ask(commands::help()),
        Command::Cost => output::line(Look::Plain, cost(talk)),
        Command::Model => {
            let model = talk.conversation.agent().model();
            output::line(Look::Plain, format_args!("{model}; `/model NAME` lets another one answer"));
        }
        Command::Session => output::ask(session(talk)),
        Command::Telemetry => {
            // What cannot be shown here is no end of a conversation.
            let _ = telemetry::show_status(maker.startup);
        }
        Command::Clear => {
            let mut fresh = maker.conversation()?;
            if let Some(model) = &talk.model {
                fresh.change_model(maker.agent_with(fresh.agent().name(), model)?);
            }
            let mut last = std::mem::replace(&mut talk.conversation, fresh);
            last.close().await;
            last.finish();
            talk.turns = 0;
            output::line(Look::Quiet, "a new conversation; nothing of the last one is remembered");
        }
        Command::Exit => {}
    }
    Ok(())
}

/// Lets another model answer from now on; one that cannot is said, and nothing changes.
fn change_model(talk: &mut Talk, maker: &Maker<'_>, name: &str) {
    match maker.agent_with(talk.conversation.agent().name(), name) {
        Ok(agent) => {
            talk.conversation.change_model(agent);
            talk.model = Some(name.to_owned());
            let agent = talk.conversation.agent();
            if let Some(auto) = agent.auto() {
                output::note(format_args!("model {auto}"));
            }
            output::line(Look::Quiet, format_args!("{} answers from now on", agent.model()));
            if let Some(known) = agent.perhaps_meant() {
                output::note(format_args!("its price is not known; did you mean `{known}`?"));
            }
        }
        Err(failure) => output::failure(&failure),
    }
}

/// Agent, model, tokens and cost in a line: `root · openai/gpt-4o · 1,234 tokens · $0.0012`.
fn status(talk: &Talk) -> String {
    let (agent, usage) = (talk.conversation.agent(), talk.conversation.usage());
    let used = match usage.input_tokens + usage.output_tokens {
        // A model that was stopped, or whose server does not count, is not free.
        0 => "tokens unknown".to_owned(),
        tokens => format!("{} tokens · {}", calls::thousands(tokens), dollars(usage.cost)),
    };
    format!("{} · {} · {used}", agent.name(), agent.model())
}

fn cost(talk: &Talk) -> String {
    let usage = talk.conversation.usage();
    if usage.input_tokens + usage.output_tokens == 0 {
        return "no model has told yet how many tokens it used".to_owned();
    }
    format!(
        "{} tokens read ({} cached), {} written ({} thoughts): {}",
        calls::thousands(usage.input_tokens),
        calls::thousands(usage.cached_tokens),
        calls::thousands(usage.output_tokens),
        calls::thousands(usage.reasoning_tokens),
        dollars(usage.cost),
    )
}

fn dollars(cost: Option<f64>) -> String {
    cost.map_or_else(|| "price unknown".to_owned(), |cost| format!("${cost:.4}"))
}

fn session(talk: &Talk) -> String {
    let agent = talk.conversation.agent();
    let turns = talk.turns;
    let tools = agent.tools();
    let tools = if tools.is_empty() { "none".to_owned() } else { tools.join(", ") };
    let tools = output::fitted(&tools, "tools  ".len());
    format!("agent  {}\nmodel  {}\ntools  {tools}\nturns  {turns}\n", agent.name(), agent.model())
}
