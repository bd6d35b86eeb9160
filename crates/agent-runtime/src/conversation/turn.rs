//! One turn: a message of the user, and what follows until the agent has answered.

use std::time::Instant;

use agent_telemetry::ErrorClass;

use super::event::{Event, Frontend, TurnOutcome, millis};
use super::{Seat, Thread, World, compaction, prompt, round};
use crate::provider::{FinishReason, Message, ProviderError, ToolCall};

/// Everything that a turn needs, for as long as it lasts.
pub(super) struct Turn<'a> {
    pub(super) seats: &'a mut [Seat],
    pub(super) world: &'a World,
    pub(super) thread: &'a mut Thread,
    pub(super) frontend: &'a mut dyn Frontend,
}

/// How a turn has to end.
pub(super) struct Stop {
    pub(super) outcome: TurnOutcome,
    /// What the model is taken to have said, where it did not get to say anything.
    pub(super) last_word: String,
}

impl Stop {
    pub(super) fn new(outcome: TurnOutcome) -> Self {
        Self { outcome, last_word: String::new() }
    }
}

impl Turn<'_> {
    /// Says something to the agent and follows it until it has answered.
    pub(super) async fn run(&mut self, message: &str) -> TurnOutcome {
        let started = Instant::now();
        self.begin();
        self.thread.report.turn();
        self.thread.repeats = round::Repeats::default();
        let calls_before = (self.thread.totals.model_calls, self.thread.totals.tool_calls);
        let first = self.thread.history.len();
        self.thread.history.push(Message::User(message.to_owned()));
        let outcome = match self.answer().await {
            Ok(()) => TurnOutcome::Completed,
            Err(stop) => {
                self.close_history(first, &stop);
                stop.outcome
            }
        };
        self.tell_trouble();
        self.thread.report.outcome(outcome);
        self.frontend.event(&Event::TurnEnded {
            outcome,
            model_calls: self.thread.totals.model_calls - calls_before.0,
            tool_calls: self.thread.totals.tool_calls - calls_before.1,
            elapsed_ms: millis(started.elapsed()),
        });
        outcome
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seats[self.thread.seat]
    }

    /// Starts the session with its first turn.
    fn begin(&mut self) {
        if self.thread.report.is_started() {
            return;
        }
        let session_id = self.thread.report.start();
        let agent = &self.seats[self.thread.seat].agent;
        let (name, model) = (agent.name.clone(), agent.model());
        let parent_session_id = self.thread.report.parent_id();
        self.frontend.event(&Event::SessionStarted { session_id, parent_session_id, agent: name, model });
        for name in prompt::missing_files(agent, &self.world.settings, &self.world.context) {
            let text = format!("prompt file `{name}` cannot be read; the agent answers without it");
            self.frontend.event(&Event::Warning { text });
        }
    }

    /// Asks the model and runs its tools until it has nothing more to ask for.
    async fn answer(&mut self) -> Result<(), Stop> {
        let mut model_calls = 0;
        let mut summaries_left = compaction::MAX_PER_TURN;
        loop {
            if let Some(limit) = self.seat().agent.config.max_iterations
                && model_calls >= limit
            {
                let text = format!("stopped after {limit} model calls (max_iterations)");
                return Err(self.stop_at_limit(text));
            }
            model_calls += 1;
            self.look_for_tools().await;
            let reply = self.ask(&mut summaries_left).await?;
            let cut = reply.finish == Some(FinishReason::Length);
            let (calls, dropped) = whole_calls(reply.calls, cut);
            if dropped > 0 {
                let text =
                    format!("the answer was cut off at the token limit, {dropped} tool calls were dropped");
                self.frontend.event(&Event::Warning { text: text.clone() });
                if calls.is_empty() {
                    let text = format!("{}[{text}]", reply.text);
                    self.thread.history.push(Message::assistant(text, calls));
                    self.thread.report.error(ErrorClass::Limit);
                    return Err(Stop::new(TurnOutcome::Limit));
                }
            }
            let is_empty = reply.text.trim().is_empty();
            let (text, reasoning) = (reply.text, reply.reasoning);
            self.thread.history.push(Message::Assistant { text, calls: calls.clone(), reasoning });
            if calls.is_empty() {
                let warning = match reply.finish {
                    _ if cut => Some("the answer was cut off at the token limit"),
                    Some(FinishReason::ContentFilter) => Some("the provider withheld the rest of the answer"),
                    _ if is_empty => Some("the model said nothing"),
                    _ => None,
                };
                if let Some(text) = warning {
                    self.frontend.event(&Event::Warning { text: text.to_owned() });
                }
                return Ok(());
            }
            self.run_calls(&calls).await?;
        }
    }

    /// Takes over what tools there are now: those of servers come and go.
    async fn look_for_tools(&mut self) {
        let seat = &mut self.seats[self.thread.seat];
        let refreshed = seat.agent.toolbox.refresh(&self.world.context).await;
        if refreshed.changed {
            seat.tools_changed();
        }
        for text in refreshed.warnings {
            self.frontend.event(&Event::Warning { text });
        }
    }

    pub(super) fn stop_at_limit(&mut self, text: String) -> Stop {
        let last_word = format!("[{text}]");
        self.fail(ErrorClass::Limit, text);
        Stop { outcome: TurnOutcome::Limit, last_word }
    }

    /// Counts an error and tells it.
    pub(super) fn fail(&mut self, class: ErrorClass, text: String) {
        self.thread.report.error(class);
        self.frontend.event(&Event::error(class, text, Vec::new()));
    }

    /// Counts an error of a provider and tells it, its own words apart from ours.
    pub(super) fn fail_for(&mut self, error: &ProviderError) {
        self.thread.report.error(error.class());
        let causes = error.why().map(str::to_owned).into_iter().collect();
        self.frontend.event(&Event::error(error.class(), error.what().to_owned(), causes));
    }

    fn tell_trouble(&mut self) {
        if let Some(text) = self.thread.history.take_trouble() {
            self.frontend.event(&Event::Warning { text });
        }
    }

    /// Leaves a history that the next turn can be added to.
    fn close_history(&mut self, first: usize, stop: &Stop) {
        let history = &mut self.thread.history;
        let nothing_said = history.len() == first + 1 && stop.last_word.is_empty();
        if nothing_said && stop.outcome == TurnOutcome::Failed {
            // Nothing came of the message; saying it again must not double it.
            history.take_back(first);
            return;
        }
        if matches!(history.last(), Some(Message::User(_) | Message::Tool { .. })) {
            let text = match (stop.last_word.as_str(), stop.outcome) {
                ("", TurnOutcome::Cancelled) => "[cancelled by the user]".to_owned(),
                ("", _) => "[no answer]".to_owned(),
                (text, _) => text.to_owned(),
            };
            history.push(Message::assistant(text, Vec::new()));
        }
    }
}

/// Leaves out calls that a cut-off answer did not finish; returns how many.
fn whole_calls(calls: Vec<ToolCall>, cut: bool) -> (Vec<ToolCall>, usize) {
    if !cut {
        return (calls, 0);
    }
    let before = calls.len();
    let is_whole = |call: &ToolCall| {
        serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok_and(|value| value.is_object())
    };
    let whole: Vec<ToolCall> = calls.into_iter().filter(is_whole).collect();
    let dropped = before - whole.len();
    (whole, dropped)
}
