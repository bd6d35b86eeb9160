//! A conversation with one agent: user messages in, events out, however many turns.
//!
//! One conversation is one telemetry session. Whatever ends a turn, the history stays one that providers accept:
//! every tool call has its answer, and the model has the last word.

pub(crate) mod event;
mod reporting;
mod round;
mod totals;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_telemetry::{Cx, ErrorClass};

use crate::agent::Agent;
use crate::cancel::Cancel;
use crate::config::ToolsetKind;
use crate::environment::Environment;
use crate::prices::Catalogue;
use crate::provider::client::{Answered, CallError, Client, Observer};
use crate::provider::retry::Policy;
use crate::provider::{
    Delta, FinishReason, Message, ProviderError, Reply, Request, ToolCall, ToolDefinition, Usage,
};
use crate::tools::Context;
use crate::tools::asking::{self, Questions};
use crate::tools::folder::WorkingFolder;
use crate::tools::permissions::Approval;
use crate::transport::Transport;
use event::{CallUsage, Event, Frontend, TurnOutcome, millis};
use reporting::Report;
use totals::Totals;

/// What a conversation needs to know about the world.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where relative paths start.
    pub working_folder: PathBuf,
    /// Whether every tool that is not denied may run unasked (`--yolo`).
    pub approval: Approval,
    /// The date for agents with `add_date`, as they should read it.
    pub today: Option<String>,
    /// When failed model calls are tried again.
    pub retry: Policy,
}

impl Settings {
    /// Settings that ask about every tool that changes something.
    #[must_use]
    pub fn new(working_folder: impl Into<PathBuf>) -> Self {
        Self {
            working_folder: working_folder.into(),
            approval: Approval::Each,
            today: None,
            retry: Policy::default(),
        }
    }

    /// Sets what the user approves in advance.
    #[must_use]
    pub fn approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// Sets the date.
    #[must_use]
    pub fn today(mut self, today: impl Into<String>) -> Self {
        self.today = Some(today.into());
        self
    }

    /// Sets when failed model calls are tried again.
    #[must_use]
    pub fn retry(mut self, retry: Policy) -> Self {
        self.retry = retry;
        self
    }
}

/// A conversation with one agent.
#[derive(Debug)]
pub struct Conversation {
    agent: Agent,
    client: Client,
    tools: Vec<ToolDefinition>,
    context: Context,
    questions: Questions,
    /// The system prompt without what the sources of tools add to it.
    prompt: String,
    approval: Approval,
    history: Vec<Message>,
    totals: Totals,
    report: Report,
    repeats: round::Repeats,
    next_call_id: u64,
    started: bool,
}

/// How a turn has to end.
struct Stop {
    outcome: TurnOutcome,
    /// What the model is taken to have said, where it did not get to say anything.
    last_word: String,
}

impl Conversation {
    /// Prepares a conversation; nothing is sent or recorded before the first turn.
    ///
    /// # Errors
    ///
    /// The working folder does not exist.
    pub fn new(
        agent: Agent,
        transport: Transport,
        settings: Settings,
        environment: &Environment,
        telemetry: &Cx,
    ) -> std::io::Result<Self> {
        let folder = Arc::new(WorkingFolder::new(&settings.working_folder)?);
        let secrets = environment.secrets(agent.key_variables());
        let client = Client::new(agent.endpoint.clone(), transport, settings.retry, secrets);
        let (asker, questions) = asking::queue();
        let context = Context::new(folder, environment.for_children(agent.key_variables()), asker);
        let prompt = system_prompt(&agent, &settings, &context);
        let history = vec![Message::System(prompt.clone())];
        Ok(Self {
            tools: agent.toolbox.definitions(),
            report: Report::new(telemetry.clone(), &agent),
            client,
            context,
            questions,
            prompt,
            approval: settings.approval,
            history,
            totals: Totals::default(),
            repeats: round::Repeats::default(),
            next_call_id: 0,
            started: false,
            agent,
        })
    }

    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Tokens and cost so far.
    #[must_use]
    pub fn usage(&self) -> CallUsage {
        self.totals.usage()
    }

    /// The messages so far, the system prompt first.
    #[must_use]
    pub fn history(&self) -> &[Message] {
        &self.history
    }

    /// Says something to the agent and follows it until it has answered, tools included.
    pub async fn turn(&mut self, message: &str, frontend: &mut dyn Frontend, cancel: &Cancel) -> TurnOutcome {
        let started = Instant::now();
        if !std::mem::replace(&mut self.started, true) {
            let session_id = self.report.start();
            let (agent, model) = (self.agent.name.clone(), self.agent.model());
            frontend.event(&Event::SessionStarted { session_id, agent, model });
        }
        self.report.turn();
        self.context.cancel = cancel.clone();
        self.repeats = round::Repeats::default();
        let calls_before = (self.totals.model_calls, self.totals.tool_calls);
        let first = self.history.len();
        self.history.push(Message::User(message.to_owned()));
        let outcome = match self.answer(frontend, cancel).await {
            Ok(()) => TurnOutcome::Completed,
            Err(stop) => {
                self.close_history(first, &stop);
                stop.outcome
            }
        };
        self.report.outcome(outcome);
        frontend.event(&Event::TurnEnded {
            outcome,
            model_calls: self.totals.model_calls - calls_before.0,
            tool_calls: self.totals.tool_calls - calls_before.1,
            elapsed_ms: millis(started.elapsed()),
        });
        outcome
    }

    /// Ends what the agent has running, giving it a moment: background jobs, MCP servers.
    ///
    /// Without this they end at once when the conversation is dropped.
    pub async fn close(&mut self) {
        self.agent.toolbox.close().await;
    }

    /// Ends the conversation; its telemetry session gets the outcome of the last turn.
    pub fn finish(self) {
        self.report.end();
    }

    /// Asks the model and runs its tools until it has nothing more to ask for.
    async fn answer(&mut self, frontend: &mut dyn Frontend, cancel: &Cancel) -> Result<(), Stop> {
        let mut model_calls = 0;
        loop {
            if let Some(limit) = self.agent.config.max_iterations
                && model_calls >= limit
            {
                let text = format!("stopped after {limit} model calls (max_iterations)");
                return Err(self.stop_at_limit(frontend, text));
            }
            model_calls += 1;
            self.look_for_tools(frontend).await;
            let reply = self.ask(frontend, cancel).await?;
            let cut = reply.finish == Some(FinishReason::Length);
            let (calls, dropped) = whole_calls(reply.calls, cut);
            if dropped > 0 {
                let text =
                    format!("the answer was cut off at the token limit, {dropped} tool calls were dropped");
                frontend.event(&Event::Warning { text: text.clone() });
                if calls.is_empty() {
                    self.history.push(Message::Assistant { text: format!("{}[{text}]", reply.text), calls });
                    self.report.error(ErrorClass::Limit);
                    return Err(Stop { outcome: TurnOutcome::Limit, last_word: String::new() });
                }
            }
            self.history.push(Message::Assistant { text: reply.text, calls: calls.clone() });
            if calls.is_empty() {
                if cut {
                    let text = "the answer was cut off at the token limit".to_owned();
                    frontend.event(&Event::Warning { text });
                }
                if reply.finish == Some(FinishReason::ContentFilter) {
                    let text = "the provider withheld the rest of the answer".to_owned();
                    frontend.event(&Event::Warning { text });
                }
                return Ok(());
            }
            self.run_calls(&calls, frontend).await?;
        }
    }

    /// Takes over what tools there are now.
    async fn look_for_tools(&mut self, frontend: &mut dyn Frontend) {
        let refreshed = self.agent.toolbox.refresh(&self.context).await;
        for text in refreshed.warnings {
            frontend.event(&Event::Warning { text });
        }
        if refreshed.changed {
            self.tools = self.agent.toolbox.definitions();
            let parts: Vec<&str> = std::iter::once(self.prompt.as_str())
                .chain(self.agent.toolbox.instructions())
                .filter(|part| !part.is_empty())
                .collect();
            if let Some(system @ Message::System(_)) = self.history.first_mut() {
                *system = Message::System(parts.join("\n\n"));
            }
        }
    }

    /// Asks the model once.
    async fn ask(&mut self, frontend: &mut dyn Frontend, cancel: &Cancel) -> Result<Reply, Stop> {
        let mut observer = ModelObserver { frontend, report: &self.report };
        let request =
            Request { parameters: &self.agent.parameters, messages: &self.history, tools: &self.tools };
        let next_call_id = &mut self.next_call_id;
        let next_id = || {
            *next_call_id += 1;
            format!("call_{next_call_id}")
        };
        let answered = self.client.ask(&request, &mut observer, cancel, next_id).await;
        self.totals.model_calls += 1;
        match answered {
            Ok(Answered { reply, duration }) => {
                self.count(&reply, duration, frontend);
                Ok(reply)
            }
            Err(CallError::Cancelled { partial, duration }) => {
                self.count(&partial, duration, frontend);
                self.report.error(ErrorClass::Cancelled);
                Err(Stop { outcome: TurnOutcome::Cancelled, last_word: partial.text })
            }
            Err(CallError::Provider(error)) => {
                self.report.error(error.class());
                frontend.event(&Event::error(error.class(), error.to_string()));
                Err(Stop { outcome: TurnOutcome::Failed, last_word: String::new() })
            }
        }
    }

    /// Counts the tokens of one model call, if the provider told them.
    fn count(&mut self, reply: &Reply, duration: Duration, frontend: &mut dyn Frontend) {
        let Some(usage) = reply.usage else { return };
        let prices = Catalogue::bundled();
        let (provider, configured) = (&self.agent.endpoint.provider_name, &self.agent.model.model);
        // What a server calls its model may be anything, a path included: only names that are known count.
        let model = match &reply.model {
            Some(said) if prices.lists(provider, said) => said.clone(),
            _ => configured.clone(),
        };
        let cost = prices.cost(provider, &model, usage);
        self.totals.add(usage, cost);
        self.report.tokens(&model, usage, cost, duration);
        frontend.event(&Event::Usage {
            model: format!("{provider}/{model}"),
            call: CallUsage::new(usage, cost),
            total: self.totals.usage(),
            elapsed_ms: millis(duration),
        });
    }

    fn stop_at_limit(&self, frontend: &mut dyn Frontend, text: String) -> Stop {
        self.report.error(ErrorClass::Limit);
        frontend.event(&Event::error(ErrorClass::Limit, text.clone()));
        Stop { outcome: TurnOutcome::Limit, last_word: format!("[{text}]") }
    }

    /// Leaves a history that the next turn can be added to.
    fn close_history(&mut self, first: usize, stop: &Stop) {
        let nothing_said = self.history.len() == first + 1 && stop.last_word.is_empty();
        if nothing_said && stop.outcome == TurnOutcome::Failed {
            // Nothing came of the message; saying it again must not double it.
            self.history.truncate(first);
            return;
        }
        if matches!(self.history.last(), Some(Message::User(_) | Message::Tool { .. })) {
            let text = match (stop.last_word.as_str(), stop.outcome) {
                ("", TurnOutcome::Cancelled) => "[cancelled by the user]".to_owned(),
                ("", _) => "[no answer]".to_owned(),
                (text, _) => text.to_owned(),
            };
            self.history.push(Message::Assistant { text, calls: Vec::new() });
        }
    }
}

/// Leaves out calls that a cut-off answer did not finish; returns how many.
fn whole_calls(calls: Vec<ToolCall>, cut: bool) -> (Vec<ToolCall>, usize) {
    if !cut {
        return (calls, 0);
    }
    let before = calls.len();
    let whole: Vec<ToolCall> = calls
        .into_iter()
        .filter(|call| {
            serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok_and(|v| v.is_object())
        })
        .collect();
    let dropped = before - whole.len();
    (whole, dropped)
}

/// Hands the pieces of an answer to the frontend, and failed attempts to the counts.
struct ModelObserver<'a> {
    frontend: &'a mut dyn Frontend,
    report: &'a Report,
}

impl Observer for ModelObserver<'_> {
    fn delta(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(text) => self.frontend.event(&Event::TextDelta { text: text.clone() }),
            Delta::Reasoning(text) => self.frontend.event(&Event::ReasoningDelta { text: text.clone() }),
            _ => {}
        }
    }

    fn retry(&mut self, error: &ProviderError, attempt: u32, pause: Duration) {
        self.report.error(error.class());
        self.frontend.event(&Event::Retry {
            attempt,
            pause_ms: millis(pause),
            class: event::class_name(error.class()),
            text: error.to_string(),
        });
    }
}

fn system_prompt(agent: &Agent, settings: &Settings, context: &Context) -> String {
    let mut parts = vec![agent.config.instruction.trim().to_owned()];
    for toolset in &agent.config.toolsets {
        if !matches!(toolset.kind, ToolsetKind::Unsupported { .. }) {
            parts.extend(toolset.instruction.as_ref().map(|text| text.trim().to_owned()));
        }
    }
    if let (true, Some(today)) = (agent.config.add_date, &settings.today) {
        parts.push(format!("Today's date: {today}"));
    }
    if agent.config.add_environment_info {
        parts.push(format!(
            "Working folder: {}\nOperating system: {}\nArchitecture: {}",
            context.folder.path().display(),
            std::env::consts::OS,
            std::env::consts::ARCH
        ));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

impl Usage {
    /// All tokens of the call.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
