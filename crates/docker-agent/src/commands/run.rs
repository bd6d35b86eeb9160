//! `docker-agent run`: reads an agent file, holds a conversation, says how it ended.
//!
//! stdout is data: what the agent says, or with `--json` one event a line. Everything else goes to stderr.
//! Exit codes: 0, failure 1, usage 2, Ctrl-C 130, SIGTERM 143; the recorded event carries the same.

mod asking;
mod calls;
mod changes;
mod console;
mod dry;
mod hints;
mod json;
mod keys;
pub(super) mod prices;
mod prompt;
mod replies;
mod screen;
pub(super) mod signals;
mod stdin;
pub(crate) mod stored;
mod talk;
mod text;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_runtime::tools::folder::WorkingFolder;
use agent_runtime::{
    Agent, AgentError, Approval, Choice, Config, Conversation, Environment, Keys, Recorder, Replayer,
    Settings, Team, Transport, http,
};
use agent_telemetry::{Cx, Ended, ErrorClass};

use self::asking::Asking;
use self::console::{Console, Sink, WithoutCalls};
use self::signals::Signals;
use self::talk::Script;
use crate::agent_file;
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(crate) use self::prompt::commands as prompt_commands;

/// Runs an agent.
pub(crate) fn run(args: &RunArgs, startup: &Startup, cx: &Cx) -> Outcome {
    let outcome = if args.dry_run { dry::run(args, startup) } else { listen_and_run(args, startup, cx) };
    outcome.inspect_err(|failure| {
        if let (true, Some(text)) = (args.json, failure.text()) {
            // A reader of events learns it from an event, too; if it is gone, so be it.
            let class = failure.ended().error.unwrap_or(ErrorClass::Other);
            let _ = json::print_error(class, text, failure.causes());
        }
    })
}

fn listen_and_run(args: &RunArgs, startup: &Startup, cx: &Cx) -> Outcome {
    let runtime = event_loop()?;
    // Before anything is said or done, so that whatever is interrupted is recorded as that.
    let signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(cannot_listen)?
    };
    let prepared = prepare(args, startup, cx)?;
    let outcome = runtime.block_on(talk::hold(prepared, signals));
    // What still reads stdin would be waited for.
    runtime.shutdown_background();
    outcome
}

/// What waits for models, tools, signals and keys.
pub(super) fn event_loop() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(ErrorClass::Io, "cannot make an event loop").because(&error))
}

/// Signals that cannot be caught would end a run without a word.
pub(super) fn cannot_listen(error: io::Error) -> Failure {
    Failure::new(ErrorClass::Io, "cannot listen to signals").because(&error)
}

/// A conversation that can begin.
struct Prepared<'a> {
    conversation: Conversation,
    /// How many turns it has.
    turns: u64,
    console: Console,
    /// The terminal, where one shows the conversation.
    screen: Option<screen::Shared>,
    script: Script,
    recorder: Option<Arc<Recorder>>,
    maker: Maker<'a>,
}

/// Makes conversations with one agent: the first, and a new one when somebody asks for it.
struct Maker<'a> {
    args: &'a RunArgs,
    startup: &'a Startup,
    cx: &'a Cx,
    config: Config,
    environment: Environment,
    transport: Transport,
}

impl Maker<'_> {
    /// An agent of the file whose questions another model answers: a name from the file, or `provider/model`.
    fn agent_with(&self, agent: &str, model: &str) -> Result<Agent, Failure> {
        let choice = choice(self.args, self.startup)?.agent(agent).model(model);
        Agent::new(&self.config, &choice, &self.environment).map_err(|error| refused(&error))
    }

    /// The names of the file's models.
    fn models(&self) -> impl Iterator<Item = &str> {
        self.config.models.iter().map(|model| model.name.as_str())
    }

    /// A new conversation, in the place of an earlier one.
    fn conversation(&self) -> Result<Conversation, Failure> {
        let mut conversation = self.with(team(self.args, self.startup, &self.config, &self.environment)?)?;
        stored::begin(&mut conversation, self.args, self.startup);
        Ok(conversation)
    }

    /// The first conversation, a new one or one that is continued, and how many turns it has.
    fn first(&self, team: Team) -> Result<(Conversation, u64), Failure> {
        let mut conversation = self.with(team)?;
        let turns = match &self.args.session {
            Some(wanted) => stored::resume(&mut conversation, wanted, self.args, self.startup)?,
            None => {
                stored::begin(&mut conversation, self.args, self.startup);
                0
            }
        };
        Ok((conversation, turns))
    }

    fn with(&self, team: Team) -> Result<Conversation, Failure> {
        let folder = working_folder(self.args.working_dir.as_deref())?;
        let approval = if self.args.yolo { Approval::All } else { Approval::Each };
        let mut settings =
            Settings::new(folder.path()).approval(approval).today(jiff::Zoned::now().date().to_string());
        settings.home = std::env::home_dir();
        let transport = self.transport.clone();
        Conversation::new(team, transport, settings, &self.environment, self.cx)
            .map_err(|error| cannot_work_in(folder.path(), &error))
    }
}

fn prepare<'a>(args: &'a RunArgs, startup: &'a Startup, cx: &'a Cx) -> Result<Prepared<'a>, Failure> {
    let environment = startup.environment()?;
    let config = agent_file::read(&args.agent_file)?;
    let team = team(args, startup, &config, &environment)?;
    for auto in team.agents().filter_map(Agent::auto) {
        output::note(format_args!("model {auto}"));
    }
    let script = Script::new(args, startup.called())?;
    let (transport, recorder) = transport(args, &team, &environment)?;
    let maker = Maker { args, startup, cx, config, environment, transport };
    let (conversation, turns) = maker.first(team)?;
    let (console, screen) = console(args);
    Ok(Prepared { conversation, turns, console, screen, script, recorder, maker })
}

/// How the conversation is shown, and who is asked.
fn console(args: &RunArgs) -> (Console, Option<screen::Shared>) {
    let person = !args.exec && !args.json && output::stdin_is_terminal();
    let asking = if person { Asking::Person } else { Asking::Nobody { said: false } };
    if args.json {
        return (Console::new(Box::new(json::Lines), asking), None);
    }
    let console = |sink: Box<dyn Sink>| {
        let sink = if args.hide_tool_calls { Box::new(WithoutCalls(sink)) } else { sink };
        Console::new(sink, asking)
    };
    if args.exec || !output::screen_can_be_drawn() {
        return (console(Box::new(text::Text::new())), None);
    }
    let screen = screen::stdout();
    (console(Box::new(screen::OnScreen(Arc::clone(&screen)))), Some(screen))
}

/// Where tools work, which must exist.
pub(super) fn working_folder(chosen: Option<&Path>) -> Result<WorkingFolder, Failure> {
    let folder = chosen.unwrap_or(Path::new("."));
    WorkingFolder::new(folder).map_err(|error| cannot_work_in(folder, &error))
}

pub(super) fn cannot_work_in(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(ErrorClass::Config, format_args!("cannot work in {}", folder.display())).because(error)
}

fn team(
    args: &RunArgs,
    startup: &Startup,
    config: &Config,
    environment: &Environment,
) -> Result<Team, Failure> {
    let mut choice = choice(args, startup)?;
    if let Some(name) = &args.agent {
        choice = choice.agent(name);
    }
    if let Some(model) = &args.model {
        choice = choice.model(model);
    }
    Team::new(config, &choice, environment).map_err(|error| match &error {
        AgentError::UnknownModel { name, .. } if name.contains('=') => refused(&error)
            .hint("--model is for the agent that begins: name the model alone, and the agent with --agent"),
        error => refused(error),
    })
}

/// What holds for whichever agent and model.
fn choice(args: &RunArgs, startup: &Startup) -> Result<Choice, Failure> {
    let keys = if args.fake.is_some() { Keys::Unused } else { Keys::Required };
    Ok(Choice::default().prices(prices::read(startup.config_dir())?).keys(keys))
}

/// What an agent that cannot run means.
pub(super) fn refused(error: &AgentError) -> Failure {
    let failure = match error.class() {
        ErrorClass::Usage => Failure::usage(error),
        class => Failure::new(class, error),
    };
    match error {
        AgentError::Endpoint(_) if error.class() == ErrorClass::Auth => {
            failure.hint("set it in the environment, or in a file given with --env-from-file")
        }
        _ => failure,
    }
}

fn transport(
    args: &RunArgs,
    team: &Team,
    environment: &Environment,
) -> Result<(Transport, Option<Arc<Recorder>>), Failure> {
    let options = || http::Options::new(format!("docker-agent/{}", crate::VERSION), environment);
    if let Some(path) = &args.fake {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::new(ErrorClass::Config, format_args!("cannot read {name}")).because(&error)
        })?;
        let replayer =
            Replayer::from_yaml(&name, &text).map_err(|error| Failure::new(ErrorClass::Config, error))?;
        output::note(format_args!("answers come from the recording {name}; tools really run"));
        let pace = Duration::from_millis(args.fake_stream.unwrap_or(0));
        return Ok((Transport::replaying(Arc::new(replayer)).paced(pace), None));
    }
    if let Some(path) = &args.record {
        let name = path.display();
        let recorder = Recorder::create(path, team.secrets(environment)).map_err(|error| {
            Failure::new(ErrorClass::Io, format_args!("cannot write {name}")).because(&error)
        })?;
        output::note(format_args!("recording to {name}; prompts and answers are in it, keys are not"));
        let recorder = Arc::new(recorder);
        return Ok((Transport::recording(options(), Arc::clone(&recorder)), Some(recorder)));
    }
    Ok((Transport::live(options()), None))
}

/// A failure that was already shown.
fn shown(class: ErrorClass) -> Failure {
    Failure::quiet(Ended::failure(1, class))
}
