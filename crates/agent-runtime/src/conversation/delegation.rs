//! Passing work on: a task to a sub-agent, which works in a session of its own, or the conversation to another agent.
//!
//! Both are offered to the model as tools and are ours, not an agent file's: they touch nothing outside of the
//! conversation, so they run unasked unless the file's permissions say otherwise.

use std::time::{Duration, Instant};

use agent_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::{Value, json};

use super::event::{Event, ToolStatus, TurnOutcome};
use super::reporting::Outcome;
use super::round::Answered;
use super::turn::Turn;
use super::{Thread, prompt};
use crate::config::{AgentConfig, nearest};
use crate::provider::{Message, ToolDefinition};
use crate::sessions::Header;

pub(super) const TRANSFER: &str = "transfer_task";
pub(super) const HANDOFF: &str = "handoff";

/// Tasks within tasks; agents that pass a task around in circles have to end.
const MAX_DEPTH: u32 = 8;

#[derive(Deserialize)]
struct Task {
    agent: String,
    task: String,
    #[serde(default)]
    expected_output: String,
}

#[derive(Deserialize)]
struct Takeover {
    agent: String,
}

/// The tools for passing work on that an agent is offered.
pub(super) fn tools(agent: &AgentConfig) -> Vec<ToolDefinition> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let name = |names: &[String], what: &str| json!({ "type": "string", "enum": names, "description": what });
    let mut tools = Vec::new();
    if !agent.sub_agents.is_empty() {
        tools.push(ToolDefinition {
            name: TRANSFER.to_owned(),
            description: "Gives a task to another agent, which works on it alone, and returns its answer."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "agent": name(&agent.sub_agents, "Who gets the task."),
                    "task": text("What is to be done, with everything the agent has to know."),
                    "expected_output": text("What the answer has to contain."),
                },
                "required": ["agent", "task", "expected_output"],
            }),
        });
    }
    if !agent.handoffs.is_empty() {
        tools.push(ToolDefinition {
            name: HANDOFF.to_owned(),
            description: "Passes the conversation on: the other agent answers the user from now on."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": { "agent": name(&agent.handoffs, "Who takes over.") },
                "required": ["agent"],
            }),
        });
    }
    tools
}

/// Tells whether a name is that of a tool for passing work on, which this agent has.
pub(super) fn is_offered(name: &str, agent: &AgentConfig) -> bool {
    match name {
        TRANSFER => !agent.sub_agents.is_empty(),
        HANDOFF => !agent.handoffs.is_empty(),
        _ => false,
    }
}

impl Turn<'_> {
    /// Runs a call of one of the tools above.
    pub(super) async fn delegate(&mut self, name: &str, arguments: Value) -> Answered {
        let started = Instant::now();
        let report = self.thread.report.delegation(name);
        let (outcome, answered) = match name {
            TRANSFER => match serde_json::from_value(arguments) {
                Ok(task) => self.transfer(task).await,
                Err(error) => invalid(name, &error),
            },
            _ => match serde_json::from_value(arguments) {
                Ok(takeover) => self.hand_over(&takeover),
                Err(error) => invalid(name, &error),
            },
        };
        report.end(outcome);
        Answered { elapsed: started.elapsed(), ..answered }
    }

    async fn transfer(&mut self, task: Task) -> (Outcome, Answered) {
        let names = &self.seat().agent.config.sub_agents;
        let Some(seat) = self.seat_of(&task.agent, names) else {
            return unknown_agent(&task.agent, &self.seat().agent.config.sub_agents);
        };
        if self.thread.depth >= MAX_DEPTH {
            let text = format!("not passed on: {MAX_DEPTH} tasks are waiting for each other already");
            return failed(ErrorClass::Limit, text);
        }
        let mut child = self.child(seat);
        let outcome = {
            let mut turn =
                Turn { seats: self.seats, world: self.world, thread: &mut child, frontend: self.frontend };
            Box::pin(turn.run(&words(&task))).await
        };
        // What the user allowed once is allowed.
        self.thread.approval = child.approval;
        self.thread.totals.add_all(&child.totals);
        let answer = match child.history.last() {
            Some(Message::Assistant { text, .. }) => text.trim().to_owned(),
            _ => String::new(),
        };
        self.frontend.event(&Event::SessionEnded {
            session_id: child.report.id(),
            agent: task.agent.clone(),
            outcome,
        });
        child.report.end();
        match outcome {
            TurnOutcome::Completed => {
                let text = if answer.is_empty() { "[the agent said nothing]".to_owned() } else { answer };
                (Outcome::Ok, Answered::new(ToolStatus::Ok, text))
            }
            TurnOutcome::Cancelled => {
                let answered = Answered::new(ToolStatus::Cancelled, "[cancelled by the user]");
                (Outcome::Cancelled, Answered { stop: Some(TurnOutcome::Cancelled), ..answered })
            }
            TurnOutcome::Failed => {
                failed(ErrorClass::ToolError, format!("{} failed at the task: {answer}", task.agent))
            }
            TurnOutcome::Limit => {
                failed(ErrorClass::Limit, format!("{} was stopped at a limit: {answer}", task.agent))
            }
        }
    }

    /// A thread for a task, with a file of its own if this one has one.
    fn child(&mut self, seat: usize) -> Thread {
        let agent = &self.seats[seat].agent;
        let report = self.thread.report.child(agent);
        let file =
            self.world.storing.as_ref().zip(self.thread.history.file_id()).and_then(|(storing, id)| {
                let header = Header::new(&agent.name, storing.now_ms(), &self.world.settings.working_folder);
                storing.sessions.create(&header.parent(id)).ok()
            });
        Thread::new(seat, file, report, self.thread.approval, self.thread.depth + 1)
    }

    fn hand_over(&mut self, takeover: &Takeover) -> (Outcome, Answered) {
        let names = &self.seat().agent.config.handoffs;
        let Some(seat) = self.seat_of(&takeover.agent, names) else {
            return unknown_agent(&takeover.agent, &self.seat().agent.config.handoffs);
        };
        let before = self.seat().agent.name.clone();
        self.thread.seat = seat;
        self.thread.last = None;
        let agent = &self.seats[seat].agent;
        self.thread.report.agent_changed(agent);
        self.thread.history.agent_changed(&agent.name);
        self.frontend.event(&Event::AgentChanged { agent: agent.name.clone(), model: agent.model() });
        for name in prompt::missing_files(agent, &self.world.settings, &self.world.context) {
            let text = format!("prompt file `{name}` cannot be read; the agent answers without it");
            self.frontend.event(&Event::Warning { text });
        }
        let text = format!(
            "The conversation was passed on by {before} to you, {}. Go on with it; the user reads what you write.",
            agent.name
        );
        (Outcome::Ok, Answered::new(ToolStatus::Ok, text))
    }

    /// The seat of an agent, if it is among `allowed`.
    fn seat_of(&self, name: &str, allowed: &[String]) -> Option<usize> {
        if !allowed.iter().any(|known| known == name) {
            return None;
        }
        self.seats.iter().position(|seat| seat.agent.name == name)
    }
}

fn words(task: &Task) -> String {
    match task.expected_output.trim() {
        "" => task.task.trim().to_owned(),
        expected => format!("{}\n\nExpected output: {expected}", task.task.trim()),
    }
}

fn invalid(name: &str, error: &serde_json::Error) -> (Outcome, Answered) {
    failed(ErrorClass::InvalidArguments, format!("invalid arguments for {name}: {error}"))
}

fn unknown_agent(name: &str, names: &[String]) -> (Outcome, Answered) {
    let known = names.join(", ");
    let hint = nearest(name, names.iter().map(String::as_str)).map(|hint| format!("; {hint}"));
    let text =
        format!("there is no agent `{name}` to pass this on to{}; agents: {known}", hint.unwrap_or_default());
    failed(ErrorClass::NotFound, text)
}

fn failed(class: ErrorClass, text: String) -> (Outcome, Answered) {
    (Outcome::Failed(class), Answered { elapsed: Duration::ZERO, ..Answered::new(ToolStatus::Error, text) })
}
