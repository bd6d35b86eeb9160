//! A conversation with agents: user messages in, events out, however many turns.
//!
//! One conversation is one telemetry session; a task that an agent passes on is a child session.
//! What lasts for a conversation is a [`Thread`]; what all threads of it share is a [`World`] and the seats of the
//! agents. [`turn::Turn`] brings them together while a turn lasts.
//! Whatever ends a turn, the history stays one that providers accept: every tool call has its answer, and the model
//! has the last word.

mod ask;
mod compaction;
mod delegation;
pub(crate) mod event;
mod history;
mod prompt;
mod reporting;
mod round;
mod settings;
mod totals;
mod turn;

use std::sync::Arc;
use std::time::Instant;

use agent_telemetry::Cx;

use crate::agent::Agent;
use crate::cancel::Cancel;
use crate::environment::{Environment, Secret};
use crate::provider::fallback::Chain;
use crate::provider::retry::Policy;
use crate::provider::{Message, ToolDefinition, Usage};
use crate::sessions::{Header, SessionError, SessionFile, Sessions, Stored, StoredId};
use crate::team::Team;
use crate::tools::Context;
use crate::tools::asking::{self, Questions};
use crate::tools::folder::WorkingFolder;
use crate::tools::permissions::Approval;
use crate::transport::Transport;
use event::{CallUsage, Frontend, TurnOutcome};
use history::History;
use reporting::Report;
pub use settings::Settings;

use totals::Totals;
use turn::Turn;

/// The names of the tools for passing work on, which agents with `sub_agents` or `handoffs` have.
pub const DELEGATION_TOOLS: [&str; 2] = [delegation::TRANSFER, delegation::HANDOFF];

/// A conversation with one agent, or with several who pass it on.
#[derive(Debug)]
pub struct Conversation {
    seats: Vec<Seat>,
    world: World,
    thread: Thread,
}

/// An agent at work: who it is, and whom it asks.
#[derive(Debug)]
struct Seat {
    agent: Agent,
    models: Chain,
    /// The tools on offer, those for passing work on included.
    tools: Vec<ToolDefinition>,
    /// The system prompt, but for what the sources of tools add to it.
    base_prompt: String,
    /// The system prompt.
    prompt: String,
}

/// What does not change while a conversation lasts.
#[derive(Debug)]
struct World {
    context: Context,
    /// What tools want to know from the user.
    questions: Questions,
    settings: Settings,
    /// The way to models.
    transport: Transport,
    /// What error texts must not repeat.
    secrets: Vec<Secret>,
    storing: Option<Storing>,
}

/// The tools of an agent, as a model gets to see them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Offered {
    /// The agent's name.
    pub agent: String,
    /// Its tools, those for passing work on included.
    pub tools: Vec<ToolDefinition>,
    /// What could not be started, or had to be left out.
    pub warnings: Vec<String>,
}

/// Where a conversation is stored, and when it began.
#[derive(Debug)]
struct Storing {
    sessions: Sessions,
    started_ms: u64,
    started: Instant,
}

/// What lasts from turn to turn.
#[derive(Debug)]
struct Thread {
    /// Whose turn it is: an index into the seats.
    seat: usize,
    history: History,
    totals: Totals,
    report: Report,
    approval: Approval,
    repeats: round::Repeats,
    next_call_id: u64,
    /// What the last model call used, and how long the history was then.
    last: Option<(Usage, usize)>,
    /// How many tasks above this one are waiting.
    depth: u32,
}

impl Conversation {
    /// Prepares a conversation; nothing is sent or recorded before the first turn.
    ///
    /// # Errors
    ///
    /// The working folder does not exist.
    pub fn new(
        team: impl Into<Team>,
        transport: Transport,
        settings: Settings,
        environment: &Environment,
        telemetry: &Cx,
    ) -> std::io::Result<Self> {
        let team = team.into();
        let folder = Arc::new(WorkingFolder::new(&settings.working_folder)?);
        let (asker, questions) = asking::queue();
        let context = Context::new(folder, environment.for_children(team.first().key_variables()), asker);
        let secrets = team.secrets(environment);
        let agents = team.agents;
        let report = Report::new(telemetry.clone(), &agents[0]);
        let briefs: Vec<prompt::Brief> = agents.iter().map(prompt::Brief::of).collect();
        let approval = settings.approval;
        let world = World { context, questions, settings, transport, secrets, storing: None };
        let seat = |agent: Agent| {
            let models = world.models_of(&agent);
            let prompt = prompt::system(&agent, &briefs, &world.settings, &world.context);
            let mut seat =
                Seat { agent, models, tools: Vec::new(), base_prompt: prompt, prompt: String::new() };
            seat.tools_changed();
            seat
        };
        let seats: Vec<Seat> = agents.into_iter().map(seat).collect();
        Ok(Self { seats, world, thread: Thread::new(0, None, report, approval, 0) })
    }

    /// Stores what is said from now on in a new file of `sessions`; to be called before the first turn.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn store_in(&mut self, sessions: Sessions, header: &Header) -> Result<StoredId, SessionError> {
        let file = sessions.create(header)?;
        let id = file.id();
        self.thread.history = History::new(Some(file));
        self.world.storing = Some(Storing::new(sessions, header.started_ms));
        Ok(id)
    }

    /// Continues a stored conversation, and stores what is said from now on; to be called before the first turn.
    ///
    /// An agent that is no longer in the file is replaced by the first one. `now_ms` is the time in Unix milliseconds.
    pub fn resume(&mut self, sessions: Sessions, stored: Stored, file: SessionFile, now_ms: u64) {
        self.thread.history = History::new(Some(file));
        self.thread.next_call_id = ask::last_call_id(&stored.messages);
        self.thread.history.continue_with(stored.messages);
        self.thread.seat =
            self.seats.iter().position(|seat| seat.agent.name == stored.agent).unwrap_or_default();
        self.world.storing = Some(Storing::new(sessions, now_ms));
    }

    /// The agent that answers next.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.seats[self.thread.seat].agent
    }

    /// From now on the models of `prepared` answer, which is the agent that answers next, made again with another
    /// [`Choice::model`](crate::Choice::model). What was said stays; the telemetry session keeps the model that it
    /// began with, and each call is counted under the model that answered it.
    pub fn change_model(&mut self, prepared: Agent) {
        let seat = &mut self.seats[self.thread.seat];
        seat.agent.take_models_of(prepared);
        seat.models = self.world.models_of(&seat.agent);
        self.thread.report.model_changed(&seat.agent);
    }

    /// Looks for the tools of every agent, starting the servers that some come from. No model is asked.
    pub async fn offered(&mut self) -> Vec<Offered> {
        let mut offered = Vec::new();
        for seat in &mut self.seats {
            let warnings = seat.agent.toolbox.refresh(&self.world.context).await.warnings;
            seat.tools_changed();
            offered.push(Offered { agent: seat.agent.name.clone(), tools: seat.tools.clone(), warnings });
        }
        offered
    }

    /// Tokens and cost so far, those of sub-agents included.
    #[must_use]
    pub fn usage(&self) -> CallUsage {
        self.thread.totals.usage()
    }

    /// The messages so far, the system prompt first.
    #[must_use]
    pub fn history(&self) -> &[Message] {
        self.thread.history.messages()
    }

    /// Says something to the agent and follows it until it has answered, tools included.
    pub async fn turn(&mut self, message: &str, frontend: &mut dyn Frontend, cancel: &Cancel) -> TurnOutcome {
        self.world.context.cancel = cancel.clone();
        let Self { seats, world, thread } = self;
        Turn { seats, world, thread, frontend }.run(message).await
    }

    /// Ends what the agents have running, giving it a moment: background jobs, MCP servers.
    ///
    /// Without this they end at once when the conversation is dropped.
    pub async fn close(&mut self) {
        for seat in &self.seats {
            seat.agent.toolbox.close().await;
        }
    }

    /// Ends the conversation; its telemetry session gets the outcome of the last turn.
    pub fn finish(self) {
        self.thread.report.end();
    }
}

impl World {
    fn models_of(&self, agent: &Agent) -> Chain {
        let others = agent.alloy.iter().chain(&agent.fallback).cloned();
        let usual = self.settings.retry;
        let retry = Policy { retries: agent.retries.unwrap_or(usual.retries), ..usual };
        Chain::new(agent.model.clone(), others, agent.cooldown, &self.transport, retry, &self.secrets)
            .in_turn(1 + agent.alloy.len())
            .random(&self.settings.random)
    }
}

impl Seat {
    /// Takes over what tools there are now.
    fn tools_changed(&mut self) {
        self.tools = self.agent.toolbox.definitions();
        self.tools.extend(delegation::tools(&self.agent.config));
        let parts = std::iter::once(self.base_prompt.as_str()).chain(self.agent.toolbox.instructions());
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        self.prompt = parts.join("\n\n");
    }
}

impl Storing {
    fn new(sessions: Sessions, started_ms: u64) -> Self {
        Self { sessions, started_ms, started: Instant::now() }
    }

    /// The time, as far as it can be told without a clock.
    fn now_ms(&self) -> u64 {
        self.started_ms.saturating_add(event::millis(self.started.elapsed()))
    }
}

impl Thread {
    fn new(seat: usize, file: Option<SessionFile>, report: Report, approval: Approval, depth: u32) -> Self {
        Self {
            seat,
            history: History::new(file),
            totals: Totals::default(),
            report,
            approval,
            repeats: round::Repeats::default(),
            next_call_id: 0,
            last: None,
            depth,
        }
    }
}
